"""ScopedStorage: several stores that know nothing of each other, inside one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from weft_core.errors import StorageClosedError, StorageKeyError
from weft_core.ports import DEFAULT_PAGE, MAX_KEY_BYTES, Condition, Op, Row, Storage, StorageCapabilities
from weft_core.storage.keys import check_bounds, check_key, check_ops, encode_text

ROOT = "scope/"


class ScopedStorage:
    """Everything is kept under ``scope/<name>/`` of ``inner``; no call reaches or shows a key outside of it.

    A name is non-empty text without "/", so that no scope lies inside another one; scopes may be nested by wrapping.
    Keys have ``len("scope/<name>/")`` bytes less room than the inner store gives. Closing a scope closes this view
    only: other scopes may use the inner store, and who opened it closes it.
    """

    def __init__(self, inner: Storage, scope: str) -> None:
        if not scope or "/" in scope:
            reason = f"a scope is non-empty text without '/', not {scope!r:.80}"
            raise StorageKeyError(reason=reason, limit=MAX_KEY_BYTES, key=ascii(scope[:80]))
        self._inner = inner
        self._prefix = f"{ROOT}{scope}/"
        check_key(self._prefix, MAX_KEY_BYTES - 1)
        self._cut = len(self._prefix)
        self._limit = MAX_KEY_BYTES - len(encode_text(self._prefix))
        self._closed = False

    @property
    def capabilities(self) -> StorageCapabilities:
        return replace(self._inner.capabilities, transactions=False)

    @property
    def max_key_bytes(self) -> int:
        """How long a key may be here."""
        return self._limit

    async def get(self, key: str) -> bytes | None:
        return await self._inner.get(self._full(key))

    async def has(self, key: str) -> bool:
        return await self._inner.has(self._full(key))

    async def put(self, key: str, value: bytes) -> None:
        await self._inner.put(self._full(key), value)

    async def delete(self, key: str) -> None:
        await self._inner.delete(self._full(key))

    async def scan(
        self,
        prefix: str,
        *,
        after: str | None = None,
        before: str | None = None,
        limit: int = DEFAULT_PAGE,
        reverse: bool = False,
    ) -> list[Row]:
        self._ready()
        check_bounds(prefix, after, before)
        rows = await self._inner.scan(
            self._prefix + prefix,
            after=None if after is None else self._prefix + after,
            before=None if before is None else self._prefix + before,
            limit=limit,
            reverse=reverse,
        )
        cut = self._cut
        return [(key[cut:], value) for key, value in rows]

    async def batch(self, ops: Sequence[Op]) -> None:
        await self._inner.batch(self._full_ops(ops))

    async def conditional_batch(self, conditions: Sequence[Condition], ops: Sequence[Op]) -> bool:
        return await self._inner.conditional_batch(self._full_ops(conditions), self._full_ops(ops))

    async def delete_prefix(self, prefix: str) -> int:
        self._ready()
        check_bounds(prefix, None, None)
        return await self._inner.delete_prefix(self._prefix + prefix)

    async def close(self) -> None:
        self._closed = True

    def _ready(self) -> None:
        if self._closed:
            raise StorageClosedError(store="scoped")

    def _full(self, key: str) -> str:
        self._ready()
        # Checked before the prefix hides that a key is empty or no text.
        check_key(key, self._limit)
        return self._prefix + key

    def _full_ops(self, ops: Sequence[Op]) -> list[Op]:
        self._ready()
        check_ops(ops, self._limit)
        prefix = self._prefix
        return [(prefix + key, value) for key, value in ops]
