"""Index rows are those of the records: after every crash, in stores that have none yet, and in damaged ones (9)."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import pytest

from tests.engine.invariants import Invariants
from weft_core import Context, search_attribute, workflow
from weft_core.engine import StoreReader
from weft_core.engine.search import upkeep
from weft_core.errors import IndexesNotReadyError, RunExistsError
from weft_core.model import keys
from weft_core.storage import MemoryStorage
from weft_core.testing import CrashingStorage, SimulatedCrash, TestEngine, VirtualClock

stage = search_attribute("stage", str)
count = search_attribute("count", int)


@workflow
async def staged(ctx: Context, stages: int) -> int:
    for number in range(stages):
        await ctx.set_attributes({stage: f"stage {number}", count: number})
        await ctx.sleep(60)
    return stages


async def ids(reader: Any, **words: Any) -> list[str]:
    return [item["id"] for item in (await reader.list(**words)).items]


@pytest.mark.parametrize("mode", ["before", "after"])
async def test_attributes_and_tags_survive_a_crash_at_every_write(mode: Literal["before", "after"]) -> None:
    """G1, 9: a row is in the batch of its record, so no crash can come between them."""
    writes = await through(0, mode)
    assert writes > 10
    for crash_at in range(1, writes + 1):
        await through(crash_at, mode)


async def through(crash_at: int, mode: Literal["before", "after"]) -> int:
    """The life of a run, from outside and inside; how many writes the first engine made."""
    rows, clock, invariants = MemoryStorage(), VirtualClock(), Invariants()
    crashes = writes = 0
    while True:
        storage = CrashingStorage(rows.reopen(), None if crashes else crash_at, mode)
        engine = TestEngine(workflows=[staged], storage=storage, clock=clock)
        try:
            await engine.open()
            await live(engine, clock)
            found = [await ids(engine, **words) for words in (
                {"status": "completed"}, {"tags": ["kept", "late"]}, {"tags": ["dropped"]},
                {"attributes": {stage: "stage 1"}}, {"attributes": {count: {"gte": 7}}},
            )]  # fmt: skip
            assert found == [["run"], ["run"], [], ["run"], ["run"]], (crash_at, found)
            kinds = [event["type"] for event in await engine.history("run")]
            changes = [kinds.count(kind) for kind in ("tags_added", "tags_removed", "attribute_set")]
            assert changes == [2, 1, 6], crash_at
            return writes or storage.writes
        except SimulatedCrash:
            crashes, writes = crashes + 1, storage.writes
        finally:
            await engine.crash()
            invariants.check(rows.rows())


async def live(engine: TestEngine, clock: VirtualClock) -> None:
    try:
        await engine.start(staged, 2, id="run", tags=["dropped"], attributes={"origin": "test", count: -1})
    except RunExistsError:
        pass
    await engine.add_tags("run", ["kept"])
    await engine.remove_tags("run", ["dropped"])
    while (await engine.describe("run"))["status"] == "running":
        await engine.advance_time(30)
        if engine.status != "open":
            assert engine.trouble is not None
            raise engine.trouble
    await engine.add_tags("run", ["late"])
    await engine.set_attributes("run", {"count": 7, "origin": None, "after": "the end"})


def without_indexes(rows: MemoryStorage) -> MemoryStorage:
    """As a version that had no indexes left it: only the list by time."""
    old = {k: v for k, v in rows.rows().items() if not k.startswith("by-") or k.startswith(keys.BY_TIME)}
    del old[keys.INDEX]
    return MemoryStorage(old)


async def many(runs: int) -> MemoryStorage:
    rows = MemoryStorage()
    async with TestEngine(workflows=[staged], storage=rows) as engine:
        await asyncio.gather(*[engine.start(staged, n % 3, id=f"r{n:04}", tags=["t"]) for n in range(runs)])
        await engine.advance_time(300)
        await asyncio.gather(*[engine.start(staged, 9, id=f"s{n}") for n in range(3)])
    return rows


async def test_a_store_of_an_earlier_version_is_indexed_while_its_engine_works() -> None:
    """Audit 33: while the original's index was stale every query scanned all records, silently."""
    old = without_indexes(await many(600))
    reader = StoreReader(old)
    assert len(await ids(reader, limit=700)) == 603
    for call in (reader.list(status="failed"), reader.count(), reader.aggregate(by="status")):
        with pytest.raises(IndexesNotReadyError, match="open it with an engine"):
            await call
    async with TestEngine(workflows=[staged], storage=old) as engine:
        assert await ids(engine, status="running") == ["s2", "s1", "s0"]  # waits for the rows
        assert await engine.count(tags=["t"]) == 600
        assert await engine.verify_indexes() == []
    Invariants().check(old.rows())
    assert await ids(StoreReader(old.reopen()), attributes={count: 8}) == []


