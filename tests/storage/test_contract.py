"""Every store and every wrapper keeps the one contract (DESIGN, section 4)."""

from __future__ import annotations

from pathlib import Path

import pytest

from weft_core.ports import MAX_KEY_BYTES, Storage
from weft_core.storage import CompressedStorage, MemoryStorage, ScopedStorage
from weft_core.testing import CrashingStorage, FailingStorage, StorageContract


class TestMemory(StorageContract):
    async def open_storage(self) -> Storage:
        return MemoryStorage()

    async def reopen_storage(self, storage: Storage) -> Storage:
        assert isinstance(storage, MemoryStorage)
        return storage.reopen()

    async def second_handle(self, storage: Storage) -> Storage:
        return await self.reopen_storage(storage)


class _Wrapped(StorageContract):
    """A wrapper over a store that outlives it."""

    async def open_inner(self) -> Storage:
        return MemoryStorage()

    async def reopen_inner(self, inner: Storage) -> Storage:
        assert isinstance(inner, MemoryStorage)
        return inner.reopen()

    def wrap(self, inner: Storage) -> Storage:
        raise NotImplementedError

    async def open_storage(self) -> Storage:
        return self._remember(await self.open_inner())

    async def reopen_storage(self, storage: Storage) -> Storage:
        return self._remember(await self.reopen_inner(self._inner))

    async def second_handle(self, storage: Storage) -> Storage:
        return self._remember(await self.reopen_inner(self._inner))

    def _remember(self, inner: Storage) -> Storage:
        self._inners = [*getattr(self, "_inners", []), inner]
        self._inner = inner
        return self.wrap(inner)

    async def dispose(self, storage: Storage) -> None:
        await storage.close()
        for inner in getattr(self, "_inners", []):
            if getattr(storage, "_inner", getattr(storage, "inner", None)) is inner:
                await inner.close()


class _OnSqlite(_Wrapped):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.path = tmp_path / "weft.db"

    async def open_inner(self) -> Storage:
        from weft_server.storage.sqlite import SQLiteStorage

        return SQLiteStorage(self.path)

    async def reopen_inner(self, inner: Storage) -> Storage:
        return await self.open_inner()


class TestSqliteStrict(_OnSqlite):
    def wrap(self, inner: Storage) -> Storage:
        return inner


class TestSqliteRelaxed(TestSqliteStrict):
    async def open_inner(self) -> Storage:
        from weft_server.storage.sqlite import SQLiteStorage

        return SQLiteStorage(self.path, durability="relaxed")


class TestSqliteInThread(TestSqliteStrict):
    async def open_inner(self) -> Storage:
        from weft_server.storage.sqlite import SQLiteStorage

        return SQLiteStorage(self.path, commit_in="thread")


class TestSqliteInLoop(TestSqliteStrict):
    async def open_inner(self) -> Storage:
        from weft_server.storage.sqlite import SQLiteStorage

        return SQLiteStorage(self.path, commit_in="loop")


class TestSqliteInLoopWheneverItMay(TestSqliteStrict):
    async def open_inner(self) -> Storage:
        from tests.storage.eager import eager_storage

        return eager_storage(self.path)


class _Scoped(_Wrapped):
    max_key_bytes = MAX_KEY_BYTES - len("scope/café/".encode())

    def wrap(self, inner: Storage) -> Storage:
        return ScopedStorage(inner, "café")


class TestScopedOverMemory(_Scoped):
    pass


class TestScopedOverSqlite(_Scoped, _OnSqlite):
    pass


class _Compressed(_Wrapped):
    def wrap(self, inner: Storage) -> Storage:
        return CompressedStorage(inner, threshold=16)


class TestCompressedOverMemory(_Compressed):
    pass


class TestCompressedOverSqlite(_Compressed, _OnSqlite):
    pass


class TestScopedInScopedOverCompressed(_Wrapped):
    max_key_bytes = MAX_KEY_BYTES - len("scope/a/scope/b/")

    def wrap(self, inner: Storage) -> Storage:
        return ScopedStorage(ScopedStorage(CompressedStorage(inner), "a"), "b")


class TestCrashingThatNeverCrashes(_Wrapped):
    def wrap(self, inner: Storage) -> Storage:
        return CrashingStorage(inner, crash_at=None)


class TestFailingThatNeverFails(_Wrapped):
    def wrap(self, inner: Storage) -> Storage:
        return FailingStorage(inner)
