"""The layout of an export, which both ends know.

    magic, u16 format
    frames: u8 kind, u32 length of body, body, u32 CRC-32 of (u32 number of the frame, kind, length, body)

    H  the header, once, first: a msgpack map (:class:`Header`)
    R  rows as they are         Z  u32 length, then rows as one zlib stream of that length
    E  the trailer, once, last: a msgpack map (:class:`Trailer`), with the SHA-256 of every byte before this frame

    a row: u16 length of key, key, u32 length of value + 1 (0: the row was deleted), value

A later row replaces an earlier one of its key. Rows make up at most ``PAGE_BYTES``, but for a single longer one, which
is never compressed: what is read takes no more room than what was sent, and a page.
All numbers are big-endian.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Self

import msgpack

from weft_core.errors import ExportFileError

FORMAT: Final = 1
MAGIC: Final = b"\x89WEFT\r\n\x1a"
"""Not text, and found damaged when something took it for text."""
START_BYTES: Final = len(MAGIC) + 2
HEAD_BYTES: Final = 5
CRC_BYTES: Final = 4
PAGE_BYTES: Final = 64 * 1024
MAX_FRAME_BYTES: Final = 256 * 1024 * 1024
MAX_FACTS_BYTES: Final = 4096
"""Of the body of a header or trailer."""

HEADER: Final = ord("H")
ROWS: Final = ord("R")
DEFLATED: Final = ord("Z")
TRAILER: Final = ord("E")


@dataclass(frozen=True, slots=True)
class Header:
    """Of which store an export is, and when it was begun."""

    store_id: str
    store_format: int
    generation: int
    """How many times this store had been restored from an export."""
    epoch: int
    made_ms: int
    made_by: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def pack(self) -> bytes:
        return _pack(asdict(self))

    @classmethod
    def unpack(cls, body: bytes, at: int) -> Self:
        facts = _unpack(body, at)
        numbers = ("store_format", "generation", "epoch", "made_ms")
        whole = all(type(facts.get(name)) is int and facts[name] >= 0 for name in numbers)
        text = all(type(facts.get(name)) is str and len(facts[name]) <= 200 for name in ("store_id", "made_by"))
        if not whole or not text or not facts["store_id"]:
            raise ExportFileError(reason="its header lacks what a header says", offset=at)
        return cls(**{name: facts[name] for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class Trailer:
    """What an export holds, said at its end."""

    rows: int
    size: int
    """Bytes before the trailer."""
    commits: int
    """Number of the owner's last commit that is in it."""
    sha256: bytes

    def pack(self) -> bytes:
        return _pack(asdict(self))

    @classmethod
    def unpack(cls, body: bytes, at: int) -> Self:
        facts = _unpack(body, at)
        if not all(type(facts.get(name)) is int for name in ("rows", "size", "commits")):
            raise ExportFileError(reason="its trailer lacks what a trailer says", offset=at)
        return cls(facts["rows"], facts["size"], facts["commits"], facts.get("sha256", b""))


def _pack(facts: dict[str, Any]) -> bytes:
    packed: bytes = msgpack.packb(facts, use_bin_type=True)
    return packed


def _unpack(body: bytes, at: int) -> dict[Any, Any]:
    try:
        facts = msgpack.unpackb(body, strict_map_key=True)
    except (ValueError, msgpack.UnpackException) as error:
        raise ExportFileError(reason=f"not what an export says of itself: {error}", offset=at) from None
    if not isinstance(facts, dict):
        raise ExportFileError(reason="not what an export says of itself", offset=at)
    return facts
