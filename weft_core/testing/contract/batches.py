"""Batches: all or nothing, in order, on a condition, one after the other."""

from __future__ import annotations

import asyncio

from weft_core.errors import StorageKeyError, StorageValueError
from weft_core.ports import Op, Storage
from weft_core.testing.contract.harness import Subject, everything, promise, refuses


class BatchPromises(Subject):
    @promise
    async def test_a_batch_puts_and_deletes_together(self, storage: Storage) -> None:
        await storage.put("old", b"1")
        await storage.batch([("a", b"1"), ("old", None), ("b", b"2")])
        assert await everything(storage) == {"a": b"1", "b": b"2"}

    @promise
    async def test_the_last_write_of_a_key_in_a_batch_counts(self, storage: Storage) -> None:
        await storage.put("kept", b"0")
        await storage.batch(
            [("twice", b"1"), ("twice", b"2"), ("gone", b"1"), ("gone", None), ("kept", None), ("kept", b"1")]
        )
        assert await everything(storage) == {"twice": b"2", "kept": b"1"}

    @promise
    async def test_an_empty_batch_is_allowed(self, storage: Storage) -> None:
        await storage.batch([])
        assert await storage.scan("") == []

    @promise
    async def test_a_batch_of_a_thousand_rows_is_written(self, storage: Storage) -> None:
        rows = {f"r/{index:04d}": bytes([index % 256]) * 40 for index in range(1000)}
        await storage.batch(list(rows.items()))
        assert await everything(storage) == rows
        await storage.batch([(key, None) for key in rows])
        assert await everything(storage) == {}

    @promise
    async def test_a_batch_with_one_refused_key_writes_nothing(self, storage: Storage) -> None:
        await refuses(StorageKeyError, storage.batch([("a", b"1"), ("", b"2")]))
        await refuses(StorageKeyError, storage.conditional_batch([], [("a", b"1"), ("k\0", None)]))
        assert await everything(storage) == {}

    @promise
    async def test_a_batch_with_one_refused_value_writes_nothing(self, storage: Storage) -> None:
        wrong: list[Op] = [("a", b"1"), ("b", "text")]  # type: ignore[list-item]
        await refuses(StorageValueError, storage.batch(wrong))
        await refuses(StorageValueError, storage.conditional_batch([], wrong))
        assert await everything(storage) == {}

    @promise
    async def test_a_scan_sees_a_batch_whole_or_not_at_all(self, storage: Storage) -> None:
        keys = [f"k/{index:02d}" for index in range(40)]
        await storage.batch([(key, b"0") for key in keys])

        async def write() -> None:
            for turn in range(1, 12):
                await storage.batch([(key, str(turn).encode()) for key in keys])

        writing = asyncio.ensure_future(write())
        while not writing.done():
            values = {value for _, value in await storage.scan("k/")}
            assert len(values) == 1, f"one page showed the values {sorted(values)} of one batch"
            await asyncio.sleep(0)
        await writing

    @promise
    async def test_a_batch_is_written_when_its_condition_holds(self, storage: Storage) -> None:
        await storage.put("epoch", b"1")
        assert await storage.conditional_batch([("epoch", b"1")], [("a", b"1"), ("epoch", b"2")]) is True
        assert await everything(storage) == {"a": b"1", "epoch": b"2"}

    @promise
    async def test_nothing_is_written_when_the_condition_fails(self, storage: Storage) -> None:
        await storage.batch([("epoch", b"2"), ("a", b"0")])
        assert await storage.conditional_batch([("epoch", b"1")], [("a", b"1"), ("b", b"1"), ("epoch", None)]) is False
        assert await everything(storage) == {"epoch": b"2", "a": b"0"}

    @promise
    async def test_a_condition_may_ask_for_absence(self, storage: Storage) -> None:
        assert await storage.conditional_batch([("id", None)], [("id", b"1")]) is True
        assert await storage.conditional_batch([("id", None)], [("id", b"2")]) is False
        await storage.delete("id")
        assert await storage.conditional_batch([("id", None)], [("id", b"3")]) is True
        assert await storage.get("id") == b"3"

    @promise
    async def test_an_empty_value_and_absence_are_different_conditions(self, storage: Storage) -> None:
        assert await storage.conditional_batch([("k", b"")], [("x", b"")]) is False
        await storage.put("k", b"")
        assert await storage.conditional_batch([("k", None)], [("x", b"")]) is False
        assert await storage.conditional_batch([("k", b"")], [("x", b"")]) is True

    @promise
    async def test_a_condition_compares_every_byte(self, storage: Storage) -> None:
        value = bytes(range(256)) * 64
        await storage.put("k", value)
        for other in (value[:-1], value + b"\0", value[:-1] + b"\0", value[:4096], b""):
            assert await storage.conditional_batch([("k", other)], [("x", b"")]) is False
        assert await storage.conditional_batch([("k", value)], [("x", b"")]) is True

    @promise
    async def test_every_condition_must_hold(self, storage: Storage) -> None:
        await storage.batch([("a", b"1"), ("b", b"2")])
        ops: list[Op] = [("c", b"3")]
        assert await storage.conditional_batch([("a", b"1"), ("b", b"x"), ("d", None)], ops) is False
        assert await storage.conditional_batch([("a", b"x"), ("b", b"2"), ("d", None)], ops) is False
        assert await storage.conditional_batch([("a", b"1"), ("b", b"2"), ("b", None)], ops) is False
        assert await storage.get("c") is None
        assert await storage.conditional_batch([("a", b"1"), ("b", b"2"), ("d", None)], ops) is True
        assert await storage.get("c") == b"3"

    @promise
    async def test_conditions_see_the_store_as_it_was_before_the_batch(self, storage: Storage) -> None:
        await storage.put("k", b"1")
        assert await storage.conditional_batch([("k", b"2")], [("k", b"2")]) is False
        assert await storage.conditional_batch([("k", b"1"), ("j", None)], [("k", None), ("j", b"1")]) is True
        assert await everything(storage) == {"j": b"1"}

    @promise
    async def test_no_conditions_always_hold_and_no_writes_only_ask(self, storage: Storage) -> None:
        assert await storage.conditional_batch([], [("k", b"1")]) is True
        assert await storage.conditional_batch([("k", b"1")], []) is True
        assert await storage.conditional_batch([("k", b"2")], []) is False
        assert await storage.conditional_batch([], []) is True
        assert await everything(storage) == {"k": b"1"}

    @promise
    async def test_of_many_that_want_an_absent_key_one_wins(self, storage: Storage) -> None:
        other = await self.second_handle(storage)
        handles = [storage, other] * 8
        won = await asyncio.gather(
            *(
                handle.conditional_batch([("owner", None)], [("owner", str(index).encode()), (f"won/{index}", b"")])
                for index, handle in enumerate(handles)
            )
        )
        await self.dispose_second(other, storage)
        winner = won.index(True)
        assert won.count(True) == 1
        assert await everything(storage) == {"owner": str(winner).encode(), f"won/{winner}": b""}

    @promise
    async def test_concurrent_batches_act_as_if_one_after_the_other(self, storage: Storage) -> None:
        await storage.put("count", b"0")

        async def add_five(handle: Storage) -> None:
            added = 0
            while added < 5:
                seen = await handle.get("count")
                assert seen is not None
                more = str(int(seen) + 1).encode()
                added += await handle.conditional_batch(
                    [("count", seen)], [("count", more), (f"log/{int(more):03d}", b"")]
                )

        other = await self.second_handle(storage)
        await asyncio.gather(*(add_five(handle) for handle in [storage, other] * 3))
        await self.dispose_second(other, storage)
        assert await storage.get("count") == b"30"
        assert len(await storage.scan("log/")) == 30

    @promise
    async def test_a_batch_started_later_is_applied_later(self, storage: Storage) -> None:
        await asyncio.gather(*(storage.batch([("last", str(index).encode())]) for index in range(30)))
        assert await storage.get("last") == b"29"

    @promise
    async def test_delete_prefix_counts_what_it_deletes(self, storage: Storage) -> None:
        keys = ["p", "p/", "p/1", "p/2", "p/🙂", "p0", "q/1"]
        await storage.batch([(key, b"") for key in keys])
        assert await storage.delete_prefix("p/") == 4
        assert await storage.delete_prefix("p/") == 0
        assert await storage.delete_prefix("absent") == 0
        assert list(await everything(storage)) == ["p", "p0", "q/1"]

    @promise
    async def test_delete_prefix_ends_where_the_prefix_ends(self, storage: Storage) -> None:
        keys = ["x", "x\U0010ffff", "x\U0010ffff\U0010ffff", "x\U0010ffffz", "y", "\ud7ffa", "\ue000"]
        await storage.batch([(key, b"") for key in keys])
        assert await storage.delete_prefix("x\U0010ffff") == 3
        assert await storage.delete_prefix("\ud7ff") == 1
        assert list(await everything(storage)) == ["x", "y", "\ue000"]

    @promise
    async def test_delete_prefix_of_more_than_a_page_deletes_all_of_it(self, storage: Storage) -> None:
        await storage.batch([(f"p/{index:04d}", b"") for index in range(700)] + [("kept", b"")])
        assert await storage.delete_prefix("p/") == 700
        assert list(await everything(storage)) == ["kept"]

    @promise
    async def test_the_empty_prefix_deletes_everything(self, storage: Storage) -> None:
        await storage.batch([(key, b"") for key in ["a", "b", "\U0010ffff"]])
        assert await storage.delete_prefix("") == 3
        assert await storage.scan("") == []
