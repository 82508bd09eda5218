"""Finished runs are kept as long as the retention says, and no run is read that is not due."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest

from tests.engine.invariants import Invariants
from weft_core import Context, Retention, activity, signal, workflow
from weft_core.errors import DefinitionError, InvalidInputError, WeftError
from weft_core.observe import examine
from weft_core.storage import MemoryStorage
from weft_core.testing import CrashingStorage, SimulatedCrash, TestEngine, VirtualClock

go = signal("go")
DAYS = Retention(completed="30 days", failed="90 days")


@activity
def touch(value: int) -> int:
    return value


@workflow
async def short(ctx: Context, value: int) -> int:
    if value < 0:
        raise ValueError(value)
    return await ctx.run(touch, value)


@workflow(retention=Retention(completed="1 hour"))
async def fleeting(ctx: Context) -> None:
    """Its own retention, which stands for the engine's."""


@workflow
async def waits(ctx: Context) -> None:
    await ctx.wait_for_signal(go)


async def run(engine: TestEngine, *ids: str, value: int = 1, **options: Any) -> None:
    for run_id in ids:
        handle = await engine.start(short, value, id=run_id, **options)
        try:
            await handle.result()
        except WeftError:
            pass


async def left(engine: TestEngine) -> set[str]:
    return {item["id"] for item in (await engine.list(limit=1000)).items}


def engine_on(rows: MemoryStorage, clock: VirtualClock, retention: Retention) -> TestEngine:
    return TestEngine(
        workflows=[short, waits], storage=rows.reopen(), clock=clock, retention=retention
    )  # fmt: skip


async def test_finished_runs_go_when_their_time_has_come_each_by_how_it_ended() -> None:
    async with TestEngine(workflows=[short, waits], retention=DAYS) as engine:
        await run(engine, "good")
        await run(engine, "bad", value=-1)
        await engine.start(waits, id="on")
        await engine.start(waits, id="cancelled")
        await engine.cancel("cancelled")
        await engine.advance_time("29 days")
        await run(engine, "later")
        assert await left(engine) == {"good", "bad", "on", "cancelled", "later"}
        await engine.advance_time("1 day")
        assert await left(engine) == {"bad", "on", "cancelled", "later"}
        await engine.advance_time("60 days")
        assert await left(engine) == {"on", "cancelled"}, "what the retention does not name is kept"
        await engine.signal("on", go)
        await engine.advance_time("31 days")
        assert await left(engine) == {"cancelled"}


async def test_the_engine_wakes_for_a_sweep_when_one_is_due_and_never_to_look_whether_one_is() -> None:
    async with TestEngine(workflows=[short], retention=DAYS) as engine:
        await run(engine, "a")
        await engine.settle()
        start = engine.clock.now_ms()
        assert engine.clock.next_deadline() == start + 30 * 86_400_000
        await engine.advance_time("31 days")
        assert engine.clock.next_deadline() is None
        assert engine._parts.keeper.rounds == 2, "one at the opening, one when it was due"


async def test_the_retention_of_a_workflow_stands_for_that_of_the_engine() -> None:
    async with TestEngine(workflows=[short, fleeting], retention=DAYS) as engine:
        await (await engine.start(fleeting, id="fleeting")).result()
        await run(engine, "short")
        await engine.advance_time("1 hour")
        assert await left(engine) == {"short"}


async def test_runs_that_came_due_while_no_engine_was_there_go_at_the_next_opening() -> None:
    rows, clock = MemoryStorage(), VirtualClock()
    async with engine_on(rows, clock, DAYS) as engine:
        await run(engine, *(f"r{i}" for i in range(200)))
    clock.advance_to(clock.now_ms() + 31 * 86_400_000)
    async with engine_on(rows, clock, DAYS) as engine:
        await engine.settle()
        assert await left(engine) == set()
    assert {key.split("/")[0] for key in rows.rows()} == {"meta", "code", "feed"}


