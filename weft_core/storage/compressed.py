"""CompressedStorage: values are stored deflated where that makes them smaller.

Stored form: one tag byte, then
    0x00  the value as it is
    0x01  the length of the value as 8 bytes (big-endian), then the value as one zlib stream
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace

from weft_core.errors import CorruptRecordError, StorageValueError
from weft_core.ports import DEFAULT_PAGE, Condition, Op, Row, Storage, StorageCapabilities
from weft_core.storage.keys import check_key, check_ops, check_value

_PLAIN = b"\0"
_ZLIB = b"\1"
_LENGTH_BYTES = 8

_BEST_RATIO = 1032
"""No zlib stream says more than this many bytes with one; a greater claim is damage or an attack."""


class CompressedStorage:
    """Compresses values of at least ``threshold`` bytes with zlib ``level``. Keys stay as they are.

    Reading is bounded: a stored value never grows beyond the length it names, which is at most ``max_value_bytes``
    (longer values are refused on writing, too). What does not decode raises :class:`CorruptRecordError` with its key.

    Conditions compare *values*, not stored forms: the same value may be stored in several forms (another threshold,
    level or zlib version wrote it). A condition is first tried with the form we would write, which is one call to the
    inner store and nearly always the answer; only if that fails the stored forms are read, and if they hold the
    expected values the batch is made conditional on exactly these forms. The decision is always the inner store's,
    inside its transaction.

    Wrap the whole store or none of it: values that were stored without this wrapper do not decode.
    """

    def __init__(
        self, inner: Storage, *, threshold: int = 512, level: int = 1, max_value_bytes: int = 256 * 1024 * 1024
    ) -> None:
        self._inner = inner
        self._threshold = threshold
        self._level = level
        self._max_value_bytes = max_value_bytes

    @property
    def capabilities(self) -> StorageCapabilities:
        return replace(self._inner.capabilities, transactions=False)

    async def get(self, key: str) -> bytes | None:
        stored = await self._inner.get(key)
        return None if stored is None else self._decode(key, stored)

    async def has(self, key: str) -> bool:
        return await self._inner.has(key)

    async def put(self, key: str, value: bytes) -> None:
        check_key(key)
        check_value(key, value)
        await self._inner.put(key, self._encode(key, value))

    async def delete(self, key: str) -> None:
        await self._inner.delete(key)

    async def scan(
        self,
        prefix: str,
        *,
        after: str | None = None,
        before: str | None = None,
        limit: int = DEFAULT_PAGE,
        reverse: bool = False,
    ) -> list[Row]:
        rows = await self._inner.scan(prefix, after=after, before=before, limit=limit, reverse=reverse)
        return [(key, self._decode(key, stored)) for key, stored in rows]

    async def batch(self, ops: Sequence[Op]) -> None:
        await self._inner.batch(self._encode_ops(ops))

    async def conditional_batch(self, conditions: Sequence[Condition], ops: Sequence[Op]) -> bool:
        encoded = self._encode_ops(ops)
        tried = self._encode_ops(conditions)
        while not await self._inner.conditional_batch(tried, encoded):
            stored = await self._stored_forms(conditions)
            if stored is None:
                return False
            tried = stored
        return True

    async def _stored_forms(self, conditions: Sequence[Condition]) -> list[Condition] | None:
        """The conditions in the forms that are stored now, or None if a value is not the expected one."""
        forms: list[Condition] = []
        for key, expected in conditions:
            stored = await self._inner.get(key)
            if (None if stored is None else self._decode(key, stored)) != expected:
                return None
            forms.append((key, stored))
        return forms

    async def delete_prefix(self, prefix: str) -> int:
        return await self._inner.delete_prefix(prefix)

    async def close(self) -> None:
        """Closes the inner store."""
        await self._inner.close()

    def _encode_ops(self, ops: Sequence[Op]) -> list[Op]:
        check_ops(ops)
        return [(key, None if value is None else self._encode(key, value)) for key, value in ops]

    def _encode(self, key: str, value: bytes) -> bytes:
        if len(value) < self._threshold:
            return _PLAIN + value
        if len(value) > self._max_value_bytes:
            raise StorageValueError(
                f"the value of key {key!r} has {len(value)} bytes, over the limit of {self._max_value_bytes}",
                key=key,
                type="bytes",
            )
        packed = zlib.compress(value, self._level)
        if len(packed) + _LENGTH_BYTES >= len(value):
            return _PLAIN + value
        return _ZLIB + len(value).to_bytes(_LENGTH_BYTES, "big") + packed

    def _decode(self, key: str, stored: bytes) -> bytes:
        tag = stored[:1]
        if tag == _PLAIN:
            return stored[1:]
        if tag != _ZLIB:
            raise CorruptRecordError(key=key, reason="it does not begin with a tag of CompressedStorage")
        start = 1 + _LENGTH_BYTES
        length = int.from_bytes(stored[1:start], "big")
        if length > min(self._max_value_bytes, (len(stored) - start) * _BEST_RATIO):
            raise CorruptRecordError(key=key, reason=f"it claims {length} bytes")
        return self._inflate(key, stored[start:], length)

    def _inflate(self, key: str, packed: bytes, length: int) -> bytes:
        stream = zlib.decompressobj()
        try:
            # One byte more than expected, so that a longer stream shows itself; 0 would mean no bound.
            value = stream.decompress(packed, length + 1)
        except zlib.error as error:
            raise CorruptRecordError(key=key, reason=str(error)) from None
        if len(value) != length or not stream.eof or stream.unused_data:
            raise CorruptRecordError(key=key, reason="its compressed form has another length than it says")
        return value
