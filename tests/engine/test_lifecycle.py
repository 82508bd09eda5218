"""How runs begin and end: delays, execution timeouts, the same id again, terminate, suspend and resume."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from tests.engine.invariants import Invariants
from weft_core import Context, RetryPolicy, activity, activity_info, workflow
from weft_core.errors import (
    InvalidInputError,
    RunCancelledError,
    RunExistsError,
    RunFinishedError,
    RunTerminatedError,
    RunTimedOutError,
)
from weft_core.storage import MemoryStorage
from weft_core.testing import CrashingStorage, SimulatedCrash, TestEngine, VirtualClock

said: list[str] = []
keys_used: list[str] = []


@activity(retry=RetryPolicy(max_attempts=20, initial_interval=0.1))
async def say(word: str) -> str:
    said.append(word)
    keys_used.append(activity_info().idempotency_key)
    return word


@workflow
async def patient(ctx: Context, name: str) -> str:
    await ctx.run(say, f"{name} begins")
    try:
        got = await ctx.wait_for_signal("go")
        await ctx.sleep("1 hour")
    finally:
        await ctx.run(say, f"{name} cleans up")
    return f"{name} {got}"


@workflow
async def two_branches(ctx: Context) -> list[str]:
    return await ctx.all([ctx.wait_for_signal("left"), ctx.wait_for_signal("right")])


@pytest.fixture(autouse=True)
def _forget() -> None:
    said.clear()
    keys_used.clear()


def rows_of(engine: TestEngine) -> dict[str, bytes]:
    assert isinstance(engine.storage, MemoryStorage)
    return engine.storage.rows()


async def test_a_delayed_run_is_pending_and_begins_at_its_time() -> None:
    async with TestEngine(workflows=[patient]) as engine:
        handle = await engine.start(patient, "ann", id="a", delay="2 hours")
        assert (await handle.describe())["status"] == "pending"
        await engine.advance_time("1 hour 59 minutes")
        assert said == []
        await engine.crash_and_recover()
        await engine.advance_time("1 minute")
        assert said == ["ann begins"]
        assert (await handle.describe())["status"] == "running"
        Invariants().check(rows_of(engine))


async def test_start_at_is_an_instant_and_one_in_the_past_begins_at_once() -> None:
    async with TestEngine(workflows=[patient]) as engine:
        now = datetime.fromtimestamp(engine.clock.now_ms() / 1000, UTC)
        await engine.start(patient, "past", start_at=now - timedelta(days=1))
        await engine.start(patient, "later", start_at=now + timedelta(days=1))
        await engine.settle()
        assert said == ["past begins"]
        await engine.advance_time("1 day")
        assert said == ["past begins", "later begins"]
        with pytest.raises(InvalidInputError):
            await engine.start(patient, "both", delay=1, start_at=now)


async def test_a_pending_run_takes_signals_and_can_be_cancelled_without_running() -> None:
    async with TestEngine(workflows=[patient]) as engine:
        handle = await engine.start(patient, "ann", id="a", delay="1 hour")
        await handle.signal("go", "early")
        other = await engine.start(patient, "bob", id="b", delay="1 hour")
        await other.cancel()
        with pytest.raises(RunCancelledError):
            await other.result()
        await engine.advance_time("3 hours")
        assert await handle.result() == "ann early"
        assert "bob begins" not in said
        Invariants().check(rows_of(engine))


async def test_G14_an_execution_timeout_runs_what_cleans_up_and_ends_the_run_as_timed_out() -> None:
    async with TestEngine(workflows=[patient]) as engine:
        handle = await engine.start(patient, "ann", execution_timeout="1 day")
        await engine.advance_time("23 hours")
        assert (await handle.describe())["status"] == "running"
        await engine.crash_and_recover()
        await engine.advance_time("1 hour")
        with pytest.raises(RunTimedOutError):
            await handle.result()
        assert said == ["ann begins", "ann cleans up"]
        assert (await handle.describe())["status"] == "timed_out"
        Invariants().check(rows_of(engine))


async def test_an_execution_timeout_counts_from_the_delayed_start_and_leaves_a_finished_run_alone() -> None:
    async with TestEngine(workflows=[patient]) as engine:
        handle = await engine.start(patient, "ann", delay="1 day", execution_timeout="2 hours")
        await engine.advance_time("25 hours")
        await handle.signal("go", 1)
        await engine.advance_time("1 day")
        with pytest.raises(RunTimedOutError):
            await handle.result()
        done = await engine.start(patient, "bob", execution_timeout="2 hours")
        await done.signal("go", 1)
        await engine.advance_time("1 day")
        assert await done.result() == "bob 1"
        assert not [key for key in rows_of(engine) if key.startswith("timer/")]


async def test_the_same_id_again() -> None:
    async with TestEngine(workflows=[patient]) as engine:
        first = await engine.start(patient, "ann", id="a")
        with pytest.raises(RunExistsError):
            await engine.start(patient, "ann", id="a")
        assert (await engine.start(patient, "bob", id="a", on_conflict="return_existing")).id == "a"
        with pytest.raises(RunExistsError):
            await engine.start(patient, "bob", id="a", on_conflict="restart")
        with pytest.raises(InvalidInputError):
            await engine.start(patient, "bob", on_conflict="restart")
        await first.signal("go", 1)
        await engine.advance_time("1 hour")
        assert await first.result() == "ann 1"
        engine.clock.advance_to(engine.clock.now_ms() + 5)
        again = await engine.start(patient, "bob", id="a", on_conflict="restart")
        await again.signal("go", 2)
        await engine.advance_time("1 hour")
        assert await again.result() == "bob 2"
        assert len(set(keys_used)) == len(keys_used) == 4, "its steps have idempotency keys of their own"
        kinds = [e["type"] for e in await again.history()]
        assert kinds.count("run_started") == 2 and kinds.count("run_restarted") == 1
        assert len((await engine.list()).items) == 1
        Invariants().check(rows_of(engine))


async def test_terminate_runs_no_more_code_and_leaves_nothing_behind() -> None:
    async with TestEngine(workflows=[patient, two_branches]) as engine:
        handle = await engine.start(patient, "ann", execution_timeout="1 day")
        await handle.terminate("enough")
        with pytest.raises(RunTerminatedError, match="enough"):
            await handle.result()
        grouped = await engine.start(two_branches)
        await grouped.terminate()
        await engine.advance_time("2 days")
        assert said == ["ann begins"]
        kinds = {k.split("/")[0] for k in rows_of(engine)}
        index = {"by-time", "by-state", "by-finished", "by-deadline"}
        assert kinds == {"meta", "run", "log", "code", "feed"} | index
        with pytest.raises(RunFinishedError):
            await handle.terminate()
        Invariants().check(rows_of(engine))


async def test_a_suspended_run_takes_no_step_until_it_is_resumed() -> None:
    async with TestEngine(workflows=[patient]) as engine:
        handle = await engine.start(patient, "ann", id="a")
        await engine.settle()
        await handle.suspend("look into it")
        assert (await handle.describe())["status"] == "suspended"
        await handle.signal("go", 7)
        await engine.advance_time("1 day")
        await engine.crash_and_recover()
        await engine.advance_time("1 day")
        assert said == ["ann begins"]
        described = await handle.describe()
        assert described["status"] == "suspended" and described["waiting_for"][0]["kind"] == "resume"
        Invariants().check(rows_of(engine))
        await handle.resume()
        await engine.advance_time("59 minutes")
        assert said == ["ann begins"]
        await engine.advance_time("1 minute")
        assert await handle.result() == "ann 7"


async def test_an_attempt_in_flight_is_recorded_while_its_run_is_suspended() -> None:
    async with TestEngine(workflows=[patient]) as engine:
        handle = await engine.start(patient, "ann")
        await handle.suspend()
        await engine.settle()
        assert said == ["ann begins"]
        assert "activity_completed" in [e["type"] for e in await handle.history()]
        await engine.crash_and_recover()
        await handle.resume()
        await engine.settle()
        assert said == ["ann begins"], "its outcome was recorded (G4)"


async def test_cancelling_a_suspended_run_ends_it() -> None:
    async with TestEngine(workflows=[patient]) as engine:
        handle = await engine.start(patient, "ann")
        await engine.settle()
        await handle.suspend()
        await handle.cancel("enough")
        with pytest.raises(RunCancelledError):
            await handle.result()
        assert said == ["ann begins", "ann cleans up"]


async def test_a_pending_run_can_be_suspended_past_its_start() -> None:
    async with TestEngine(workflows=[patient]) as engine:
        handle = await engine.start(patient, "ann", delay="1 hour")
        await handle.suspend()
        await engine.advance_time("2 hours")
        assert said == []
        await engine.crash_and_recover()
        await handle.resume()
        await engine.settle()
        assert said == ["ann begins"]


async def test_G7_a_signal_that_an_outcome_of_a_suspended_branch_holds_is_not_lost() -> None:
    @workflow(name="racing")
    async def racing(ctx: Context) -> list[object]:
        first = await ctx.race({"signal": ctx.wait_for_signal("go"), "time": ctx.sleep("1 hour")})
        return [first, await ctx.wait_for_signal("go")]

    async with TestEngine(workflows=[racing]) as engine:
        handle = await engine.start(racing)
        await handle.suspend()
        await handle.signal("go", 1)
        await handle.signal("go", 2)
        await engine.crash_and_recover()
        await handle.resume()
        assert await handle.result() == [("signal", 1), 2]


Use = Callable[[TestEngine], Awaitable[None]]


async def _ignoring(call: Awaitable[object]) -> None:
    try:
        await call
    except (RunExistsError, RunFinishedError):
        pass


async def _suspend_and_resume(engine: TestEngine) -> None:
    await _ignoring(engine.start(patient, "ann", id="run", delay="1 hour", execution_timeout="1 week"))
    await engine.advance_time("2 hours")
    await _ignoring(engine.suspend("run"))
    await _ignoring(engine.signal("run", "go", 1, signal_id="go"))
    await engine.advance_time("2 hours")
    await _ignoring(engine.resume("run"))
    await engine.advance_time("2 hours")


async def _time_out(engine: TestEngine) -> None:
    await _ignoring(engine.start(patient, "ann", id="run", delay="1 hour", execution_timeout="1 day"))
    await engine.advance_time("3 days")


async def _terminate(engine: TestEngine) -> None:
    await _ignoring(engine.start(patient, "ann", id="run", execution_timeout="1 day"))
    await engine.settle()
    await _ignoring(engine.terminate("run"))
    await engine.settle()


@pytest.mark.parametrize("mode", ["before", "after"])
@pytest.mark.parametrize(
    ("use", "ending"), [(_suspend_and_resume, "completed"), (_time_out, "timed_out"), (_terminate, "terminated")]
)
async def test_a_crash_at_every_write_changes_nothing(use: Use, ending: str, mode: Literal["before", "after"]) -> None:
    crash_at, most = 0, 1
    while crash_at <= most:
        rows, clock, crashed, checker = MemoryStorage(), VirtualClock(), False, Invariants()
        said.clear()
        while True:
            storage = CrashingStorage(rows.reopen(), None if crashed else crash_at, mode)
            engine = TestEngine(workflows=[patient], storage=storage, clock=clock)
            try:
                await engine.open()
                await use(engine)
                if engine.status != "open":
                    assert engine.trouble is not None
                    raise engine.trouble
                break
            except SimulatedCrash:
                crashed = True
            finally:
                await engine.crash()
            checker.check(rows.rows())
        most = max(most, storage.writes if not crashed else most)
        view = checker.check(rows.rows())
        assert view.runs["run"]["status"] == ending, (crash_at, mode)
        assert len(said) <= len(set(said)) + 1
        assert crash_at == 0 or crashed
        crash_at += 1
    assert most > 4
