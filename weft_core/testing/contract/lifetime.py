"""Refusals, closing, opening again, and two owners."""

from __future__ import annotations

import asyncio
from typing import Any

from weft_core.errors import StorageClosedError, StorageKeyError, StorageValueError
from weft_core.ports import Storage
from weft_core.testing.contract.harness import Subject, everything, promise, refuses


class LifetimePromises(Subject):
    async def _refuses_key(self, storage: Storage, key: Any) -> None:
        for call in (
            storage.get(key),
            storage.has(key),
            storage.put(key, b"1"),
            storage.delete(key),
            storage.batch([(key, b"1")]),
            storage.batch([(key, None)]),
            storage.conditional_batch([], [(key, b"1")]),
            storage.conditional_batch([(key, None)], [("fine", b"1")]),
            storage.conditional_batch([(key, b"1")], [("fine", b"1")]),
        ):
            await refuses(StorageKeyError, call)
        assert await everything(storage) == {}

    @promise
    async def test_an_empty_key_is_refused(self, storage: Storage) -> None:
        await self._refuses_key(storage, "")

    @promise
    async def test_a_key_with_nul_is_refused(self, storage: Storage) -> None:
        await self._refuses_key(storage, "a\0b")

    @promise
    async def test_a_key_with_a_lone_surrogate_is_refused(self, storage: Storage) -> None:
        await self._refuses_key(storage, "a\ud800")
        await self._refuses_key(storage, "\udfffa")

    @promise
    async def test_a_key_that_is_too_long_in_bytes_is_refused(self, storage: Storage) -> None:
        await self._refuses_key(storage, "k" * (self.max_key_bytes + 1))
        await self._refuses_key(storage, "é" * (self.max_key_bytes // 2 + 1))

    @promise
    async def test_a_key_that_is_not_text_is_refused(self, storage: Storage) -> None:
        for key in (None, 1, b"k"):
            await self._refuses_key(storage, key)

    @promise
    async def test_a_scan_bound_that_is_not_proper_text_is_refused(self, storage: Storage) -> None:
        for call in (
            storage.scan("\ud800"),
            storage.scan("", after="\udc00"),
            storage.scan("", before="\udc00"),
            storage.delete_prefix("\ud800"),
        ):
            await refuses(StorageKeyError, call)

    @promise
    async def test_a_value_that_is_not_bytes_is_refused(self, storage: Storage) -> None:
        wrong: list[Any] = ["text", 1, None, bytearray(b"1"), memoryview(b"1"), [1]]
        for value in wrong:
            await refuses(StorageValueError, storage.put("k", value))
        assert await everything(storage) == {}

    @promise
    async def test_a_closed_store_refuses_every_call(self, storage: Storage) -> None:
        await storage.put("k", b"1")
        await storage.close()
        for call in (
            storage.get("k"),
            storage.has("k"),
            storage.put("k", b"2"),
            storage.delete("k"),
            storage.scan(""),
            storage.batch([("k", b"2")]),
            storage.conditional_batch([], [("k", b"2")]),
            storage.delete_prefix(""),
        ):
            await refuses(StorageClosedError, call)

    @promise
    async def test_closing_twice_is_harmless(self, storage: Storage) -> None:
        await storage.put("k", b"1")
        await storage.close()
        await storage.close()

    @promise
    async def test_a_store_that_was_never_used_can_be_closed(self, storage: Storage) -> None:
        await storage.close()

    @promise
    async def test_rows_are_there_after_closing_and_opening_again(self, storage: Storage) -> None:
        if not self.reopens(storage):
            return
        rows = {"a": b"", "b": bytes(range(256)), "é/🙂": b"3", "\U0010ffff": b"4"}
        await storage.batch(list(rows.items()))
        await storage.delete("a")
        await storage.close()
        again = await self.reopen_storage(storage)
        try:
            assert await everything(again) == {key: value for key, value in rows.items() if key != "a"}
            await again.put("a", b"back")
            assert await again.get("a") == b"back"
        finally:
            await self.dispose(again)

    @promise
    async def test_a_write_under_way_at_closing_is_written_or_refused_but_never_lost(self, storage: Storage) -> None:
        if not self.reopens(storage):
            return
        writes = [asyncio.ensure_future(storage.put(f"k/{index:02d}", b"1")) for index in range(20)]
        await asyncio.sleep(0)
        await storage.close()
        outcomes = await asyncio.gather(*writes, return_exceptions=True)
        assert all(outcome is None or isinstance(outcome, StorageClosedError) for outcome in outcomes), outcomes
        written = {f"k/{index:02d}" for index, outcome in enumerate(outcomes) if outcome is None}
        again = await self.reopen_storage(storage)
        try:
            assert set(await everything(again)) == written
        finally:
            await self.dispose(again)

    @promise
    async def test_what_one_handle_has_written_the_other_reads(self, storage: Storage) -> None:
        other = await self.second_handle(storage)
        await storage.put("k", b"1")
        assert await other.get("k") == b"1"
        assert await other.scan("") == [("k", b"1")]
        await other.batch([("k", None), ("j", b"2")])
        assert await everything(storage) == {"j": b"2"}
        await self.dispose_second(other, storage)

    @promise
    async def test_an_owner_with_an_old_epoch_cannot_write(self, storage: Storage) -> None:
        """G11: the condition is checked inside the transaction, so a late write of the old owner changes nothing."""
        new = await self.second_handle(storage)
        assert await storage.conditional_batch([("meta/epoch", None)], [("meta/epoch", b"1")])
        assert await storage.conditional_batch([("meta/epoch", b"1")], [("run/1", b"old")])
        assert await new.conditional_batch([("meta/epoch", b"1")], [("meta/epoch", b"2")])
        assert not await storage.conditional_batch([("meta/epoch", b"1")], [("run/1", b"late"), ("run/2", b"late")])
        assert await new.conditional_batch([("meta/epoch", b"2")], [("run/3", b"new")])
        assert await everything(storage) == {"meta/epoch": b"2", "run/1": b"old", "run/3": b"new"}
        await self.dispose_second(new, storage)
