"""Child runs, and runs that speak to one another: exactly once, over crashes (G1, G13)."""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

import pytest

from tests.engine.invariants import Invariants
from weft_core import Context, RetryPolicy, Workflow, activity, activity_info, workflow
from weft_core.errors import (
    LimitExceededError,
    OperationMisuseError,
    RunCancelledError,
    RunExistsError,
    RunFailedError,
    RunFinishedError,
    RunNotFoundError,
    RunTimedOutError,
    WorkflowNotRegisteredError,
)
from weft_core.model.limits import Limits
from weft_core.storage import MemoryStorage
from weft_core.testing import (
    CrashingStorage,
    SimulatedCrash,
    TestEngine,
    VirtualClock,
    assert_survives_every_crash,
)  # fmt: skip

effects: Counter[str] = Counter()


@activity(retry=RetryPolicy(max_attempts=50, initial_interval=0.1))
async def work(item: int) -> int:
    effects[f"{item}:{activity_info().idempotency_key}"] += 1
    return item * 10


class Broken(Exception):
    """A child's own error."""


@workflow
async def worker(ctx: Context, item: int) -> int:
    if item < 0:
        raise Broken(item)
    done = await ctx.run(work, item)
    await ctx.sleep("1 minute")
    return done


@workflow
async def sleeper(ctx: Context) -> str:
    try:
        await ctx.wait_for_signal("wake")
    finally:
        await ctx.run(work, 99)
    return "woken"


@workflow
async def boss(ctx: Context, items: list[int]) -> list[Any]:
    first = await ctx.child(worker, items[0])
    rest = [await ctx.start_child(worker, item) for item in items[1:]]
    return [first, *[await child.result() for child in rest]]


@workflow
async def leaver(ctx: Context, policy: str) -> str:
    child = await ctx.start_child(sleeper, id="child", on_parent_close=policy)
    await ctx.sleep("1 minute")
    return child.id


@pytest.fixture(autouse=True)
def _forget() -> None:
    effects.clear()


def rows_of(engine: TestEngine) -> dict[str, bytes]:
    assert isinstance(engine.storage, MemoryStorage)
    return engine.storage.rows()


async def test_a_parent_has_the_values_of_its_children() -> None:
    async with TestEngine(workflows=[boss, worker]) as engine:
        handle = await engine.start(boss, [1, 2, 3], id="boss")
        await engine.advance_time("30 seconds")
        Invariants().check(rows_of(engine))
        await engine.crash_and_recover()
        await engine.advance_time("3 minutes")
        assert await handle.result() == [10, 20, 30]
        assert sum(effects.values()) == 3
        view = Invariants().check(rows_of(engine))
        kinds = {key.split("/")[0] for key in view.rows if not key.startswith("by-")}
        assert kinds <= {"meta", "run", "log", "code", "feed"}
        assert {h["rare"].get("parent", [None])[0] for h in view.runs.values()} == {None, "boss"}


@pytest.mark.parametrize("mode", ["before", "after"])
async def test_G1_a_crash_at_every_write_starts_no_child_twice(mode: Literal["before", "after"]) -> None:
    crash_at, most = 0, 1
    while crash_at <= most:
        effects.clear()
        rows, clock, crashed, checker = MemoryStorage(), VirtualClock(), False, Invariants()
        while True:
            storage = CrashingStorage(rows.reopen(), None if crashed or not crash_at else crash_at, mode)
            engine = TestEngine(workflows=[boss, worker], storage=storage, clock=clock)
            try:
                await engine.open()
                try:
                    await engine.start(boss, [1, 2], id="boss")
                except RunExistsError:
                    pass
                await engine.advance_time("5 minutes")
                if engine.status != "open":
                    assert engine.trouble is not None
                    raise engine.trouble
                assert await engine.get_handle("boss").result() == [10, 20], (crash_at, mode)
                break
            except SimulatedCrash:
                crashed = True
            finally:
                await engine.crash()
            checker.check(rows.rows())
        most = max(most, 0 if crashed else storage.writes)
        view = checker.check(rows.rows())
        assert len(view.runs) == 3 and len(effects) == 2
        assert sum(effects.values()) <= 3
        crash_at += 1
    assert most > 10


