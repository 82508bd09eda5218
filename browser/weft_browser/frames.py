"""The bytes of a storage request and its reply. The other end, with the layout: ``service_worker/store_frames.mjs``."""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct

from weft_core import errors
from weft_core.ports import Condition, Op, Row

GET, HAS, SCAN, APPLY, DELETE_PREFIX = 1, 2, 3, 4, 5
REVERSE, AFTER, BEFORE, CAPPED = 1, 2, 4, 8
_CUT = 0x8000_0000
INDEXED_DB = "IndexedDB"

_U32 = Struct("<I")
_SCAN = Struct("<BBI")
_pack = _U32.pack


def key_request(op: int, key: str) -> bytes:
    """A get, has or delete_prefix."""
    encoded = key.encode()
    return b"".join((bytes((op,)), _pack(len(encoded)), encoded))


def scan_request(prefix: str, after: str | None, before: str | None, limit: int, reverse: bool) -> bytes:
    """Read forwards, the page may be cut: see :func:`was_cut`."""
    flags = (
        (REVERSE if reverse else CAPPED) | (AFTER if after is not None else 0) | (BEFORE if before is not None else 0)
    )
    parts = [_SCAN.pack(SCAN, flags, limit)]
    for text in (prefix, after or "", before or ""):
        encoded = text.encode()
        parts += (_pack(len(encoded)), encoded)
    return b"".join(parts)


def apply_request(conditions: Sequence[Condition], ops: Sequence[Op]) -> bytes:
    parts = [bytes((APPLY,))]
    for entries in (conditions, ops):
        parts.append(_pack(len(entries)))
        for key, value in entries:
            encoded = key.encode()
            parts += (_pack(len(encoded)), encoded)
            parts += (b"\0\0\0\0\0",) if value is None else (b"\1", _pack(len(value)), value)
    return b"".join(parts)


def check(reply: bytes, store: str = INDEXED_DB) -> None:
    """Raise the StorageError that the reply carries, if any; ``store`` is what its message calls the store."""
    if not reply[0]:
        return
    code, at = _blob(reply, 1)
    message, _ = _blob(reply, at)
    raise store_error(code.decode(), message.decode(), store)


def value_of(reply: bytes) -> bytes | None:
    return reply[2:] if reply[1] else None


def flag_of(reply: bytes) -> bool:
    return reply[1] == 1


def count_of(reply: bytes) -> int:
    return int(_U32.unpack_from(reply, 1)[0])


def was_cut(reply: bytes) -> bool:
    """The page holds large values, and goes on behind its last row."""
    return bool(count_of(reply) & _CUT)


def rows_of(reply: bytes) -> list[Row]:
    rows: list[Row] = []
    at = 5
    for _ in range(count_of(reply) & ~_CUT):
        key, at = _blob(reply, at)
        value, at = _blob(reply, at)
        rows.append((key.decode(), value))
    return rows


def _blob(data: bytes, at: int) -> tuple[bytes, int]:
    start = at + 4
    end = start + int(_U32.unpack_from(data, at)[0])
    return data[start:end], end


def store_error(code: str, reason: str, store: str = INDEXED_DB) -> errors.StorageError:
    """The Python error of a code that JavaScript gave."""
    found = getattr(errors, code, errors.StorageError)
    if found is errors.StorageError or not issubclass(found, errors.StorageError):
        return errors.StorageError(f"the {store} store failed: {reason}", store=store, reason=reason)
    if found is errors.StorageOpenError:
        return found(store=store, reason=reason, path="this site", remedy="reload the page")
    return found(store=store, reason=reason)
