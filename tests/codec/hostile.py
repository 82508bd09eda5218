"""Damage: what an attacker who can write to the store, and recompute checksums, could put there."""

from __future__ import annotations

import os
import random
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

from weft_core.errors import WeftError

CASES = int(os.environ.get("WEFT_HOSTILE_CASES", "2000"))
SLACK = 600_000
"""Bytes a reader may take beside 4 times the input: caches, code objects, a traceback."""


def damaged(data: bytes, cases: int, seed: int) -> Iterator[bytes]:
    """Flips, replaced, inserted and removed bytes, truncations and transplants."""
    rng = random.Random(seed)
    for _ in range(cases):
        out = bytearray(data)
        for _ in range(rng.choice((1, 1, 1, 2, 5))):
            at = rng.randrange(len(out))
            match rng.randrange(8):
                case 0 | 1:
                    out[at] ^= 1 << rng.randrange(8)
                case 2:
                    out[at] = rng.choice(
                        b"\x00\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc7\xd4\xd6\xdc\xdd\xde\xdf\xff\xcf\xcb"
                    )
                case 3:
                    out[at] = rng.randrange(256)
                case 4:
                    del out[at : at + rng.randrange(1, 9)]
                case 5:
                    out[at:at] = rng.randbytes(rng.randrange(1, 9))
                case 6:
                    other = rng.randrange(len(data))
                    out[at : at + 4] = data[other : other + rng.randrange(1, 40)]
                case 7:
                    del out[at:]
            if not out:
                out = bytearray(b"\x90")
        yield bytes(out)


def survives(read: Callable[[bytes], Any], data: bytes) -> Any:
    """Read; only our own errors may come out."""
    try:
        return read(data)
    except WeftError as error:
        assert len(str(error)) < 20_000
        return error


def peak(read: Callable[[bytes], Any], data: bytes) -> int:
    """Bytes of memory that reading took at its worst."""
    survives(read, b"\x92\x01\x90")  # imports and caches
    tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        survives(read, data)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