async def test_a_childs_own_error_is_the_cause() -> None:
    @workflow(name="catching")
    async def catching(ctx: Context) -> list[Any]:
        try:
            await ctx.child(worker, -1)
        except RunFailedError as failed:
            return [type(failed.__cause__).__name__, str(failed.__cause__), failed.error_type]
        return []

    async with TestEngine(workflows=[catching, worker]) as engine:
        handle = await engine.start(catching)
        await engine.crash_and_recover()
        name, text, kind = await handle.result()
        assert (name, text) == ("Broken", "-1") and kind.endswith("Broken")


async def test_a_child_that_cannot_be_started_is_an_error_of_its_parent() -> None:
    @workflow(name="trying")
    async def trying(ctx: Context) -> list[str]:
        errors = []
        for name, id in (("worker", "taken"), ("nobody", None)):
            try:
                await ctx.start_child(name, 1, id=id)
            except (RunExistsError, WorkflowNotRegisteredError) as refused:
                errors.append(type(refused).__name__)
        return errors

    async with TestEngine(workflows=[trying, worker, sleeper]) as engine:
        await engine.start(sleeper, id="taken")
        assert await (await engine.start(trying)).result() == ["RunExistsError", "WorkflowNotRegisteredError"]
        Invariants().check(rows_of(engine))


@pytest.mark.parametrize(
    ("policy", "status", "cleaned"),
    [("cancel", "cancelled", 1), ("terminate", "terminated", 0), ("abandon", "running", 0)],
)
async def test_what_becomes_of_a_child_when_its_parent_ends(policy: str, status: str, cleaned: int) -> None:
    async with TestEngine(workflows=[leaver, sleeper]) as engine:
        handle = await engine.start(leaver, policy)
        await engine.settle()
        assert (await engine.describe("child"))["status"] == "running"
        await engine.advance_time("1 minute")
        assert await handle.result() == "child"
        assert (await engine.describe("child"))["status"] == status
        assert sum(effects.values()) == cleaned
        Invariants().check(rows_of(engine))


async def test_a_parent_with_the_policy_await_ends_after_its_children() -> None:
    async with TestEngine(workflows=[leaver, sleeper]) as engine:
        handle = await engine.start(leaver, "await", id="parent")
        await engine.advance_time("1 hour")
        await engine.crash_and_recover()
        assert (await handle.describe())["waiting_for"][0]["kind"] == "join"
        Invariants().check(rows_of(engine))
        await engine.signal("child", "wake")
        await engine.settle()
        assert await handle.result() == "child"
        again = await engine.start(leaver, "await", id="other")
        await engine.settle()
        assert (await again.describe())["status"] == "failed", "its child's id is taken"


async def test_cancelling_a_parent_that_awaits_its_children_cancels_them() -> None:
    async with TestEngine(workflows=[leaver, sleeper]) as engine:
        handle = await engine.start(leaver, "await")
        await engine.advance_time("1 hour")
        await handle.cancel()
        await engine.settle()
        assert (await engine.describe("child"))["status"] == "cancelled"
        with pytest.raises(RunCancelledError):
            await handle.result()


async def test_an_unknown_close_policy_is_refused_where_it_is_written() -> None:
    async with TestEngine(workflows=[leaver, sleeper]) as engine:
        with pytest.raises(RunFailedError) as failed:
            await (await engine.start(leaver, "forget")).result()
        assert isinstance(failed.value.__cause__, OperationMisuseError)


async def test_terminating_a_parent_closes_its_children_too() -> None:
    async with TestEngine(workflows=[leaver, sleeper]) as engine:
        handle = await engine.start(leaver, "cancel")
        await engine.settle()
        await handle.terminate()
        await engine.settle()
        assert (await engine.describe("child"))["status"] == "cancelled"