async def test_a_retention_holds_for_runs_that_finished_before_it_was_asked_for() -> None:
    rows, clock = MemoryStorage(), VirtualClock()
    async with engine_on(rows, clock, Retention()) as engine:
        await run(engine, *(f"r{i}" for i in range(600)))
        assert not [key for key in rows.rows() if key.startswith("ended/")], "nothing is written for no retention"
    clock.advance_to(clock.now_ms() + 31 * 86_400_000)
    invariants = Invariants(purges=True)
    async with engine_on(rows, clock, DAYS) as engine:
        await run(engine, "new")
        await engine.settle()
        assert await left(engine) == {"new"}
        invariants.check(rows.rows())
    async with engine_on(rows, clock, Retention(completed="1 day")) as engine:
        await engine.advance_time("1 day")
        assert await left(engine) == set(), "and a policy that is changed for those it did not name before"


async def test_an_engine_without_a_retention_keeps_the_index_that_another_began() -> None:
    rows, clock = MemoryStorage(), VirtualClock()
    async with engine_on(rows, clock, DAYS) as engine:
        await run(engine, "first")
        await engine.settle()
    async with engine_on(rows, clock, Retention()) as engine:
        await run(engine, "second")
        await engine.advance_time("100 days")
        assert await left(engine) == {"first", "second"}
    async with engine_on(rows, clock, DAYS) as engine:
        await engine.settle()
        assert await left(engine) == set()


async def test_of_each_workflow_the_newest_runs_are_kept_however_they_ended() -> None:
    rows, clock = MemoryStorage(), VirtualClock()
    async with engine_on(rows, clock, Retention(count=3)) as engine:
        for i in range(6):
            await run(engine, f"r{i}", value=-1 if i % 2 else 1)
            await (await engine.start(waits, id=f"w{i}")).cancel()
            await engine.advance_time("1 s")
        assert await left(engine) == {"r3", "r4", "r5", "w3", "w4", "w5"}
        await engine.purge("r4")
        await run(engine, "r6")
        await engine.settle()
        assert await left(engine) == {"r3", "r5", "r6", "w3", "w4", "w5"}
    async with engine_on(rows, clock, Retention(count=1)) as engine:
        await engine.settle()
        assert await left(engine) == {"r6", "w5"}


class Counting(MemoryStorage):
    """Counts the runs that are read."""

    read = 0

    async def get(self, key: str) -> bytes | None:
        self.read += key.startswith("run/")
        return await super().get(key)


async def test_a_sweep_reads_only_the_runs_that_are_due() -> None:
    rows = Counting()
    async with TestEngine(workflows=[short], storage=rows, retention=DAYS) as engine:
        await run(engine, "old")
        await engine.advance_time("1 day")
        await run(engine, *(f"r{i}" for i in range(300)))
        rows.read = 0
        await engine.advance_time("29 days")
        assert rows.read <= 3
        assert "old" not in await left(engine)


async def test_a_run_that_took_the_place_of_one_that_was_due_stays() -> None:
    async with TestEngine(workflows=[short, waits], retention=DAYS) as engine:
        await run(engine, "r")
        await engine.advance_time("10 days")
        await run(engine, "r", on_conflict="restart")
        await engine.advance_time("21 days")
        assert await left(engine) == {"r"}
        await engine.advance_time("10 days")
        assert await left(engine) == set()


async def test_a_run_that_cannot_be_read_stays_for_people_and_holds_up_nothing() -> None:
    rows = MemoryStorage()
    async with TestEngine(workflows=[short], storage=rows, retention=DAYS) as engine:
        await run(engine, "a", "b")
        await rows.put("run/a", b"damaged")
        await engine.advance_time("31 days")
        assert await left(engine) == {"a"}
        assert engine.clock.next_deadline() is None


async def test_G6_a_spent_key_is_forgotten_when_the_retention_says_so_and_else_never() -> None:
    for retention, forgotten in (
        (Retention(completed="1 day", keys="1 year"), True),
        (Retention(completed="1 day"), False),
    ):
        rows, clock = MemoryStorage(), VirtualClock()
        async with engine_on(rows, clock, retention) as engine:
            await run(engine, "r", idempotency_key="k")
            await engine.advance_time("2 days")
            assert await left(engine) == set()
            with pytest.raises(WeftError, match="has been purged"):
                await engine.start(short, 1, idempotency_key="k")
        clock.advance_to(clock.now_ms() + 366 * 86_400_000)
        async with engine_on(rows, clock, Retention()) as engine:
            await engine.settle()
            assert [key for key in rows.rows() if key.startswith(("idem/", "spent/"))] == (
                [] if forgotten else ["idem/k"]
            )
            if forgotten:
                await (await engine.start(short, 2, idempotency_key="k")).result()