async def test_runs_go_on_while_a_store_is_indexed_and_a_crash_loses_one_page() -> None:
    old = without_indexes(await many(600))
    how_far = []
    while not how_far or how_far[-1] is not None:
        storage = CrashingStorage(old.reopen(), 4, "before")  # of ownership, the first page, the tags, the second page
        engine = TestEngine(workflows=[staged], storage=storage, clock=VirtualClock())
        try:
            await engine.open()
            await engine.add_tags("s1", [f"opened {len(how_far)} times"])
            await engine._parts.indexes.ready()
        except SimulatedCrash:
            pass
        finally:
            await engine.crash()
        data = old.rows().get(keys.INDEX)
        how_far.append(upkeep.state(data)[1])
    assert len(how_far) > 2 and how_far[:-1] == sorted({*how_far[:-1]}), how_far
    async with TestEngine(workflows=[staged], storage=old.reopen()) as engine:
        assert await engine.verify_indexes() == []
        assert await ids(engine, tags=["opened 0 times"]) == ["s1"]
    Invariants().check(old.rows())


async def test_damaged_indexes_are_found_and_made_good_again() -> None:
    rows = await many(30)
    damaged = rows.rows()
    missing = [key for key in damaged if key.startswith(("by-state/", "by-tag/"))][::3]
    for key in missing:
        del damaged[key]
    stale = ["by-tag/ghost/000000000001/nobody", "by-state/failed/staged/000000000001/r0001", "by-tag/x"]
    damaged |= dict.fromkeys(stale, b"")
    store = MemoryStorage(damaged)
    found = await StoreReader(store).verify_indexes()
    assert {d["key"]: d["problem"] for d in found} == dict.fromkeys(missing, "missing") | dict.fromkeys(stale, "stale")
    async with TestEngine(workflows=[staged], storage=store) as engine:
        repairs, _ = await asyncio.gather(engine.rebuild_indexes(), engine.add_tags("r0001", ["meanwhile"]))
        assert {d["key"] for d in repairs} == {*missing, *stale}
        assert await engine.rebuild_indexes() == [] == await engine.verify_indexes()
        assert await engine.count(tags=["t"]) == 30
    Invariants().check(store.rows())


async def test_G18_rows_of_a_record_that_cannot_be_read_are_let_be() -> None:
    rows = await many(3)
    rows._write([("run/r0001", b"junk")])
    before = [key for key in rows.rows() if key.endswith("/r0001")]
    async with TestEngine(workflows=[staged], storage=rows) as engine:
        assert await engine.rebuild_indexes() == []
        assert [key for key in rows.rows() if key.endswith("/r0001")] == before
        assert {item["id"]: item["status"] for item in (await engine.list()).items}["r0001"] == "dead"
        assert "r0001" not in await ids(engine, status="completed")


@pytest.mark.parametrize("record", [b"", b"junk", None])
async def test_a_damaged_word_about_the_indexes_means_that_they_are_made_again(record: bytes | None) -> None:
    rows = await many(3)
    rows._write([(keys.INDEX, record)])
    with pytest.raises(IndexesNotReadyError):
        await StoreReader(rows).count()
    async with TestEngine(workflows=[staged], storage=rows) as engine:
        assert await engine.count() == 6
        assert await engine.verify_indexes() == []


async def test_an_empty_store_can_be_counted_without_an_engine() -> None:
    reader = StoreReader(MemoryStorage())
    assert await reader.count() == 0 and (await reader.aggregate(by="status")).groups == []
    assert await reader.verify_indexes() == []
