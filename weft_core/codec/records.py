"""The envelope of a stored record: format, version, and a checksum bound to the record's key (G18)."""

from __future__ import annotations

from zlib import crc32

from weft_core.errors import CorruptRecordError

_MAGIC = b"\xc1W"  # 0xc1 is the one byte that no msgpack document begins with
VERSION = 1
_HEAD = _MAGIC + bytes((VERSION,))
_SIZE = len(_HEAD) + 4


def seal(key: str, body: bytes) -> bytes:
    """Wrap ``body`` so that :func:`unseal` with the same key gives it back, and any other key or any damage is "
    "found."""
    return b"%b%b%b" % (_HEAD, crc32(body, crc32(key.encode())).to_bytes(4, "big"), body)


def unseal(key: str, record: bytes) -> bytes:
    """The body of a sealed record. Raises :class:`CorruptRecordError` (facts ``key``, ``reason``)."""
    if record[:2] != _MAGIC or len(record) < _SIZE:
        raise CorruptRecordError(key=key, reason="it is not a Weft record")
    if record[2] != VERSION:
        raise CorruptRecordError(key=key, reason=f"its format version is {record[2]}, this is version {VERSION}")
    body = record[_SIZE:]
    if crc32(body, crc32(key.encode())).to_bytes(4, "big") != record[3:_SIZE]:
        reason = "its checksum is wrong: the bytes were damaged, or moved here from another key"
        raise CorruptRecordError(key=key, reason=reason)
    return body
