"""``engine.edit`` and ``engine.skip``: a run is put right where it stands, and goes on; the dead letter list (G15)."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Literal

import pytest

from tests.engine import repairing
from tests.engine.invariants import Invariants
from tests.engine.program import program
from tests.engine.repairing import act, effects, forget, note, result, rows_of, travel, trip
from weft_core import Context, StoredRun, workflow
from weft_core.errors import (
    EditError,
    InvalidInputError,
    NotSerializableError,
    OperationSkippedError,
    RunFailedError,
    RunFinishedError,
    RunNotParkedError,
)
from weft_core.storage import MemoryStorage
from weft_core.testing import TestEngine


@pytest.fixture(autouse=True)
def _forget() -> None:
    forget()


def kept(engine: TestEngine) -> dict[str, bytes]:
    return {key: value for key, value in rows_of(engine).items() if not key.startswith(("meta/", "code/"))}


async def events(engine: TestEngine, kind: str, run_id: str = "t") -> list[dict[str, Any]]:
    return [e for e in await engine.history(run_id) if e["type"] == kind]


async def test_a_variable_of_a_suspended_run_is_changed_and_the_run_goes_on_with_it() -> None:
    async with TestEngine(workflows=[trip]) as engine:
        await travel(engine, "a")
        await engine.suspend("t")
        await engine.edit("t", {"total": 5}, reason="a discount", by="ann")
        Invariants().check(rows_of(engine))
        (told,) = await events(engine, "run_edited")
        assert told["changes"] == [{"name": "total", "old": 101, "new": 5}]
        assert (told["reason"], told["by"]) == ("a discount", "ann")
        await engine.crash_and_recover()
        await engine.resume("t")
        await engine.advance_time("1 hour")
        assert await engine.get_handle("t").result() == result("a", total=5)
        Invariants().check(rows_of(engine))


async def test_variables_of_helpers_and_the_changes_of_a_function() -> None:
    async with TestEngine(workflows=[trip]) as engine:
        await engine.start(trip, 2, id="t")
        await engine.signal("t", note, "a")
        await engine.suspend("t")
        await engine.edit("t", {"frame[1].got": ["edited"], "total": 0})

        def more(run: StoredRun) -> None:
            assert run.waits_for == "signal note"
            run.frames[1].locals["got"].append("twice")

        await engine.edit("t", more)
        changes = [change for event in await events(engine, "run_edited") for change in event["changes"]]
        assert changes == [
            {"name": "frame[1].got", "old": ["a"], "new": ["edited"]}, {"name": "total", "old": 100, "new": 0},
            {"name": "frame[1].got", "old": ["edited"], "new": ["edited", "twice"]},
        ]  # fmt: skip
        await engine.signal("t", note, "b")
        await engine.resume("t")
        await engine.advance_time("1 hour")
        assert await engine.get_handle("t").result() == result("edited", "twice", "b", total=3)


@workflow
async def pair(ctx: Context) -> list[Any]:
    return await ctx.all([repairing.collect(ctx, 1), repairing.collect(ctx, 1)])


async def test_variables_of_branches() -> None:
    async with TestEngine(workflows=[pair]) as engine:
        await engine.start(pair, id="t")
        await engine.suspend("t")
        await engine.edit("t", {"branch[1].got": ["before"]})
        await engine.resume("t")
        for text in "ab":
            await engine.signal("t", note, text)
        assert await engine.get_handle("t").result() == [["a"], ["before", "b"]]


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"total": 1, "totl": 2}, EditError, "no variable 'totl' at its checkpoint; there are: .*total"),
        ({"flight": 1, "frame[1].x": 2}, EditError, r"no variable 'frame\[1\].x'"),
        ({"branch[0].x": 2}, EditError, r"no variable 'branch\[0\].x'"),
        ({"total.x": 2}, EditError, "no variable"),
        ({"total": lambda: 1}, NotSerializableError, "function"),
        ({"total": open}, NotSerializableError, "open"),
        ("total", InvalidInputError, "a mapping"),
        ({1: 2}, InvalidInputError, "a mapping"),
        (lambda run: run.root.locals.pop("total"), Exception, "total"),
        (lambda run: 1 / 0, ZeroDivisionError, "division"),
        (lambda run: run.root.move_to("sleep", instead=run.ctx.sleep(1)), EditError, "an edit changes variables"),
    ],
)
async def test_G19_an_edit_that_is_refused_writes_nothing(changes: Any, error: type[Exception], said: str) -> None:
    async with TestEngine(workflows=[trip]) as engine:
        await travel(engine)
        await engine.suspend("t")
        before = kept(engine)
        with pytest.raises(error, match=said):
            await engine.edit("t", changes)
        assert kept(engine) == before
        await engine.resume("t")
        await engine.advance_time("1 hour")
        assert await engine.get_handle("t").result() == result()


async def test_runs_that_do_not_stand_still_are_not_edited() -> None:
    async with TestEngine(workflows=[trip]) as engine:
        await travel(engine)
        with pytest.raises(RunNotParkedError, match="suspend it first"):
            await engine.edit("t", {"total": 1})
        await engine.advance_time("1 hour")
        with pytest.raises(RunNotParkedError, match="fork"):
            await engine.edit("t", {"total": 1})


async def test_attempts_of_a_suspended_run_go_on_while_it_is_edited() -> None:
    gate = asyncio.Event()

    async def slow(name: str) -> str:
        effects[name] += 1
        await gate.wait()
        return name.upper()

    async with TestEngine(workflows=[trip]) as engine:
        engine.mock(act, slow)
        await engine.start(trip, 0, id="t")
        for _ in range(5):
            await asyncio.sleep(0)
        await engine.suspend("t")
        await engine.signal("t", note, "spare")
        await engine.edit("t", {"total": 1})
        gate.set()
        await engine.settle()
        assert effects == {"flight": 1}
        Invariants().check(rows_of(engine))
        await engine.resume("t")
        await engine.advance_time("1 hour")
        assert await engine.get_handle("t").result() == result(total=1)
        assert effects["flight"] == 1


@workflow(retain_checkpoints=2)
async def fragile(ctx: Context) -> Any:
    unlucky = True
    got = await ctx.wait_for_signal("go")
    held = threading.Lock() if unlucky else None
    await ctx.sleep(1)
    return [got, held]


async def test_G15_a_dead_run_is_listed_with_what_can_be_done_edited_and_resumed() -> None:
    async with TestEngine(workflows=[fragile, trip]) as engine:
        await travel(engine, id="well")
        await engine.start(fragile, id="t")
        await engine.signal("t", "go", 1)
        letters = (await engine.dead_letters()).items
        assert [(letter["id"], letter["status"]) for letter in letters] == [("t", "dead")]
        assert letters[0]["error"]["code"] == "NotSerializableError"
        assert {"resume", "retry", "skip", "edit", "rewind", "fork"} <= set(letters[0]["verbs"])
        with pytest.raises(NotSerializableError):
            await engine.retry("t")
        await engine.edit("t", {"unlucky": False})
        assert (await engine.describe("t"))["status"] == "dead"
        Invariants().check(rows_of(engine))
        await engine.crash_and_recover()
        await engine.retry("t")
        await engine.advance_time("1 second")
        assert await engine.get_handle("t").result() == [1, None]
        assert not (await engine.dead_letters()).items
        Invariants().check(rows_of(engine))


MISSING = """
    @workflow
    async def sums(ctx):
        got = await ctx.run("gone", 1)
        return [got, await ctx.run("gone too", 2)]
