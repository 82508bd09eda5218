"""Purging a run: all of it or nothing, whatever happens meanwhile; its key stays spent (G6)."""

from __future__ import annotations

import asyncio
import inspect
from typing import Literal

import pytest

from tests.engine.invariants import Invariants
from weft_core import Context, activity, signal, workflow
from weft_core.engine.retention import purger
from weft_core.errors import (
    CorruptRecordError,
    IdempotencyKeyPurgedError,
    RunNotFinishedError,
    RunNotFoundError,
    WorkflowNotRegisteredError,
)
from weft_core.model import keys
from weft_core.storage import MemoryStorage
from weft_core.testing import CrashingStorage, SimulatedCrash, TestEngine, VirtualClock

go = signal("go")


@activity
def touch(number: int) -> int:
    return number


@workflow(signals=["go"])
async def busy(ctx: Context, steps: int) -> list[str]:
    """Events, mail ids, and a large value, so chunks."""
    kept = [str(i) * 200 for i in range(40)]
    for number in range(steps):
        await ctx.run(touch, number)
    await ctx.wait_for_signal(go)
    return kept[:1]


@workflow
async def short(ctx: Context, value: int) -> int:
    await ctx.run(touch, value)
    return value


async def finished(engine: TestEngine, run_id: str, steps: int = 3, key: str | None = None) -> None:
    await engine.start(busy, steps, id=run_id, idempotency_key=key)
    await engine.settle()
    await engine.signal(run_id, go, signal_id="once")
    await engine.get_handle(run_id).result()


def of_run(rows: MemoryStorage, run_id: str) -> list[str]:
    return [key for key in rows.rows() if run_id in key.split("/")]


def test_every_kind_of_record_that_names_a_run_is_known_to_purging() -> None:
    """A new family that nobody classified would outlive its run."""
    known = {
        *keys.ONE_OF_A_RUN,
        *keys.MANY_OF_A_RUN,
        *keys.INDEXES,
        *keys.ON_THEIR_WAY,
        *keys.OF_PURGING,
        *keys.OUTLIVING,
    }
    found = set()
    for name, fn in vars(keys).items():
        if not inspect.isfunction(fn) or "run_id" not in inspect.signature(fn).parameters:
            continue
        values = [
            "R" if p.name == "run_id" else 7 if p.annotation == "int" else "x"
            for p in inspect.signature(fn).parameters.values()
        ]
        key = fn(*values)
        kind, *rest = key.split("/")
        assert kind in known, f"keys.{name} makes {key!r}: say in model/keys.py what becomes of it in a purge"
        found.add(kind)
        if kind in keys.ONE_OF_A_RUN:
            assert rest == ["R"], key
        elif kind in keys.MANY_OF_A_RUN:
            assert rest[0] == "R" and len(rest) > 1, key
        elif kind in keys.INDEXES:
            assert "R" in rest[1:], f"{key!r} is not found when the indexes are looked through"
    assert found == known


async def test_nothing_of_a_purged_run_stays_but_its_spent_key() -> None:
    rows = MemoryStorage()
    async with TestEngine(workflows=[busy], storage=rows) as engine:
        await finished(engine, "gone", key="k")
        await finished(engine, "stays")
        before = of_run(rows, "stays")
        await engine.purge("gone")
        assert of_run(rows, "gone") == []
        assert of_run(rows, "stays") == before
        assert [run["id"] for run in (await engine.list()).items] == ["stays"]
        with pytest.raises(RunNotFoundError):
            await engine.describe("gone")
        with pytest.raises(RunNotFoundError):
            await engine.purge("gone")


async def test_G6_the_key_of_a_purged_run_starts_nothing_any_more() -> None:
    rows = MemoryStorage()
    async with TestEngine(workflows=[busy, short], storage=rows) as engine:
        await finished(engine, "gone", key="k")
        await engine.purge("gone")
        for _ in range(2):
            for start in ((busy, 3), (short, 1)):
                with pytest.raises(IdempotencyKeyPurgedError, match="'k' belonged to run 'gone'"):
                    await engine.start(*start, idempotency_key="k")
            await engine.crash_and_recover()