async def test_G13_cancelling_who_awaits_a_child_cancels_the_child_and_waits_for_its_end() -> None:
    @workflow(name="awaiting")
    async def awaiting(ctx: Context) -> Any:
        return await ctx.race({"child": ctx.child(sleeper, id="child"), "time": ctx.sleep("1 hour")})

    async with TestEngine(workflows=[awaiting, sleeper]) as engine:
        handle = await engine.start(awaiting)
        await engine.advance_time("1 hour")
        assert await handle.result() == ("time", None)
        assert (await engine.describe("child"))["status"] == "cancelled"
        assert sum(effects.values()) == 1, "its finally has run"


async def test_a_child_may_have_an_execution_timeout() -> None:
    @workflow(name="strict")
    async def strict(ctx: Context) -> str:
        try:
            await ctx.child(sleeper, execution_timeout="10 minutes")
        except RunTimedOutError:
            return "late"
        return "in time"

    async with TestEngine(workflows=[strict, sleeper]) as engine:
        handle = await engine.start(strict)
        await engine.advance_time("10 minutes")
        assert await handle.result() == "late"


async def test_runs_speak_to_runs_they_know_by_id() -> None:
    @workflow(name="speaker")
    async def speaker(ctx: Context) -> list[str]:
        said = []
        await ctx.signal("s", "wake", "now")
        said.append(await ctx.result_of("s"))
        for operation in (
            ctx.signal("s", "wake"),
            ctx.cancel("s"),
            ctx.signal("nobody", "wake"),
            ctx.result_of("nobody"),
        ):
            try:
                await operation
            except (RunFinishedError, RunNotFoundError) as refused:
                said.append(type(refused).__name__)
        await ctx.cancel("t")
        try:
            await ctx.result_of("t")
        except RunCancelledError:
            said.append("cancelled")
        return said

    async with TestEngine(workflows=[speaker, sleeper]) as engine:
        for name in ("s", "t"):
            await engine.start(sleeper, id=name)
        handle = await engine.start(speaker)
        await engine.settle()
        assert await handle.result() == [
            "woken", "RunFinishedError", "RunFinishedError", "RunNotFoundError", "RunNotFoundError", "cancelled",
        ]  # fmt: skip
        Invariants().check(rows_of(engine))


async def test_who_waits_for_a_held_run_hears_of_its_end() -> None:
    waiting = _waiting("held")
    async with TestEngine(workflows=[waiting, sleeper]) as engine:
        await engine.start(sleeper, id="held")
        handle = await engine.start(waiting)
        await engine.settle()
        await engine.crash()
        engine.use_storage_again()
        engine.registry._workflows.pop(("sleeper", "1"))
        engine.registry._versions.pop("sleeper")
        await engine.open()
        await engine.signal("held", "wake")
        late = await engine.start(waiting)
        await engine.settle()
        assert (await engine.describe("held"))["status"] == "held"
        await engine.cancel("held")
        await engine.settle()
        assert await handle.result() == await late.result() == "RunCancelledError"
        Invariants().check(rows_of(engine))


def _waiting(run_id: str) -> Workflow:
    @workflow(name="waiting")
    async def waiting(ctx: Context) -> Any:
        try:
            return await ctx.result_of(run_id)
        except RunCancelledError as ended:
            return ended.code

    found: Workflow = waiting
    return found


async def test_children_of_children_are_bounded() -> None:
    @workflow(name="deep")
    async def deep(ctx: Context, level: int) -> int:
        return await ctx.child("deep", level + 1)

    async with TestEngine(workflows=[deep], limits=Limits(max_child_depth=5)) as engine:
        handle = await engine.start(deep, 0)
        await engine.settle()
        error: BaseException | None = None
        try:
            await handle.result()
        except RunFailedError as failed:
            error = failed
        depth = 0
        while isinstance(error, RunFailedError):
            error, depth = error.__cause__, depth + 1
        assert isinstance(error, LimitExceededError) and depth == 6


@workflow
async def stages(ctx: Context, amount: int) -> int:
    """What others call pipe (the value of one is the input of the next) and reduce (a sum of values)."""
    for _ in range(2):
        amount = await ctx.child(worker, amount)
    total = 0
    for item in (1, 2):
        total += await ctx.child(worker, item)
    return amount + total


async def test_a_loop_is_pipe_and_reduce_and_survives_a_crash_at_every_write() -> None:
    await assert_survives_every_crash(stages, 3, workflows=[worker])
