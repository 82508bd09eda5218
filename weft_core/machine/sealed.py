"""A record of plain values: one msgpack array, sealed to its key, so that damage is found on read (G18)."""

from __future__ import annotations

from typing import Any

import msgpack

from weft_core import codec
from weft_core.errors import CorruptRecordError, NotSerializableError

_pack = msgpack.Packer(use_bin_type=True).pack
_pack_lone = msgpack.Packer(use_bin_type=True, unicode_errors="surrogatepass").pack
"""For text with lone surrogates (names of files that are not UTF-8, halves from JSON). Slower for all other text."""


def seal_plain(key: str, value: list[Any]) -> bytes:
    """A sealed record of plain values. ``NotSerializableError`` if one is not: a number over 64 bits, for example."""
    try:
        body = _pack(value)
    except UnicodeEncodeError:
        body = _pack_lone(value)
    except (OverflowError, TypeError, ValueError) as error:
        reason = f"record {key!r} cannot be written: {error}"
        raise NotSerializableError(reason=reason, type=type(error).__name__) from None
    return codec.seal(key, body)


def unseal_plain(key: str, data: bytes) -> list[Any]:
    """The plain values of a sealed record. Damage: ``CorruptRecordError``."""
    body = codec.unseal(key, data)
    try:
        value = msgpack.unpackb(body, strict_map_key=False, unicode_errors="surrogatepass")
    except (ValueError, TypeError, msgpack.UnpackException) as error:  # TypeError: a key that cannot be hashed
        raise CorruptRecordError(key=key, reason=f"not a record of ours: {error}") from None
    if not isinstance(value, list):
        raise CorruptRecordError(key=key, reason="not a record of ours")
    return value
