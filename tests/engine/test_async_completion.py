"""Activities that others complete, by a token: early, late, twice, after a crash; never lost and never guessed."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

import pytest

from tests.engine.attempts_journey import let_run
from tests.engine.invariants import Invariants
from weft_core import Context, RetryPolicy, activity, activity_info, workflow
from weft_core.client import Dispatcher
from weft_core.errors import (
    ActivityFailedError,
    ActivityHeartbeatTimeoutError,
    ActivityTimeoutError,
    ActivityTotalTimeoutError,
    CompletionTokenNotFoundError,
    CompletionTokenUsedError,
    EngineDegradedError,
    NotSerializableError,
    RunExistsError,
    RunFailedError,
    WeftError,
)  # fmt: skip
from weft_core.model.limits import Limits
from weft_core.storage import MemoryStorage
from weft_core.testing import CrashingStorage, SimulatedCrash, TestEngine, VirtualClock, virtual_host

tokens: list[str] = []
calls: Counter[str] = Counter()
details: list[Any] = []
gate: list[asyncio.Event] = []
ONCE = RetryPolicy(max_attempts=1)


@pytest.fixture(autouse=True)
def _clean() -> None:
    for kept in (tokens, details, gate):
        kept.clear()
    calls.clear()


@activity(retry=RetryPolicy(max_attempts=3, initial_interval=1, jitter=0, non_retryable=("Refused",)))
async def ask_outside(question: str) -> Any:
    info = activity_info()
    calls[question] += 1
    details.append(info.heartbeat_details)
    tokens.append(info.completion_token)
    info.complete_later()


@workflow
async def asks(ctx: Context, timeout: Any = None, total: Any = None, heartbeat: Any = None) -> Any:
    try:
        return await ctx.run(ask_outside, "q", timeout=timeout, total_timeout=total, heartbeat_timeout=heartbeat)
    except ActivityTimeoutError as error:
        return error.code, error.attempt
    except ActivityFailedError as error:
        return error.activity, error.error_type, error.error_message


async def rows(engine: TestEngine) -> dict[str, bytes]:
    found = dict(await engine.storage.scan("", limit=1000))
    Invariants().check(found)
    return found


async def test_a_step_waits_for_the_holder_of_its_token_and_nothing_runs_meanwhile() -> None:
    async with TestEngine(workflows=[asks]) as engine:
        handle = await engine.start(asks)
        await engine.advance_time("30 days")
        assert not len(engine._parts.pump.attempts) and not any(k.startswith("active/") for k in await rows(engine))
        assert (await handle.describe())["waiting_for"][0]["phase"] == "parked"
        await engine.complete_async_activity(tokens[0], {"yes": [1]})
        assert await handle.result() == {"yes": [1]}
        await rows(engine)
    assert calls == {"q": 1}


async def test_a_token_cannot_be_guessed_and_the_store_does_not_hold_it() -> None:
    """The original made it of run, step and attempt: whoever knew those could complete anything."""
    async with TestEngine(workflows=[asks]) as engine:
        await engine.start(asks, id="a")
        await engine.start(asks, id="b")
        await engine.settle()
        secrets = [token.partition(".")[0] for token in tokens]
        assert len(set(secrets)) == 2 and all(len(secret) >= 22 for secret in secrets)
        stored = await rows(engine)
        for secret in secrets:
            assert not any(secret in key or secret.encode() in value for key, value in stored.items())
        swapped = f"{secrets[0]}.b"
        with pytest.raises(CompletionTokenNotFoundError):
            await engine.complete_async_activity(swapped, 1)


@pytest.mark.parametrize("token", ["", "x", "x.run", "x.no/run", ".run", "x.", None, 5, "\ud800.run", "x.\0", b"x.run"])
async def test_what_is_no_token_is_refused_and_nothing_is_written(token: Any) -> None:
    storage = CrashingStorage(MemoryStorage())
    async with TestEngine(workflows=[asks], storage=storage) as engine:
        await engine.start(asks, id="run")
        await engine.settle()
        before = storage.writes
        for call in (engine.complete_async_activity, engine.heartbeat_async_activity):
            with pytest.raises(CompletionTokenNotFoundError):
                await call(token, 1)
        with pytest.raises(CompletionTokenNotFoundError):
            await engine.fail_async_activity(token, "no")
        assert storage.writes == before


async def test_it_is_completed_after_a_restart_while_the_run_is_not_in_memory() -> None:
    engine = TestEngine(workflows=[asks], limits=Limits(max_live_runs=1))
    await engine.open()
    handle = await engine.start(asks)
    for _ in range(3):  # others push it out of memory
        await engine.start(asks)
    await engine.settle()
    assert handle.id not in engine._parts.live
    await engine.complete_async_activity(tokens[0], 1)
    assert await handle.result() == 1
    await engine.crash_and_recover()
    await engine.complete_async_activity(tokens[1], 2)
    await engine.close()


async def test_a_completion_that_comes_during_recovery_is_not_lost() -> None:
    """Audit 02 of the original: it found no waiting activity, and the run waited for ever."""
    engine = TestEngine(workflows=[asks, both])
    await engine.open()
    handle = await engine.start(both)
    await let_run()
    await engine.crash()
    engine.use_storage_again()
    opening = asyncio.ensure_future(engine.open())
    while engine.status != "open":
        await asyncio.sleep(0)
    assert not opening.done()  # it is recovering
    await engine.complete_async_activity(tokens[0], "now")
    await opening
    gate[-1].set()
    assert await engine.get_handle(handle.id).result() == ["now", "waited"]
    await engine.close()


@activity
async def waits_at_gate() -> str:
    gate.append(asyncio.Event())
    await gate[-1].wait()
    return "waited"


@workflow
async def both(ctx: Context) -> Any:
    return await ctx.all([ctx.run(ask_outside, "q"), ctx.run(waits_at_gate)])


@activity(retry=ONCE)
async def slow_to_return(fails: bool) -> Any:
    info = activity_info()
    tokens.append(info.completion_token)
    gate.append(asyncio.Event())
    await gate[0].wait()
    calls["after the gate"] += 1
    if fails:
        raise ValueError
    info.complete_later()


@workflow
async def early(ctx: Context, fails: bool = False) -> Any:
    return await ctx.run(slow_to_return, fails)


@pytest.mark.parametrize("fails", [False, True])
async def test_a_completion_that_comes_before_the_activity_has_returned_counts_and_lets_it_end(fails: bool) -> None:
    async with TestEngine(workflows=[early]) as engine:
        handle = await engine.start(early, fails)
        await let_run()
        await engine.complete_async_activity(tokens[0], "early")
        assert await handle.result() == "early"
        assert not calls
        gate[0].set()
        await let_run()
        assert calls == {"after the gate": 1} and not engine._parts.pump.attempts._let_run  # it was not cancelled
        await engine.complete_async_activity(tokens[0], "early")
        await rows(engine)


async def test_a_completion_that_comes_in_the_very_moment_the_token_is_read_counts() -> None:
    answers: list[asyncio.Task[None]] = []

    @activity(retry=ONCE)
    async def hasty() -> Any:
        info = activity_info()
        answers.append(asyncio.ensure_future(engine.complete_async_activity(info.completion_token, "at once")))
        info.complete_later()

    @workflow
    async def goes(ctx: Context) -> Any:
        return await ctx.run(hasty)

    async with TestEngine(workflows=[goes], activities=[hasty]) as engine:
        handle = await engine.start(goes)
        assert await handle.result() == "at once"
        await answers[0]


async def test_a_token_of_an_attempt_that_a_crash_cut_off_is_still_good() -> None:
    async with TestEngine(workflows=[both]) as engine:

        @workflow
        async def again(ctx: Context) -> Any:
            return await ctx.run(waits_with_token)

        @activity
        async def waits_with_token() -> Any:
            tokens.append(activity_info().completion_token)
            await asyncio.Event().wait()

        engine.register(again)
        engine.registry.add_activities([waits_with_token])
        handle = await engine.start(again)
        await let_run()
        await engine.crash()
        engine.use_storage_again()
        await engine.open()
        await let_run()
        assert len(tokens) == 2
        await rows(engine)
        await engine.complete_async_activity(tokens[0], "from the first mail")
        assert await engine.get_handle(handle.id).result() == "from the first mail"
        with pytest.raises(CompletionTokenNotFoundError):
            await engine.complete_async_activity(tokens[1], "from the second")
        await rows(engine)


async def test_G4_a_token_answers_once_and_says_the_same_again() -> None:
    async with TestEngine(workflows=[asks]) as engine:
        handle = await engine.start(asks)
        await engine.settle()
        both = await asyncio.gather(
            *(engine.complete_async_activity(tokens[0], n) for n in (1, 1, 2)), return_exceptions=True
        )  # fmt: skip
        assert both[:2] == [None, None] and isinstance(both[2], CompletionTokenUsedError)
        assert await handle.result() == 1
        await engine.complete_async_activity(tokens[0], 1)
        for call in (engine.complete_async_activity(tokens[0], 2), engine.fail_async_activity(tokens[0], "no")):
            with pytest.raises(CompletionTokenUsedError):
                await call
        with pytest.raises(CompletionTokenNotFoundError):
            await engine.heartbeat_async_activity(tokens[0])
        assert await handle.result() == 1


async def test_a_result_that_cannot_be_stored_is_refused_and_the_token_stays_good() -> None:
    """Audit 12 of the original: results from outside were not checked."""
    async with TestEngine(workflows=[asks], limits=Limits(max_payload_bytes=1000)) as engine:
        handle = await engine.start(asks)
        await engine.settle()
        with pytest.raises(NotSerializableError):
            await engine.complete_async_activity(tokens[0], (x for x in "a"))
        with pytest.raises(WeftError, match="over the limit"):
            await engine.complete_async_activity(tokens[0], "x" * 2000)
        with pytest.raises(WeftError, match="neither"):
            await engine.fail_async_activity(tokens[0], 5)  # type: ignore[arg-type]
        await engine.complete_async_activity(tokens[0], "small")
        assert await handle.result() == "small"


async def test_a_failure_from_outside_is_retried_by_the_policy_and_its_type_may_be_final() -> None:
    async with TestEngine(workflows=[asks]) as engine:
        handle = await engine.start(asks)
        await engine.settle()
        await engine.fail_async_activity(tokens[0], "busy", type="Busy")
        await engine.fail_async_activity(tokens[0], "busy", type="Busy")
        await rows(engine)
        await engine.advance_time(2)
        assert len(tokens) == 2
        with pytest.raises(CompletionTokenUsedError):
            await engine.complete_async_activity(tokens[0], 1)
        await engine.fail_async_activity(tokens[1], "never", type="Refused")
        assert await handle.result() == ("ask_outside", "Refused", "never")
        await rows(engine)


async def test_an_exception_from_outside_is_raised_in_the_workflow() -> None:
    @workflow
    async def catches(ctx: Context) -> Any:
        try:
            await ctx.run(ask_outside, "q", retry=ONCE)
        except KeyError as error:
            return error.args

    async with TestEngine(workflows=[catches]) as engine:
        handle = await engine.start(catches)
        await engine.settle()
        await engine.fail_async_activity(tokens[0], KeyError("gone"))
        assert await handle.result() == ("gone",)


# ------------------------------------------------------------------ time


async def test_the_timeout_of_an_attempt_goes_on_while_it_is_parked() -> None:
    async with TestEngine(workflows=[asks]) as engine:
        handle = await engine.start(asks, "1 hour")
        await engine.advance_time("59 minutes")
        await engine.crash_and_recover()
        assert calls == {"q": 1}
        await rows(engine)
        await engine.advance_time("2 minutes")
        assert calls == {"q": 2}
        with pytest.raises(CompletionTokenNotFoundError):
            await engine.complete_async_activity(tokens[0], 1)
        await engine.advance_time("3 hours")
        assert await engine.get_handle(handle.id).result() == ("ActivityTimeoutError", 3)
        await rows(engine)


async def test_the_total_timeout_ends_a_parked_activity() -> None:
    async with TestEngine(workflows=[asks]) as engine:
        handle = await engine.start(asks, "1 hour", "90 minutes")
        await engine.advance_time("2 hours")
        assert await handle.result() == (ActivityTotalTimeoutError.__name__, 2)
        with pytest.raises(CompletionTokenNotFoundError):
            await engine.complete_async_activity(tokens[-1], 1)
        await rows(engine)


async def test_heartbeats_from_outside_keep_it_alive_and_their_details_reach_the_next_attempt() -> None:
    async with TestEngine(workflows=[asks]) as engine:
        handle = await engine.start(asks, None, None, "1 minute")
        for i in range(5):
            await engine.advance_time("50 s")
            await engine.heartbeat_async_activity(tokens[0], *([i] if i < 4 else []))
            await rows(engine)
        await engine.crash_and_recover()
        await engine.advance_time("50 s")
        assert len(tokens) == 1
        await engine.advance_time("20 s")
        assert details == [None, 3]
        await engine.advance_time("5 minutes")
        assert await engine.get_handle(handle.id).result() == (ActivityHeartbeatTimeoutError.__name__, 3)


async def test_a_cancelled_run_takes_its_tokens_back() -> None:
    async with TestEngine(workflows=[asks]) as engine:
        handle = await engine.start(asks)
        other = await engine.start(asks)
        await engine.settle()
        await handle.cancel()
        await engine.terminate(other.id)
        await engine.settle()
        for token in tokens:
            with pytest.raises(CompletionTokenNotFoundError):
                await engine.complete_async_activity(token, 1)
            with pytest.raises(CompletionTokenNotFoundError):
                await engine.heartbeat_async_activity(token)
        assert not [key for key in await rows(engine) if key.startswith("token/")]


async def test_a_run_that_is_held_keeps_its_token_and_loses_it_when_it_is_cancelled() -> None:
    storage = MemoryStorage()
    async with TestEngine(workflows=[asks], storage=storage) as engine:
        handle = await engine.start(asks)
        await engine.settle()
    async with TestEngine(storage=storage) as bare:
        with pytest.raises(WeftError, match="asks"):
            await bare.complete_async_activity(tokens[0], 1)
        await bare.cancel(handle.id)
        with pytest.raises(CompletionTokenNotFoundError):
            await bare.complete_async_activity(tokens[0], 1)


async def test_complete_later_without_a_token_is_refused() -> None:
    @activity(retry=ONCE)
    async def forgets() -> None:
        activity_info().complete_later()

    @workflow
    async def runs(ctx: Context) -> None:
        await ctx.run(forgets)

    async with TestEngine(workflows=[runs], activities=[forgets]) as engine:
        with pytest.raises(RunFailedError, match="read activity_info"):
            await (await engine.start(runs)).result()


async def test_a_plain_function_may_be_completed_later_too() -> None:
    @activity(retry=ONCE)
    def plain_later() -> Any:
        tokens.append(activity_info().completion_token)
        try:
            activity_info().complete_later()
        except Exception:
            return "swallowed"

    @workflow
    async def runs(ctx: Context) -> Any:
        return await ctx.run(plain_later)

    async with TestEngine(workflows=[runs], activities=[plain_later]) as engine:
        attempts: Any = engine._parts.pump.attempts
        host = attempts._host
        attempts._host = type(host)(host.clock, host.ids, lambda fn: asyncio.to_thread(fn))
        handle = await engine.start(runs)
        await engine.settle()
        await engine.complete_async_activity(tokens[0], 4)
        assert await handle.result() == 4


async def test_the_wire_completes_and_fails() -> None:
    async with TestEngine(workflows=[asks]) as engine:
        wire = Dispatcher(engine)

        async def call(method: str, **params: Any) -> Any:
            return json.loads(await wire.call(method, json.dumps(params)))

        first, second = await engine.start(asks), await engine.start(asks)
        await engine.settle()
        assert await call("heartbeat_async_activity", token=tokens[0], details=[1]) == {"ok": None}
        assert await call("complete_async_activity", token=tokens[0], result={"n": 1}) == {"ok": None}
        assert await call("complete_async_activity", token=tokens[0], result={"n": 1}) == {"ok": None}
        used = await call("complete_async_activity", token=tokens[0], result={"n": 2})
        assert used["error"]["code"] == "CompletionTokenUsedError"
        failed = {"type": "Refused", "message": "no"}
        assert await call("fail_async_activity", token=tokens[1], error=failed) == {"ok": None}
        assert await first.result() == {"n": 1}
        assert await second.result() == ("ask_outside", "Refused", "no")
        assert (await call("fail_async_activity", token="x.y", error="no"))["error"]["code"] == (
            "CompletionTokenNotFoundError"
        )


# ------------------------------------------------------------------ crashes


async def journey(crash_at: int, mode: Any) -> tuple[Any, int, int]:
    """A run that asks twice; someone answers whatever was asked, again and again until the engine says it knows."""
    kept, clock, crashes = MemoryStorage(), VirtualClock(), 0
    ids = virtual_host(clock).ids
    while True:
        storage = CrashingStorage(kept.reopen(), None if crashes else crash_at, mode)
        engine = TestEngine(workflows=[asks_twice], storage=storage, clock=clock, ids=ids)
        try:
            await engine.open()
            try:
                await engine.start(asks_twice, id="run")
            except RunExistsError:
                pass
            for _ in range(4):
                await engine.settle()
                Invariants().check(dict(await kept.scan("", limit=1000)))
                engine.check_alive()
                for token in list(tokens):
                    try:
                        await engine.complete_async_activity(token, token.partition(".")[2])
                    except CompletionTokenNotFoundError:
                        pass  # the attempt was cut off before its token was durable: it asks again
                engine.check_alive()
                await engine.advance_time("1 minute")
            return await engine.get_handle("run").result(), storage.writes, crashes
        except (SimulatedCrash, EngineDegradedError):
            crashes += 1
        finally:
            await engine.crash()


@workflow
async def asks_twice(ctx: Context) -> Any:
    return [await ctx.run(ask_outside, "one"), await ctx.run(ask_outside, "two")]


async def test_completions_survive_a_crash_at_every_write() -> None:
    told, writes, _ = await journey(0, "before")
    assert told == ["run", "run"] and calls == {"one": 1, "two": 1}
    for mode in ("before", "after"):
        for k in range(1, writes + 1):
            _forget()
            told, _, crashes = await journey(k, mode)
            assert (told, crashes) == (["run", "run"], 1), (mode, k)
            assert sum(calls.values()) <= 3, (mode, k, calls)


def _forget() -> None:
    tokens.clear()
    calls.clear()
