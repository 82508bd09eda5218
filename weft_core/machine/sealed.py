"""A record of plain values: one msgpack array, sealed to its key, so that damage is found on read (G18)."""

from __future__ import annotations

from typing import Any

import msgpack

from weft_core import codec
from weft_core.errors import CorruptRecordError

_pack = msgpack.Packer(use_bin_type=True).pack


def seal_plain(key: str, value: list[Any]) -> bytes:
    """A sealed record of plain values."""
    return codec.seal(key, _pack(value))


def unseal_plain(key: str, data: bytes) -> list[Any]:
    """The plain values of a sealed record. Damage: ``CorruptRecordError``."""
    body = codec.unseal(key, data)
    try:
        value = msgpack.unpackb(body, strict_map_key=False)
    except (ValueError, msgpack.UnpackException) as error:
        raise CorruptRecordError(key=key, reason=f"not a record of ours: {error}") from None
    if not isinstance(value, list):
        raise CorruptRecordError(key=key, reason="not a record of ours")
    return value