"""


async def test_G15_a_run_that_is_held_for_an_activity_is_answered_by_hand() -> None:
    code = program(MISSING)
    full = program(
        """
    @activity(name="gone")
    async def gone(n):
        raise ValueError("it does not work any more")

    @activity(name="gone too")
    async def gone_too(n):
        return n
    """,
        name="full",
    )
    storage = MemoryStorage()
    async with TestEngine(workflows=[code.sums], activities=[full.gone, full.gone_too], storage=storage) as engine:
        await engine.start(code.sums, id="t")
        await engine.suspend("t")
    async with TestEngine(workflows=[code.sums], activities=[full.gone_too], storage=storage) as engine:
        if (await engine.describe("t"))["status"] == "suspended":
            await engine.resume("t")
        await engine.skip("t", 41, reason="done by hand", by="ann")
        await engine.settle()
        assert await engine.get_handle("t").result() == [41, 2]
        (told,) = await events(engine, "operation_skipped")
        assert (told["kind"], told["value"], told["reason"], told["by"]) == ("activity", 41, "done by hand", "ann")


@workflow(retain_checkpoints=5)
async def long_wait(ctx: Context) -> Any:
    try:
        return await ctx.race({"signal": ctx.wait_for_signal("go"), "time": ctx.sleep("30 days")})
    except OperationSkippedError as skipped:
        return str(skipped)


async def test_any_operation_of_a_running_run_can_be_skipped_and_its_timer_goes_away() -> None:
    async with TestEngine(workflows=[long_wait, trip]) as engine:
        await engine.start(long_wait, id="w")
        with pytest.raises(EditError, match=r"say which task; there are: 1 \(signal go\), 2 \(sleep"):
            await engine.skip("w", 1)
        with pytest.raises(EditError, match="task 0 waits for nothing that can be skipped"):
            await engine.skip("w", 1, task=0)
        await engine.skip("w", None, task=2)
        assert await engine.get_handle("w").result() == ("time", None)
        with pytest.raises(RunFinishedError):
            await engine.skip("w", 1)
        await engine.start(long_wait, id="e")
        await engine.skip("e", error="the customer has gone", task=1)
        assert "the customer has gone" in await engine.get_handle("e").result()
        with pytest.raises(NotSerializableError):
            await engine.skip("e", open)
        Invariants().check(rows_of(engine))


async def test_skipping_stops_the_attempt_in_flight_and_its_outcome_changes_nothing() -> None:
    gate = asyncio.Event()

    async def slow(name: str) -> str:
        effects[name] += 1
        await gate.wait()
        return "late"

    async with TestEngine(workflows=[trip]) as engine:
        engine.mock(act, slow)
        await engine.start(trip, 0, id="t")
        for _ in range(5):
            await asyncio.sleep(0)
        await engine.skip("t", "FLIGHT")
        await engine.skip("t", "HOTEL")
        gate.set()
        await engine.settle()
        Invariants().check(rows_of(engine))
        await engine.skip("t")
        await engine.settle()
        ended = await engine.get_handle("t").result()
        assert ended["all"] == ["FLIGHT", "HOTEL", "late", "late"]
        assert effects == {"flight": 1, "hotel": 1, "car": 1, "bus": 1}


async def test_a_skip_with_an_error_of_the_authors_is_raised_as_that_error() -> None:
    async with TestEngine(workflows=[trip]) as engine:
        await travel(engine)
        await engine.skip("t", error=ValueError("no sleep"))
        with pytest.raises(RunFailedError) as failed:
            await engine.get_handle("t").result()
        assert isinstance(failed.value.__cause__, ValueError)
        with pytest.raises(RunFinishedError):
            await engine.skip("t", 1)


@pytest.mark.parametrize("mode", ["before", "after"])
async def test_G1_G12_a_crash_at_any_write_of_an_edit_leaves_it_done_or_not_begun(
    mode: Literal["before", "after"],
) -> None:
    async def prepare(engine: TestEngine) -> None:
        await travel(engine, "a")
        await engine.suspend("t")

    async def use(engine: TestEngine) -> None:
        if not await events(engine, "run_edited"):
            await engine.edit("t", {"total": 7})
        if (await engine.describe("t"))["status"] == "suspended":
            await engine.resume("t")
        await engine.advance_time("2 hours")

    async def judge(engine: TestEngine) -> None:
        assert await engine.get_handle("t").result() == result("a", total=7)
        assert len(await events(engine, "run_edited")) == 1
        assert effects["flight"] == effects["hotel"] == 1

    assert await repairing.crash_everywhere(prepare, use, judge, mode) >= 4


@pytest.mark.parametrize("mode", ["before", "after"])
async def test_G1_G12_a_crash_at_any_write_of_a_skip_leaves_it_done_or_not_begun(
    mode: Literal["before", "after"],
) -> None:
    async def prepare(engine: TestEngine) -> None:
        await travel(engine, "a")

    async def use(engine: TestEngine) -> None:
        if not await events(engine, "operation_skipped"):
            await engine.skip("t")
        await engine.settle()

    async def judge(engine: TestEngine) -> None:
        assert await engine.get_handle("t").result() == result("a")
        assert len(await events(engine, "operation_skipped")) == 1
        assert effects["flight"] == effects["hotel"] == 1

    assert await repairing.crash_everywhere(prepare, use, judge, mode) >= 3