async def test_an_id_is_free_again_once_its_run_is_purged() -> None:
    async with TestEngine(workflows=[short]) as engine:
        await (await engine.start(short, 1, id="x")).result()
        purge, start = await asyncio.gather(engine.purge("x"), engine.start(short, 2, id="x"), return_exceptions=True)
        assert purge is None and not isinstance(start, BaseException), (purge, start)
        assert await engine.get_handle("x").result() == 2


async def test_a_run_that_goes_on_is_not_purged() -> None:
    async with TestEngine(workflows=[busy]) as engine:
        await engine.start(busy, 1, id="r")
        for force in (False, True):
            with pytest.raises(RunNotFinishedError, match="Cancel it first"):
                await engine.purge("r", force=force)
        await engine.settle()
        await engine.signal("r", go)
        await engine.get_handle("r").result()
        await engine.purge("r")


async def test_a_dead_run_is_purged_by_force_with_its_timers_and_mail() -> None:
    @workflow(signals=["go"], name="sleeper")
    async def sleeper(ctx: Context) -> None:
        await ctx.sleep("1 day")

    rows = MemoryStorage()
    async with TestEngine(workflows=[sleeper], storage=rows) as engine:
        await engine.start(sleeper, id="r", idempotency_key="k")
        await engine.signal("r", go, signal_id="s")
        await engine.crash()
    await rows.put("ckpt/r", b"damaged")
    async with TestEngine(workflows=[sleeper], storage=rows.reopen()) as engine:
        with pytest.raises(CorruptRecordError):
            await engine.resume("r")
        assert (await engine.describe("r"))["status"] == "dead"
        with pytest.raises(RunNotFinishedError, match="force=True"):
            await engine.purge("r")
        await engine.purge("r", force=True)
        assert of_run(rows, "r") == []
        with pytest.raises(IdempotencyKeyPurgedError):
            await engine.start(sleeper, idempotency_key="k")


async def test_a_run_whose_record_is_damaged_is_purged_by_force_and_its_key_is_spent() -> None:
    rows = MemoryStorage()
    async with TestEngine(workflows=[busy], storage=rows) as engine:
        await finished(engine, "r", key="k")
        await rows.put("run/r", b"damaged")
        with pytest.raises(CorruptRecordError):
            await engine.purge("r")
        assert of_run(rows, "r")
        await engine.purge("r", force=True)
        assert of_run(rows, "r") == []
        with pytest.raises(IdempotencyKeyPurgedError):
            await engine.start(busy, 3, idempotency_key="k")


class Weighing(MemoryStorage):
    largest = 0

    async def conditional_batch(self, conditions: object, ops: object) -> bool:
        self.largest = max(self.largest, len(list(ops)))  # type: ignore[call-overload]
        return await super().conditional_batch(conditions, ops)  # type: ignore[arg-type]


async def test_audit_10_a_large_run_goes_in_bounded_batches() -> None:
    """The original deletes a run's records in one batch without a cap."""
    rows = Weighing()
    async with TestEngine(workflows=[busy], storage=rows) as engine:
        await finished(engine, "large", steps=2000)
        assert len(of_run(rows, "large")) > 2000
        rows.largest = 0
        await engine.purge("large")
        assert of_run(rows, "large") == []
        assert rows.largest <= 300


