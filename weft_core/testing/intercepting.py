"""A wrapper round a store that sees every call in two kinds: reads and writes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from weft_core.ports import (
    DEFAULT_PAGE,
    Condition,
    Op,
    Row,
    Storage,
    StorageCapabilities,
    StorageTransaction,
    TransactionalStorage,
)  # fmt: skip

T = TypeVar("T")


def reopened(storage: Storage) -> Storage:
    """What the next process finds: another handle on the same rows, or the store itself if it has none to give."""
    reopen: Callable[[], Storage] | None = getattr(storage, "reopen", None)
    return storage if reopen is None else reopen()


class InterceptingStorage:
    """Hands every call on to ``inner`` through :meth:`reading` or :meth:`writing`; what passes is counted."""

    def __init__(self, inner: Storage) -> None:
        self.inner = inner
        self.reads = 0
        self.writes = 0

    @property
    def capabilities(self) -> StorageCapabilities:
        return self.inner.capabilities

    @abstractmethod
    async def reading(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make the call, or fail."""

    @abstractmethod
    async def writing(self, call: Callable[[], Awaitable[T]], ops: Sequence[Op]) -> T:
        """Make the call, or fail before or after it. ``delete_prefix`` comes with no ``ops``."""

    async def get(self, key: str) -> bytes | None:
        self.reads += 1
        return await self.reading(lambda: self.inner.get(key))

    async def has(self, key: str) -> bool:
        self.reads += 1
        return await self.reading(lambda: self.inner.has(key))

    async def scan(
        self,
        prefix: str,
        *,
        after: str | None = None,
        before: str | None = None,
        limit: int = DEFAULT_PAGE,
        reverse: bool = False,
    ) -> list[Row]:
        self.reads += 1
        return await self.reading(
            lambda: self.inner.scan(prefix, after=after, before=before, limit=limit, reverse=reverse)
        )

    async def put(self, key: str, value: bytes) -> None:
        self.writes += 1
        await self.writing(lambda: self.inner.put(key, value), [(key, value)])

    async def delete(self, key: str) -> None:
        self.writes += 1
        await self.writing(lambda: self.inner.delete(key), [(key, None)])

    async def batch(self, ops: Sequence[Op]) -> None:
        self.writes += 1
        await self.writing(lambda: self.inner.batch(ops), ops)

    async def conditional_batch(self, conditions: Sequence[Condition], ops: Sequence[Op]) -> bool:
        self.writes += 1
        return await self.writing(lambda: self.inner.conditional_batch(conditions, ops), ops)

    async def delete_prefix(self, prefix: str) -> int:
        self.writes += 1
        return await self.writing(lambda: self.inner.delete_prefix(prefix), [])

    def transaction(self) -> StorageTransaction:
        """One of the inner store's; its commit counts as a write."""
        assert isinstance(self.inner, TransactionalStorage)
        return _Intercepted(self, self.inner.transaction())

    async def close(self) -> None:
        await self.inner.close()


class _Intercepted:
    def __init__(self, store: InterceptingStorage, inner: StorageTransaction) -> None:
        self._store, self._inner = store, inner

    @property
    def is_open(self) -> bool:
        return self._inner.is_open

    async def begin(self, conditions: Sequence[Condition]) -> bool:
        return await self._store.reading(lambda: self._inner.begin(conditions))

    async def run(self, fn: Callable[[Any], T]) -> T:
        return await self._store.reading(lambda: self._inner.run(fn))

    async def commit(self, ops: Sequence[Op]) -> None:
        self._store.writes += 1
        await self._store.writing(lambda: self._inner.commit(ops), ops)

    def interrupt(self) -> None:
        self._inner.interrupt()

    def abandon(self) -> None:
        self._inner.abandon()
