"""The stores that crash and fail on purpose do it as they say."""

from __future__ import annotations

import pytest

from weft_core.errors import CommitUnknownError, StorageQuotaError, StorageUnavailableError
from weft_core.ports import Storage
from weft_core.storage import MemoryStorage
from weft_core.testing import CrashingStorage, FailingStorage, SimulatedCrash, StorageContract, run_contract


async def five_writes(storage: Storage) -> None:
    await storage.put("a", b"1")
    await storage.batch([("b", b"2"), ("c", b"3")])
    assert await storage.conditional_batch([("a", b"1")], [("a", b"4"), ("d", b"4")])
    await storage.delete("b")
    assert await storage.delete_prefix("c") == 1


STATES = [
    {},
    {"a": b"1"},
    {"a": b"1", "b": b"2", "c": b"3"},
    {"a": b"4", "b": b"2", "c": b"3", "d": b"4"},
    {"a": b"4", "c": b"3", "d": b"4"},
    {"a": b"4", "d": b"4"},
]
"""After so many of the five writes."""


@pytest.mark.parametrize("mode", ["before", "after"])
@pytest.mark.parametrize("crash_at", [1, 2, 3, 4, 5])
async def test_a_crash_leaves_exactly_the_writes_before_it(crash_at: int, mode: str):
    memory = MemoryStorage()
    storage = CrashingStorage(memory, crash_at, mode)
    with pytest.raises(SimulatedCrash):
        await five_writes(storage)
    assert storage.dead and storage.writes == crash_at
    assert memory.rows() == STATES[crash_at - 1 if mode == "before" else crash_at]


async def test_a_dead_store_answers_nothing_and_writes_nothing():
    memory = MemoryStorage()
    storage = CrashingStorage(memory, crash_at=1, mode="after")
    with pytest.raises(SimulatedCrash):
        await storage.put("a", b"1")
    for call in (
        storage.get("a"),
        storage.has("a"),
        storage.scan(""),
        storage.put("b", b""),
        storage.delete("a"),
        storage.batch([]),
        storage.conditional_batch([], []),
        storage.delete_prefix(""),
        storage.close(),
    ):
        with pytest.raises(SimulatedCrash):
            await call
    assert memory.rows() == {"a": b"1"}


async def test_a_scenario_that_ends_before_the_crash_is_left_alone():
    storage = CrashingStorage(MemoryStorage(), crash_at=6, record=True)
    await five_writes(storage)
    assert not storage.dead and storage.writes == 5
    assert storage.recorded[1] == [("b", b"2"), ("c", b"3")]
    storage.crash_in(2)
    await storage.put("x", b"")
    with pytest.raises(SimulatedCrash):
        await storage.put("y", b"")


def test_a_simulated_crash_is_not_an_exception_that_handlers_catch():
    assert not issubclass(SimulatedCrash, Exception)


@pytest.mark.parametrize(
    ("failure", "error", "written"),
    [
        ("unavailable", StorageUnavailableError, False),
        ("quota", StorageQuotaError, False),
        ("unknown-lost", CommitUnknownError, False),
        ("unknown-committed", CommitUnknownError, True),
    ],
)
async def test_a_failing_write_raises_its_error_having_written_or_not(failure: str, error: type, written: bool):
    memory = MemoryStorage()
    storage = FailingStorage(memory, 2, failure)
    await storage.put("a", b"1")
    with pytest.raises(error):
        await storage.conditional_batch([], [("b", b"2")])
    assert await storage.has("b") is written
    await storage.put("c", b"3")
    assert storage.failed == 1


async def test_reads_and_whole_stores_can_fail_for_a_while():
    storage = FailingStorage(MemoryStorage({"a": b"1"}))
    storage.fail_next_reads(2)
    for _ in range(2):
        with pytest.raises(StorageUnavailableError):
            await storage.get("a")
    assert await storage.get("a") == b"1"
    storage.down = True
    for call in (storage.get("a"), storage.put("b", b""), storage.scan("")):
        with pytest.raises(StorageUnavailableError):
            await call
    storage.down = False
    storage.fail_next_writes(2, "unknown-committed")
    for key in "xy":
        with pytest.raises(CommitUnknownError):
            await storage.put(key, b"")
    assert [key for key, _ in await storage.scan("")] == ["a", "x", "y"]


# ------------------------------------------------------------------ the contract notices what it is there for


class _Utf16(MemoryStorage):
    """Orders keys as JavaScript does."""

    async def scan(self, prefix, *, after=None, before=None, limit=256, reverse=False):
        rows = await super().scan(prefix, after=after, before=before, limit=9999)
        rows.sort(key=lambda row: row[0].encode("utf-16-be"), reverse=reverse)
        return rows[:limit]


class _Torn(MemoryStorage):
    """Writes a batch row by row, and keeps the first ones if a later one is refused."""

    async def batch(self, ops):
        for key, value in ops:
            await (self.delete(key) if value is None else self.put(key, value))


class _Late(MemoryStorage):
    """Looks at the condition before the transaction."""

    async def conditional_batch(self, conditions, ops):
        import asyncio

        for key, expected in conditions:
            if await self.get(key) != expected:
                return False
        await asyncio.sleep(0)
        await self.batch(ops)
        return True


class _Falsy(MemoryStorage):
    """Takes an empty value for none."""

    async def get(self, key):
        return await super().get(key) or None


class _Inclusive(MemoryStorage):
    async def scan(self, prefix, *, after=None, before=None, limit=256, reverse=False):
        rows = await super().scan(prefix, before=before, limit=9999, reverse=reverse)
        return [row for row in rows if after is None or row[0] >= after][:limit]


@pytest.mark.parametrize(
    ("store", "noticed_by"),
    [
        (_Utf16, "test_keys_come_in_the_order_of_their_utf8_bytes"),
        (_Torn, "test_a_batch_with_one_refused_key_writes_nothing"),
        (_Late, "test_of_many_that_want_an_absent_key_one_wins"),
        (_Late, "test_concurrent_batches_act_as_if_one_after_the_other"),
        (_Falsy, "test_an_empty_value_is_not_an_absent_one"),
        (_Inclusive, "test_bounds_are_exclusive"),
    ],
)
async def test_the_contract_notices(store: type[MemoryStorage], noticed_by: str):
    async def opened() -> Storage:
        return store()

    report = await run_contract(opened, only=noticed_by)
    assert [name for name, _ in report.failed] == [noticed_by]
    assert not report.ok and noticed_by in report.text()


async def test_the_contract_runs_without_pytest_and_tells_what_it_ran():
    async def opened() -> Storage:
        return MemoryStorage()

    report = await run_contract(opened)
    assert report.ok, report.text()
    assert len(report.passed) >= 35
    assert report.to_json() == {"ok": True, "passed": report.passed, "failed": []}


async def test_a_store_that_hangs_fails_its_test_and_not_the_run():
    import asyncio

    class Hanging(MemoryStorage):
        async def has(self, key):
            await asyncio.Event().wait()
            return False

    async def opened() -> Storage:
        return Hanging()

    report = await run_contract(opened, only="an_absent_key", timeout_s=0.05)
    assert [name for name, _ in report.failed] == ["test_an_absent_key_reads_as_none"]


def test_a_subclass_may_say_more_than_how_to_open():
    class Reopening(StorageContract):
        async def open_storage(self) -> Storage:
            return MemoryStorage()

        async def reopen_storage(self, storage: Storage) -> Storage:
            assert isinstance(storage, MemoryStorage)
            return storage.reopen()

    Reopening().test_rows_are_there_after_closing_and_opening_again()
    assert Reopening().reopens(MemoryStorage())
