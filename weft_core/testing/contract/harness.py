"""How a storage test is run: by pytest as a plain method, or by ``run_contract`` in a loop that runs already."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, cast

from weft_core.errors import WeftError
from weft_core.ports import MAX_KEY_BYTES, Storage

Body = Callable[[Any, Storage], Awaitable[None]]


class Subject:
    """What a subclass says about the store under test."""

    max_key_bytes: int = MAX_KEY_BYTES
    """A wrapper that lengthens keys has less room."""

    async def open_storage(self) -> Storage:
        """A new, empty, open store. The only hook that must be given."""
        raise NotImplementedError("a StorageContract subclass says in open_storage() how its empty store is opened")

    async def reopen_storage(self, storage: Storage) -> Storage:
        """Another handle on the rows of ``storage``, which has been closed. Not called for stores that say ephemeral,
        unless overridden."""
        raise NotImplementedError("a store that persists says in reopen_storage() how it is opened again")

    async def second_handle(self, storage: Storage) -> Storage:
        """Another open handle on the rows of ``storage``, as another process has it; both stay open. Or itself."""
        return storage

    async def dispose(self, storage: Storage) -> None:
        """Called last with every store that was opened, closed or not."""
        await storage.close()

    async def dispose_second(self, other: Storage, storage: Storage) -> None:
        """Dispose of a second handle, unless it is the store itself."""
        if other is not storage:
            await self.dispose(other)

    def reopens(self, storage: Storage) -> bool:
        """Whether a closed store of this kind can be opened again with its rows."""
        overridden = type(self).reopen_storage is not Subject.reopen_storage
        return overridden or storage.capabilities.persistence != "ephemeral"


class Promise(Protocol):
    """One test of the contract: a plain method to pytest, a coroutine function in ``body``."""

    body: Body

    def __call__(self, subject: Any, /) -> None: ...


def promise(body: Body) -> Promise:
    """Make a test of a coroutine function ``body(subject, storage)``."""

    def test(self: Subject) -> None:
        asyncio.run(examine(self, body))

    # Not functools.wraps: pytest would follow __wrapped__ and take the parameter `storage` for a fixture.
    test.__name__ = body.__name__
    test.__qualname__ = body.__qualname__
    test.__doc__ = body.__doc__
    test.__module__ = body.__module__
    test.body = body  # type: ignore[attr-defined]
    return cast(Promise, test)


async def examine(subject: Subject, body: Body) -> None:
    """Run one test on its own empty store."""
    storage = await subject.open_storage()
    try:
        await body(subject, storage)
    finally:
        await subject.dispose(storage)


async def refuses(error: type[WeftError], call: Awaitable[object]) -> WeftError:
    """The error of ``call``, which must be of this class."""
    try:
        result = await call
    except error as refusal:
        return refusal
    raise AssertionError(f"expected {error.__name__}, but the call returned {result!r:.80}")


async def everything(storage: Storage, prefix: str = "", page: int = 256) -> dict[str, bytes]:
    """All rows with the prefix, page by page."""
    found: dict[str, bytes] = {}
    after: str | None = None
    while True:
        rows = await storage.scan(prefix, after=after, limit=page)
        found.update(rows)
        if len(rows) < page:
            return found
        after = rows[-1][0]