@pytest.mark.parametrize("mode", ["before", "after"])
@pytest.mark.parametrize("steps", [2, 700])
async def test_a_crash_at_any_write_leaves_the_run_whole_or_no_run(
    mode: Literal["before", "after"], steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is never half visible, and what was begun is brought to its end at the next opening."""
    whole = MemoryStorage()
    async with TestEngine(workflows=[busy], storage=whole) as engine:
        await finished(engine, "r", steps=steps, key="k")
        await finished(engine, "other")
    monkeypatch.setattr(purger, "_PAGE", 256)
    for crash_at in range(1, 30):
        rows = MemoryStorage()
        await rows.batch(list(whole.rows().items()))
        invariants = Invariants(purges=True)
        invariants.check(rows.rows())
        storage = CrashingStorage(rows.reopen())
        engine = TestEngine(workflows=[busy], storage=storage)
        await engine.open()
        await engine.settle()
        storage.crash_in(crash_at, mode)
        purge = asyncio.ensure_future(engine.purge("r"))
        try:
            await purge
        except SimulatedCrash:
            pass
        finally:
            await engine.crash()
        invariants.check(rows.rows())
        begun = "run/r" not in rows.rows()
        async with TestEngine(workflows=[busy], storage=rows.reopen()) as again:
            if begun:  # the id is free, but the new run gets none of the old one's records, and loses none of its own
                await finished(again, "r", steps=1)
                await again.settle()
                assert (await again.history("r"))[0]["type"] == "run_started"
                await again.purge("r")
                with pytest.raises(IdempotencyKeyPurgedError):
                    await again.start(busy, steps, idempotency_key="k")
            else:
                assert (await again.describe("r"))["status"] == "completed"
                await again.purge("r")
            await again.settle()
            invariants.check(rows.rows())
        assert of_run(rows, "r") == []
        assert of_run(rows, "other") == of_run(whole, "other")
        if not storage.dead:
            assert crash_at > 1 + (steps > 300)
            return
    raise AssertionError("the purge never came to its end")


async def test_the_owner_purges_what_was_asked_for_through_the_inbox() -> None:
    from weft_core.client import leave_purge
    from weft_core.testing import virtual_host

    rows, clock = MemoryStorage(), VirtualClock()
    async with TestEngine(workflows=[busy], storage=rows, clock=clock) as engine:
        await finished(engine, "r")
        await engine.start(busy, 1, id="on")
        await engine.settle()
    ids = virtual_host(clock).ids
    await leave_purge(rows.reopen(), ids, "r")
    with pytest.raises(RunNotFinishedError):
        await leave_purge(rows.reopen(), ids, "on")
    with pytest.raises(RunNotFoundError):
        await leave_purge(rows.reopen(), ids, "nobody")
    async with TestEngine(workflows=[busy], storage=rows.reopen()):
        assert of_run(rows, "r") == []
        assert not [key for key in rows.rows() if key.startswith("inbox/")]


@workflow(signals=["go"])
async def holder(ctx: Context) -> None:
    async with ctx.mutex("printer"):
        await ctx.wait_for_signal(go)


@workflow
async def parent(ctx: Context) -> str:
    try:
        await ctx.child(holder, id="held")
    except Exception as error:
        return type(error).__name__
    return "fine"


async def test_a_stopped_run_that_is_purged_by_force_tells_its_parent_and_gives_back_its_locks() -> None:
    rows = MemoryStorage()
    async with TestEngine(workflows=[holder, parent], storage=rows) as engine:
        await engine.start(parent, id="parent")
        await engine.settle()
        await engine.start(holder, id="next")
        await engine.settle()
        assert (await engine.describe("next"))["waiting_for"][0]["kind"] != "signal", "the lock is taken"
    async with TestEngine(workflows=[parent], storage=rows.reopen()) as engine:
        with pytest.raises(WorkflowNotRegisteredError):
            await engine.resume("held")
        assert (await engine.describe("held"))["status"] == "held"
        await engine.purge("held", force=True)
        assert await engine.get_handle("parent").result() == "RunTerminatedError"
        assert not [key for key in rows.rows() if key.split("/")[1] == "held" and not key.startswith("by-state/")]
    async with TestEngine(workflows=[holder, parent], storage=rows.reopen()) as engine:
        await engine.settle()
        assert (await engine.describe("next"))["waiting_for"][0]["kind"] == "signal"
        Invariants(purges=True).check(rows.rows())
