"""Sagas, scopes of time and sliding windows, attacked: what cancels what, and what may not be cut off (G13, G14)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.invariants import Invariants, View
from weft_core import Context, Interceptor, RetryPolicy, activity, durable, workflow
from weft_core.errors import (
    LimitExceededError,
    OperationMisuseError,
    RunCancelled,
    RunCancelledError,
    RunFailedError,
    RunTimedOutError,
    ScopeTimeoutError,
    WeftError,
)
from weft_core.model.limits import Limits
from weft_core.storage import MemoryStorage
from weft_core.testing import TestEngine, assert_survives_every_crash

done: list[str] = []
broken: set[str] = set()


@activity(retry=RetryPolicy(max_attempts=1))
async def do(word: str) -> str:
    if word in broken:
        raise OSError(word)
    done.append(word)
    return word


@activity(retry=RetryPolicy(max_attempts=30, initial_interval=0.1))
async def undo(word: str) -> None:
    done.append(f"un{word}")


@pytest.fixture(autouse=True)
def _forget() -> None:
    done.clear()
    broken.clear()


def checked(engine: TestEngine) -> View:
    assert isinstance(engine.storage, MemoryStorage)
    return Invariants().check(engine.storage.rows())


# -- sagas


@activity(retry=RetryPolicy(max_attempts=30, initial_interval=0.1))
async def surely(word: str) -> str:
    done.append(word)
    return word


@durable
async def undo_slowly(ctx: Context, word: str) -> None:
    """A compensation that is itself a saga, and waits."""
    async with ctx.saga() as saga:
        await saga.run(surely, f"undo {word}", compensate=undo)
        await ctx.sleep(1)
    await ctx.run(surely, f"undone {word}")


@workflow(name="nested")
async def nested(ctx: Context) -> str:
    kept = []
    try:
        async with ctx.saga() as saga:
            for word in ("a", "b"):
                await ctx.run(surely, word)
                saga.add(undo_slowly(ctx, word))
                kept.append(word)
            await ctx.sleep(1)
            raise ValueError("no")
    except ValueError:
        await ctx.sleep(1)  # the saga is a variable of a checkpoint still
        return f"{saga!r} {kept}"


async def test_G14_compensations_may_be_durable_functions_with_sagas_of_their_own() -> None:
    report = await assert_survives_every_crash(nested, activities=[surely, undo], reset=done.clear)
    assert "['a', 'b']" in report.result
    async with TestEngine(workflows=[nested]) as engine:
        done.clear()
        await engine.start(nested)
        await engine.advance_time(10)
        assert done == ["a", "b", "undo b", "undone b", "undo a", "undone a"]


async def test_a_saga_that_was_not_needed_can_be_kept_in_a_variable() -> None:
    @workflow(name="fine")
    async def fine(ctx: Context) -> str:
        async with ctx.saga() as saga:
            await saga.run(surely, "a", compensate=undo)
            saga.add(undo_slowly(ctx, "a"))
        await ctx.sleep(1)
        return str(saga)

    async with TestEngine(workflows=[fine]) as engine:
        handle = await engine.start(fine)
        await engine.crash_and_recover()
        await engine.advance_time(1)
        assert await engine.get_handle(handle.id).result()
        assert set(done) == {"a"}


async def test_G14_what_is_no_compensation_keeps_no_other_from_its_work() -> None:
    @workflow(name="odd")
    async def odd(ctx: Context) -> None:
        async with ctx.saga() as saga:
            await saga.run(do, "a", compensate=undo)
            saga.add("nonsense")
            await saga.run(do, "b", compensate=undo)
            raise ValueError("no")

    async with TestEngine(workflows=[odd]) as engine:
        handle = await engine.start(odd)
        await engine.settle()
        assert (await handle.describe())["status"] == "needs_attention"
        assert done == ["a", "b", "unb"]
        checked(engine)
        await handle.resume()
        with pytest.raises(RunFailedError):
            await handle.result()
        assert done == ["a", "b", "unb", "una"]


@workflow(name="stuck")
async def stuck(ctx: Context) -> str:
    try:
        async with ctx.saga() as saga:
            saga.add(ctx.run(do, "un-a"))
            await ctx.wait_for_signal("fail")
            raise ValueError("no")
    except ValueError:
        return "undone"


@pytest.mark.parametrize("how", ["cancel", "terminate", "time", "suspend", "resume"])
async def test_what_becomes_of_a_run_that_needs_attention(how: str) -> None:
    broken.add("un-a")
    async with TestEngine(workflows=[stuck]) as engine:
        handle = await engine.start(stuck, id="r", execution_timeout="1 hour")
        await engine.signal("r", "fail")
        await engine.settle()
        assert (await handle.describe())["status"] == "needs_attention"
        await engine.crash_and_recover()
        handle = engine.get_handle("r")
        checked(engine)
        if how == "terminate":
            await handle.terminate()
            checked(engine)
            return
        if how == "cancel":
            await handle.cancel()
            await engine.settle()
            assert (await handle.describe())["status"] == "needs_attention", "G14: it was tried again, and failed"
        if how == "time":
            await engine.advance_time("1 hour")
            assert (await handle.describe())["status"] == "needs_attention"
        if how == "suspend":
            await handle.suspend()
            await engine.crash_and_recover()
            handle = engine.get_handle("r")
            assert (await handle.describe())["status"] == "suspended"
        broken.clear()
        await handle.resume()
        expected = {"cancel": RunCancelledError, "time": RunTimedOutError}.get(how)
        if expected is None:
            assert await handle.result() == "undone"
        else:
            with pytest.raises(expected):
                await handle.result()
        assert done == ["un-a"]
        assert (await handle.describe())["error"] is None, "it was taken care of"
        checked(engine)


async def test_a_branch_goes_on_while_another_one_needs_attention() -> None:
    @durable
    async def failing(ctx: Context) -> None:
        async with ctx.saga() as saga:
            saga.add(ctx.run(do, "un-a"))
            raise ValueError("no")

    @durable
    async def looking(ctx: Context, seen: dict[str, int]) -> str:
        await ctx.wait_until(lambda: seen["n"] > 0)
        await ctx.run(do, "looked")
        return "seen"

    @workflow(name="both")
    async def both(ctx: Context) -> list[Any]:
        seen = {"n": 0}

        def count(payload: Any) -> None:
            seen["n"] += payload

        ctx.on_signal("count", count)
        return await ctx.race([looking(ctx, seen), _caught(ctx, failing)])

    @durable
    async def _caught(ctx: Context, what: Any) -> str:
        try:
            await failing(ctx)
        except ValueError:
            await ctx.sleep("1 hour")
        return "caught"

    broken.add("un-a")
    async with TestEngine(workflows=[both]) as engine:
        handle = await engine.start(both, id="r")
        await engine.settle()
        assert (await handle.describe())["status"] == "needs_attention"
        await engine.signal("r", "count", 1)
        await engine.settle()
        assert done == ["looked"], "its condition was looked at"
        broken.clear()
        await handle.resume()
        assert await handle.result() == "seen"
        checked(engine)


async def test_an_interceptor_can_refuse_no_compensation_and_no_end_of_a_scope() -> None:
    class Refusing(Interceptor):
        def operation(self, call: Any) -> None:
            if call.kind in ("compensate", "attention", "end_scope"):
                raise ValueError("no")

    @workflow(name="limited")
    async def limited(ctx: Context) -> str:
        async with ctx.timeout(1):
            async with ctx.saga() as saga:
                saga.add(ctx.run(do, "un-a"))
                await ctx.sleep(2)
        return "in time"

    broken.add("un-a")
    async with TestEngine(workflows=[limited], interceptors=[Refusing()]) as engine:
        handle = await engine.start(limited)
        await engine.advance_time(1)
        assert (await handle.describe())["status"] == "needs_attention"
        broken.clear()
        await handle.resume()
        with pytest.raises(RunFailedError) as failed:
            await handle.result()
        assert isinstance(failed.value.__cause__, ScopeTimeoutError)
        checked(engine)


# -- scopes


@workflow(name="careful")
async def careful(ctx: Context, inner: Any, outer: Any) -> str:
    try:
        async with ctx.timeout(outer):
            try:
                async with ctx.timeout(inner):
                    try:
                        await ctx.wait_for_signal("never")
                    finally:
                        await ctx.run(do, "cleaning")
                        await ctx.sleep(5)
                        await ctx.run(do, "cleaned")
            except ScopeTimeoutError:
                return "inner"
    except ScopeTimeoutError:
        return "outer"
    return "neither"


async def test_scopes_that_are_over_at_the_same_instant_raise_at_the_outer_one() -> None:
    async with TestEngine(workflows=[careful]) as engine:
        handle = await engine.start(careful, 10, 10)
        await engine.advance_time(30)
        assert await handle.result() == "outer"
        assert done == ["cleaning", "cleaned"], "G13: cleaning up is cut off once at most"
        checked(engine)


async def test_G13_a_scope_does_not_cut_off_what_a_cancel_runs() -> None:
    async with TestEngine(workflows=[careful]) as engine:
        handle = await engine.start(careful, 3, 4)
        await engine.settle()
        await handle.cancel()
        await engine.settle()
        checked(engine)
        await engine.crash_and_recover()
        await engine.advance_time(10)
        with pytest.raises(RunCancelledError):
            await engine.get_handle(handle.id).result()
        assert done == ["cleaning", "cleaned"]
        checked(engine)


async def test_G13_a_scope_does_not_cut_off_a_branch_that_was_beaten() -> None:
    @durable
    async def slow(ctx: Context) -> None:
        async with ctx.timeout(3):
            try:
                await ctx.sleep(100)
            finally:
                await ctx.sleep(5)
                await ctx.run(do, "cleaned")

    @workflow(name="racing")
    async def racing(ctx: Context) -> Any:
        return await ctx.race({"slow": slow(ctx), "fast": ctx.sleep(1)})

    async with TestEngine(workflows=[racing]) as engine:
        handle = await engine.start(racing)
        await engine.advance_time(20)
        assert await handle.result() == ("fast", None)
        assert done == ["cleaned"]
        checked(engine)


async def test_what_a_cancel_runs_may_have_a_limit_of_its_own() -> None:
    @workflow(name="bounded")
    async def bounded(ctx: Context) -> None:
        try:
            await ctx.sleep("1 day")
        finally:
            try:
                async with ctx.timeout(2):
                    await ctx.sleep("1 day")
            except ScopeTimeoutError:
                await ctx.run(do, "gave up cleaning")

    async with TestEngine(workflows=[bounded]) as engine:
        handle = await engine.start(bounded)
        await engine.settle()
        await handle.cancel()
        await engine.advance_time(2)
        with pytest.raises(RunCancelledError):
            await handle.result()
        assert done == ["gave up cleaning"]
        checked(engine)


@pytest.mark.parametrize("limit", [0, 0.001])
async def test_a_scope_without_time_is_over_at_the_first_wait(limit: float) -> None:
    @workflow(name="hasty")
    async def hasty(ctx: Context) -> str:
        try:
            async with ctx.timeout(limit):
                await ctx.wait_for_signal("never")
        except ScopeTimeoutError:
            return "over"
        return "in time"

    async with TestEngine(workflows=[hasty]) as engine:
        handle = await engine.start(hasty)
        await engine.advance_time(1)
        assert await handle.result() == "over"
        checked(engine)


async def test_a_scope_is_closed_once_and_where_it_was_opened() -> None:
    @workflow(name="clumsy")
    async def clumsy(ctx: Context) -> str:
        scope = ctx.timeout(5)
        try:
            await scope.__aexit__(None, None, None)
        except OperationMisuseError as misuse:
            return misuse.code
        return "closed"

    async with TestEngine(workflows=[clumsy]) as engine:
        assert await (await engine.start(clumsy)).result() == "OperationMisuseError"


@pytest.mark.parametrize("jump", [-3600, 3600])
async def test_a_clock_that_jumps_ends_a_scope_once(jump: int) -> None:
    async with TestEngine(workflows=[careful]) as engine:
        handle = await engine.start(careful, 10, 100_000)
        await engine.settle()
        engine.clock._now += jump * 1000
        await engine.crash_and_recover()
        await engine.advance_time(8000)
        assert await engine.get_handle(handle.id).result() == "inner"
        checked(engine)


async def test_a_suspended_run_in_a_scope_is_timed_out_when_it_goes_on() -> None:
    async with TestEngine(workflows=[careful]) as engine:
        handle = await engine.start(careful, 10, 20)
        await handle.suspend()
        await engine.advance_time(100)
        assert done == []
        checked(engine)
        await engine.crash_and_recover()
        await engine.resume(handle.id)
        await engine.advance_time(100)
        assert await engine.get_handle(handle.id).result() == "outer"
        assert done == ["cleaning", "cleaned"], "it was cancelled once: both were over before it could see that"
        checked(engine)


@durable
async def in_a_scope(ctx: Context, limit: Any) -> None:
    async with ctx.timeout(limit):
        await ctx.sleep("1 hour")


@durable
async def at_once(ctx: Context) -> str:
    return "first"


async def test_a_scope_whose_block_is_never_entered_is_gone() -> None:
    """Found by the simulator: a branch that was beaten in the turn in which it opened its scope."""

    @workflow(name="beaten")
    async def beaten(ctx: Context) -> str:
        first: str = await ctx.race([in_a_scope(ctx, 5), at_once(ctx)])
        await ctx.sleep(30)
        return first

    async with TestEngine(workflows=[beaten]) as engine:
        handle = await engine.start(beaten)
        view = checked(engine)
        assert "scopes" not in view.parked[handle.id]["notes"]
        await engine.advance_time(30)
        assert await handle.result() == "first"


@durable
async def behind_the_door(ctx: Context) -> str:
    try:
        async with ctx.mutex("door"):
            await ctx.wait_for_signal("never")
    except RunCancelled:
        await ctx.sleep("1 day")
        raise
    return "done"


async def test_a_lock_that_was_granted_to_a_suspended_run_that_is_cancelled_is_given_back() -> None:
    @workflow(name="slowly")
    async def slowly(ctx: Context) -> str:
        return await behind_the_door(ctx)

    @workflow(name="next_one")
    async def next_one(ctx: Context) -> str:
        async with ctx.mutex("door"):
            await ctx.wait_for_signal("go")
        return "was in"

    async with TestEngine(workflows=[slowly, next_one]) as engine:
        first = await engine.start(next_one)
        await engine.settle()
        handle = await engine.start(slowly)
        await engine.settle()
        await handle.suspend()
        await first.signal("go")
        await engine.settle()
        later = await engine.start(next_one)
        await engine.crash_and_recover()
        await engine.cancel(handle.id)
        await engine.settle()
        checked(engine)
        await engine.signal(later.id, "go")
        assert await engine.get_handle(later.id).result() == "was in", "the run that was cancelled is not over yet"


async def test_skipping_what_needs_attention_does_not_resume_a_suspended_run() -> None:
    broken.add("un-a")
    async with TestEngine(workflows=[stuck]) as engine:
        handle = await engine.start(stuck, id="r")
        await engine.signal("r", "fail")
        await engine.settle()
        await handle.suspend()
        await engine.skip("r")
        assert (await handle.describe())["status"] == "suspended"
        checked(engine)
        await handle.resume()
        assert await handle.result() == "undone"


# -- on_cancel


async def test_terminate_ends_what_a_cancel_runs_for_ever() -> None:
    @durable
    async def for_ever(ctx: Context) -> None:
        await ctx.wait_for_signal("never")

    @workflow(name="prepared")
    async def prepared(ctx: Context) -> None:
        ctx.on_cancel(for_ever(ctx))
        await ctx.wait_for_signal("end")

    async with TestEngine(workflows=[prepared]) as engine:
        handle = await engine.start(prepared)
        await engine.settle()
        await handle.cancel()
        await engine.crash_and_recover()
        handle = engine.get_handle(handle.id)
        await handle.cancel()
        assert (await handle.describe())["status"] == "running"
        checked(engine)
        await handle.terminate()
        assert (await handle.describe())["status"] == "terminated"
        checked(engine)


# -- windows


async def test_a_maker_that_exits_ends_its_own_run_alone() -> None:
    def leave(item: int) -> Any:
        raise SystemExit(item)

    @workflow(name="leaving")
    async def leaving(ctx: Context) -> Any:
        return await ctx.map(leave, [1, 2], concurrency=1)

    async with TestEngine(workflows=[leaving, careful]) as engine:
        handle = await engine.start(leaving)
        await engine.settle()
        assert engine.status == "open"
        with pytest.raises(WeftError):
            await handle.result()


async def test_windows_in_windows_are_bounded() -> None:
    @durable
    async def inner(ctx: Context, n: int) -> Any:
        return await ctx.map(deeper, [n], concurrency=1)

    @durable
    async def deeper(ctx: Context, n: int) -> Any:
        return await inner(ctx, n + 1)

    @workflow(name="deep")
    async def deep(ctx: Context) -> Any:
        try:
            return await inner(ctx, 0)
        except LimitExceededError as refused:
            return refused.code

    async with TestEngine(workflows=[deep], limits=Limits(max_nesting=5)) as engine:
        assert await (await engine.start(deep)).result() == "LimitExceededError"


@durable
async def step(ctx: Context, n: int) -> int:
    try:
        await ctx.sleep(1)
    except RunCancelled:
        await ctx.run(do, f"left {n}")
        raise
    return n


async def test_a_cancelled_window_begins_nothing_more() -> None:
    @workflow(name="window")
    async def window(ctx: Context) -> Any:
        return await ctx.map(step, list(range(10)), concurrency=2)

    async with TestEngine(workflows=[window]) as engine:
        handle = await engine.start(window)
        await engine.advance_time(1)
        await handle.cancel()
        await engine.settle()
        with pytest.raises(RunCancelledError):
            await handle.result()
        assert sorted(done) == ["left 2", "left 3"]
        checked(engine)
