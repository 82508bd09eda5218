"""A host made of nothing: time that moves when told to, ids and chance that repeat."""

from __future__ import annotations

import hashlib
import heapq
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from weft_core.ports import Host, Ids

EPOCH_MS = 1_767_225_600_000
"""2026-01-01T00:00:00Z, where virtual time begins."""


class VirtualClock:
    """UTC milliseconds that stand still until ``advance_to``."""

    def __init__(self, now_ms: int = EPOCH_MS) -> None:
        self._now = now_ms
        self._timers: list[tuple[int, int, _Timer]] = []
        self._count = 0

    def now_ms(self) -> int:
        return self._now

    def call_at(self, deadline_ms: int, callback: Callable[[], None]) -> _Timer:
        timer = _Timer(callback)
        self._count += 1
        heapq.heappush(self._timers, (deadline_ms, self._count, timer))
        return timer

    def next_deadline(self) -> int | None:
        """The earliest deadline that still has a callback."""
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def advance_to(self, now_ms: int) -> None:
        """Set the time and call back everything that is due."""
        self._now = max(self._now, now_ms)
        while (deadline := self.next_deadline()) is not None and deadline <= self._now:
            callback = heapq.heappop(self._timers)[2].take()
            if callback is not None:
                callback()


class _Timer:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def take(self) -> Callable[[], None] | None:
        callback, self.callback = self.callback, None
        return callback

    def cancel(self) -> None:
        self.callback = None


_run_numbers = itertools.count(1)


class SeededIds:
    """Ids that count, and chance that is a function of the seed.

    Ids count over the whole process, or from ``numbers``: two engines on one store must never make the same.
    """

    def __init__(self, seed: str = "weft", numbers: Iterator[int] = _run_numbers) -> None:
        self._seed = seed
        self._count = 0
        self._numbers = numbers

    def _hash(self) -> bytes:
        self._count += 1
        return hashlib.sha256(f"{self._seed}|{self._count}".encode()).digest()

    def new_id(self) -> str:
        return f"run-{next(self._numbers):08d}"

    def random(self) -> float:
        return int.from_bytes(self._hash()[:6], "big") / 2**48

    def token(self) -> str:
        return self._hash().hex()


async def _inline(fn: Callable[[], Any]) -> Any:
    return fn()


def virtual_host(clock: VirtualClock | None = None, seed: str = "weft", ids: Ids | None = None) -> Host:
    """A host for tests; blocking functions run inline."""
    return Host(clock=clock or VirtualClock(), ids=ids or SeededIds(seed), run_blocking=_inline)
