"""Commits, fenced by the owner record (G11, G17).

``meta/owner`` holds ``[epoch, number of the last commit]``. Every commit is conditional on the value we wrote last and
writes the next one, so commits form a chain: another engine breaks it at once, and after a commit whose outcome is
unknown, reading this one key tells whether it happened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from weft_core.engine.patience import RETRY_DELAYS_S
from weft_core.errors import (
    EngineDegradedError,
    EngineFencedError,
    StorageCapabilityError,
    StorageError,
)  # fmt: skip
from weft_core.machine.sealed import seal_plain, unseal_plain
from weft_core.model import keys
from weft_core.ports import Ids, Op, Storage, StorageTransaction

STORE_FORMAT = 1


def assert_durable_storage_for_recovery(storage: Storage) -> None:
    """Refuse a store that cannot keep the promises of G1 and G11: ``StorageCapabilityError``."""
    have = storage.capabilities
    for capability in ("atomic_batch", "conditional_batch", "read_after_write"):
        if not getattr(have, capability):
            raise StorageCapabilityError(
                store=type(storage).__name__, capability=capability, remedy="use another store"
            )


class Watch:
    """Which keys were written since it was put among a committer's ``watches``, noted when they are in the store."""

    def __init__(self, most: int = 100_000) -> None:
        self.keys: set[str] = set()
        self.lost = False
        """There were more than ``most``; none are noted any more."""
        self._most = most

    def note(self, ops: Sequence[Op]) -> None:
        if not self.lost:
            self.keys.update(key for key, _ in ops)
            if len(self.keys) > self._most:
                self.lost = True
                self.keys.clear()


class Committer:
    """The one writer of an engine."""

    def __init__(self, storage: Storage, delays_s: tuple[float, ...] = RETRY_DELAYS_S) -> None:
        self._storage, self._delays_s = storage, delays_s
        self.epoch = 0
        self.store_id = ""
        self.commits = 0
        self.last_ms: float | None = None
        """How long the last commit took."""
        self.watches: list[Watch] = []
        self._last = b""

    async def take_ownership(self, ids: Ids) -> None:
        """Raise the store's epoch: whoever owned it before is fenced from now on."""
        assert_durable_storage_for_recovery(self._storage)
        self.store_id = await self._identity(ids)
        while True:
            old = await self._storage.get(keys.OWNER)
            self.epoch = (unseal_plain(keys.OWNER, old)[0] if old is not None else 0) + 1
            self.commits = 0
            new = self._owner_record()
            if await self._storage.conditional_batch([(keys.OWNER, old)], [(keys.OWNER, new)]):
                self._last = new
                return

    async def _identity(self, ids: Ids) -> str:
        fresh = seal_plain(keys.STORE, [STORE_FORMAT, ids.new_id()])
        data = await self._storage.get(keys.STORE)
        if data is None:
            await self._storage.conditional_batch([(keys.STORE, None)], [(keys.STORE, fresh)])
            data = await self._storage.get(keys.STORE)
            assert data is not None
        found = unseal_plain(keys.STORE, data)
        if found[0] != STORE_FORMAT:
            raise StorageCapabilityError(
                store=type(self._storage).__name__,
                capability=f"format {STORE_FORMAT}",
                remedy=f"it was written in format {found[0]} by another version of Weft; use that version",
            )
        store_id: str = found[1]
        return store_id

    def _owner_record(self) -> bytes:
        return seal_plain(keys.OWNER, [self.epoch, self.commits])

    async def is_fenced(self) -> bool:
        """Whether another engine has raised the epoch."""
        found = await self._storage.get(keys.OWNER)
        return found is not None and unseal_plain(keys.OWNER, found)[0] != self.epoch

    async def begin(self, through: StorageTransaction) -> bool:
        """Begin a transaction that :meth:`commit` ends. False: we own the store no more. ``EngineDegradedError``."""
        trouble: StorageError | None = None
        for delay in (*self._delays_s, None):
            try:
                return await through.begin([(keys.OWNER, self._last)])
            except StorageError as error:
                trouble = error
            if delay is not None:
                await asyncio.sleep(delay)
        raise EngineDegradedError(reason=str(trouble)) from trouble

    async def commit(self, ops: Sequence[Op], through: StorageTransaction | None = None) -> None:
        """Write atomically, together with what has been done in ``through``. ``EngineFencedError``: nothing was written
        and we own the store no more.

        ``EngineDegradedError``: the store failed again and again; whether the last try was written is unknown.
        """
        self.commits += 1
        new = self._owner_record()
        clock = asyncio.get_running_loop().time
        begun = clock()
        batch = [*ops, (keys.OWNER, new)]
        if through is not None:
            await self._write_through(through, batch, new)
        elif not await self._write(batch, new):
            raise EngineFencedError(epoch=self.epoch)
        self._last = new
        self.last_ms = (clock() - begun) * 1000
        for watch in self.watches:
            watch.note(ops)

    async def _write_through(self, through: StorageTransaction, batch: Sequence[Op], new: bytes) -> None:
        """The transaction has begun on our owner record, so nobody can have fenced us. One that the database has rolled
        back by itself cannot be made again here: its statements are gone. Recovery makes it."""
        trouble: StorageError | None = None
        try:
            for delay in (*self._delays_s, None):
                try:
                    await through.commit(batch)
                    return
                except StorageError as error:
                    trouble = error
                if not through.is_open:
                    break
                if delay is not None:
                    await asyncio.sleep(delay)
            if not through.is_open and await self._storage.get(keys.OWNER) == new:
                return  # it was written after all
        except StorageError as error:
            trouble = error
        except BaseException:
            through.abandon()
            raise
        through.abandon()
        raise EngineDegradedError(reason=str(trouble)) from trouble

    async def _write(self, batch: Sequence[Op], new: bytes) -> bool:
        trouble: StorageError | None = None
        for delay in (*self._delays_s, None):
            try:
                if trouble is not None and await self._storage.get(keys.OWNER) == new:
                    return True  # the try that failed was written after all
                return await self._storage.conditional_batch([(keys.OWNER, self._last)], batch)
            except StorageError as error:
                trouble = error
            if delay is not None:
                await asyncio.sleep(delay)
        raise EngineDegradedError(reason=str(trouble)) from trouble