@pytest.mark.parametrize("mode", ["before", "after"])
async def test_a_sweep_that_crashes_at_any_write_is_completed(mode: Literal["before", "after"]) -> None:
    whole, clock = MemoryStorage(), VirtualClock()
    async with engine_on(whole, clock, Retention()) as engine:
        await run(engine, "a", "b")
        await run(engine, "c", idempotency_key="k")
        await run(engine, "d", value=-1)
    clock.advance_to(clock.now_ms() + 40 * 86_400_000)
    for crash_at in range(1, 60):
        rows = MemoryStorage()
        await rows.batch(list(whole.rows().items()))
        invariants = Invariants(purges=True)
        storage = CrashingStorage(rows.reopen(), crash_at, mode)
        engine = TestEngine(workflows=[short], storage=storage, clock=clock, retention=DAYS)
        try:
            await engine.open()
            await engine.settle()
        except SimulatedCrash:
            pass
        finally:
            await engine.crash()
        invariants.check(rows.rows())
        async with engine_on(rows, clock, DAYS) as again:
            await again.settle()
            invariants.check(rows.rows())
            assert await left(again) == {"d"}
        if not storage.dead:
            assert crash_at >= 5
            return
    raise AssertionError("no end")


def test_a_retention_that_makes_no_sense_is_refused_where_it_is_written() -> None:
    for wrong in ({"completed": "soon"}, {"failed": -1}, {"keys": "x"}, {"events": "many"}):
        with pytest.raises(InvalidInputError):
            Retention(**wrong)  # type: ignore[arg-type]
    for wrong in ({"count": -1}, {"count": 1.5}, {"count": True}, {"events": 0}, {"events": True}):
        with pytest.raises(DefinitionError):
            Retention(**wrong)  # type: ignore[arg-type]
    assert Retention(completed="30 days", count=5).to_json() == {"completed": "30 days", "count": 5}


async def test_diagnostics_tell_what_an_operator_wants_and_are_json() -> None:
    async with TestEngine(workflows=[short, waits], retention=DAYS) as engine:
        await run(engine, "a")
        await engine.advance_time("31 days")
        seen = json.loads(json.dumps(engine.diagnostics()))
        assert seen["state"] == "open" and seen["queued"] == 0 and seen["commits"] > 3 and seen["last_commit_ms"] >= 0
        assert seen["retention"] == {
            "policy": {"completed": "30 days", "failed": "90 days"}, "purged": 1, "next": None, "rounds": 2,
            "busy": False,
        }  # fmt: skip
        assert seen["storage"]["kind"] == "MemoryStorage" and seen["storage"]["atomic_batch"] is True


async def test_G18_every_record_is_examined_and_damage_is_named() -> None:
    rows = MemoryStorage()
    async with TestEngine(workflows=[short, waits], storage=rows) as engine:
        await run(engine, "a", "b")
        await engine.start(waits, id="w")
        fine = await examine(rows, deep=True)
        assert fine["damaged"] == 0 and fine["runs"] == {"completed": 2, "running": 1}
        assert fine["oldest_unfinished"]["id"] == "w"
        assert sum(kind["count"] for kind in fine["records"].values()) == len(rows.rows())
        (key,) = [key for key in rows.rows() if key.startswith("log/w/")]
        await rows.put(key, rows.rows()[key] + b"!")
        await rows.put("run/a", b"damaged")
        assert [d["key"] for d in (await examine(rows))["damages"]] == ["run/a"]
        deep = await examine(rows, deep=True)
        assert {d["key"] for d in deep["damages"]} == {"run/a", key} and deep["runs"]["unreadable"] == 1
