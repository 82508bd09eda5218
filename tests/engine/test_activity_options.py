"""The options of an activity: how long, how often, under which key; and what the original made of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from tests.engine.attempts_journey import let_run, pass_time
from tests.engine.invariants import Invariants
from weft_core import Context, RetryLater, RetryPolicy, activity, activity_info, workflow
from weft_core.errors import (
    ActivityFailedError,
    ActivityTimeoutError,
    ActivityTotalTimeoutError,
    DefinitionError,
    InvalidInputError,
    RunFailedError,
)  # fmt: skip
from weft_core.testing import TestEngine, assert_survives_every_crash

calls: list[Any] = []
effects: Counter[str] = Counter()


@pytest.fixture(autouse=True)
def _clean() -> None:
    calls.clear()
    effects.clear()


class Busy(Exception):
    pass


@activity
async def echo_options(value: Any) -> Any:
    calls.append(value)
    return value


@activity(retry=RetryPolicy(max_attempts=5, initial_interval=10, jitter=0, backoff=1))
async def always_busy() -> None:
    calls.append(activity_info().attempt)
    raise Busy("no")


@activity(name="idle")
async def waits_for_ever() -> None:
    calls.append("began")
    await asyncio.Event().wait()


# ------------------------------------------------------------------ faults of the original


async def test_an_options_like_dict_is_an_input_and_never_taken_for_options() -> None:
    """The original told options from input by their fields, so that some inputs and options were mistaken."""

    @workflow
    async def sends(ctx: Context) -> Any:
        return await ctx.run("echo_options", {"timeout": "5s"}, timeout="1 minute")

    async with TestEngine(workflows=[sends], activities=[echo_options]) as engine:
        assert await (await engine.start(sends)).result() == {"timeout": "5s"}
    assert calls == [{"timeout": "5s"}]


async def test_an_activity_without_a_policy_is_retried() -> None:
    """The original retried nothing unless a policy was given, although its guide said so."""

    @activity
    async def unlucky() -> int:
        calls.append(activity_info().attempt)
        if len(calls) < 3:
            raise Busy
        return len(calls)

    @workflow
    async def plain(ctx: Context) -> int:
        return await ctx.run(unlucky)

    async with TestEngine(workflows=[plain], activities=[unlucky]) as engine:
        handle = await engine.start(plain)
        await engine.advance_time("1 minute")
        assert await handle.result() == 3
    assert calls == [1, 2, 3]


@activity(retry=RetryPolicy(max_attempts=5))
async def returns_a_generator() -> Any:
    calls.append("effect")
    return (i for i in range(3))


@workflow
async def stores_nothing(ctx: Context) -> str:
    try:
        return await ctx.run(returns_a_generator)
    except ActivityFailedError as error:
        return error.error_type


async def test_a_result_that_cannot_be_stored_is_an_error_and_never_a_silent_second_run() -> None:
    """Audit 05 of the original: when a result could not be stored, the activity ran again without a word."""
    async with TestEngine(workflows=[stores_nothing]) as engine:
        handle = await engine.start(stores_nothing)
        assert await handle.result() == "weft_core.errors.NotSerializableError"
        failed = [e for e in await engine.history(handle.id) if e["type"] == "activity_failed"]
        assert [e["retry_at"] for e in failed] == [None]
    assert calls == ["effect"]


# ------------------------------------------------------------------ total_timeout


@workflow
async def hurried(ctx: Context, total: Any) -> Any:
    try:
        await ctx.run(always_busy, total_timeout=total)
    except ActivityTotalTimeoutError as error:
        return error.attempt, error.timeout_ms, error.last_error
    except Busy:
        return "busy"


async def test_a_total_timeout_covers_all_attempts_and_the_waits_between_them() -> None:
    async with TestEngine(workflows=[hurried]) as engine:
        handle = await engine.start(hurried, 25)
        await engine.advance_time(60)
        assert await handle.result() == (3, 25_000, f"{Busy.__module__}.Busy: no")
    assert calls == [1, 2, 3]


async def test_a_total_timeout_is_told_as_soon_as_no_attempt_can_begin_in_time() -> None:
    async with TestEngine(workflows=[hurried]) as engine:
        handle = await engine.start(hurried, 15)
        await engine.advance_time(10)
        assert await handle.result() == (2, 15_000, f"{Busy.__module__}.Busy: no")


async def test_a_total_timeout_that_is_long_enough_changes_nothing() -> None:
    async with TestEngine(workflows=[hurried]) as engine:
        handle = await engine.start(hurried, "1 hour")
        await engine.advance_time("2 minutes")
        assert await handle.result() == "busy"
        rows = await engine.storage.scan("timer/")
        assert not rows
    assert calls == [1, 2, 3, 4, 5]


async def test_a_total_timeout_cancels_the_attempt_in_flight_also_after_a_crash() -> None:
    @workflow
    async def stuck(ctx: Context) -> str:
        try:
            await ctx.run("idle", total_timeout="1 minute")
        except ActivityTimeoutError as error:
            return f"{error.code} in attempt {error.attempt}"
        return "?"

    async with TestEngine(workflows=[stuck], activities=[waits_for_ever]) as engine:
        handle = await engine.start(stuck)
        await pass_time(engine, 30)
        await engine.crash()
        engine.use_storage_again()
        await engine.open()
        await pass_time(engine, 29)
        assert calls == ["began", "began"]
        Invariants().check(dict(await engine.storage.scan("", limit=1000)))
        await pass_time(engine, 1)
        assert await engine.get_handle(handle.id).result() == "ActivityTotalTimeoutError in attempt 2"
        assert len(engine._parts.pump.attempts) == 0


async def test_no_attempt_begins_when_the_total_timeout_passed_while_nothing_was_awake() -> None:
    async with TestEngine(workflows=[hurried], activities=[waits_for_ever]) as engine:

        @workflow
        async def stuck(ctx: Context) -> str:
            try:
                await ctx.run("idle", total_timeout="1 minute")
            except ActivityTotalTimeoutError as error:
                return f"attempt {error.attempt}"
            return "?"

        engine.register(stuck)
        handle = await engine.start(stuck)
        await let_run()
        await engine.crash()
        engine.clock.advance_to(engine.clock.now_ms() + 3_600_000)
        engine.use_storage_again()
        await engine.open()
        await engine.settle()
        assert await engine.get_handle(handle.id).result() == "attempt 1"
    assert calls == ["began"]


# ------------------------------------------------------------------ RetryLater


@activity(retry=RetryPolicy(max_attempts=4, initial_interval=1, jitter=0))
async def rate_limited(limit: Any) -> str:
    calls.append(activity_info().attempt)
    if len(calls) < 3:
        raise RetryLater("rate limited", after=limit)
    return "served"


@workflow
async def asks(ctx: Context, limit: Any) -> Any:
    try:
        return await ctx.run(rate_limited, limit)
    except (RetryLater, InvalidInputError) as error:
        return error.code


async def test_an_error_may_say_itself_when_to_try_again_and_the_wait_survives_a_crash() -> None:
    async with TestEngine(workflows=[asks]) as engine:
        handle = await engine.start(asks, "10 minutes")
        await engine.advance_time("9 minutes")
        await engine.crash_and_recover()
        assert calls == [1]
        await engine.advance_time("1 minute")
        assert calls == [1, 2]
        await engine.advance_time("10 minutes")
        assert await engine.get_handle(handle.id).result() == "served"


@pytest.mark.parametrize("nonsense", ["soon", -1, True])
async def test_a_delay_that_is_none_ends_the_activity_with_an_error_that_says_so(nonsense: Any) -> None:
    async with TestEngine(workflows=[asks]) as engine:
        assert await (await engine.start(asks, nonsense)).result() == "InvalidInputError"


async def test_retry_later_uses_up_attempts() -> None:
    @activity(retry=RetryPolicy(max_attempts=2))
    async def never_served() -> None:
        raise RetryLater(after=1)

    @workflow
    async def tries(ctx: Context) -> None:
        await ctx.run(never_served)

    async with TestEngine(workflows=[tries], activities=[never_served]) as engine:
        handle = await engine.start(tries)
        await engine.advance_time(5)
        with pytest.raises(RunFailedError, match="asked to be tried again after 1"):
            await handle.result()


# ------------------------------------------------------------------ idempotency keys


@activity(idempotency_key=lambda order, amount: f"{order}:{amount}", retry=RetryPolicy(max_attempts=3, jitter=0))
async def charge_keyed(order: str, amount: int) -> str:
    info = activity_info()
    effects[info.idempotency_key] += 1
    if info.attempt == 1:
        raise Busy
    return info.idempotency_key


@workflow
async def pays(ctx: Context, n: int) -> list[str]:
    return [await ctx.run(charge_keyed, "o1", n), await ctx.run(charge_keyed, "o1", n, idempotency_key="mine")]


async def test_G5_a_declared_key_is_made_of_the_arguments_once_and_the_call_may_choose_another() -> None:
    async with TestEngine(workflows=[pays]) as engine:
        handle = await engine.start(pays, 7)
        await engine.advance_time(10)
        assert await handle.result() == ["o1:7", "mine"]
    assert effects == {"o1:7": 2, "mine": 2}


@pytest.mark.parametrize("made", ["", 5, None, "x" * 300])
async def test_a_key_that_is_none_is_refused_at_the_line_that_calls(made: Any) -> None:
    @activity(idempotency_key=lambda: made)
    async def keyed_by() -> None:
        calls.append("ran")

    @workflow
    async def uses(ctx: Context) -> None:
        await ctx.run(keyed_by)

    async with TestEngine(workflows=[uses], activities=[keyed_by]) as engine:
        with pytest.raises(RunFailedError, match="idempotency key"):
            await (await engine.start(uses)).result()
    assert not calls


async def test_a_key_function_that_raises_is_an_error_at_the_line_that_calls() -> None:
    @activity(idempotency_key=lambda: 1 / 0)
    async def keyed_by() -> None: ...

    @workflow
    async def uses(ctx: Context) -> None:
        await ctx.run(keyed_by)

    async with TestEngine(workflows=[uses], activities=[keyed_by]) as engine:
        with pytest.raises(RunFailedError, match="ZeroDivisionError"):
            await (await engine.start(uses)).result()


def test_options_that_are_none_are_refused_where_they_are_declared() -> None:
    with pytest.raises(DefinitionError, match="idempotency_key"):
        activity(idempotency_key="fixed")(echo_options.fn)  # type: ignore[call-overload]
    with pytest.raises(DefinitionError, match="verify"):
        activity(verify=True)(echo_options.fn)  # type: ignore[call-overload]
    for option in ("timeout", "total_timeout", "heartbeat_timeout"):
        with pytest.raises(InvalidInputError, match=f"the {option} of activity"):
            activity(**{option: "soon"})(echo_options.fn)


# ------------------------------------------------------------------ crashes


@activity(retry=RetryPolicy(max_attempts=6, initial_interval=20, jitter=0, backoff=1), total_timeout="10 minutes")
async def flaky_twice(n: int) -> int:
    effects[f"flaky {n}"] += 1
    if activity_info().attempt == 1:
        raise RetryLater(after="90 s")
    return n


@workflow
async def program(ctx: Context, n: int) -> list[int]:
    return [await ctx.run(flaky_twice, i) for i in range(n)]


async def test_total_timeouts_and_asked_waits_survive_a_crash_at_every_write() -> None:
    def check(told: object) -> None:
        assert told == [0, 1, 2]
        assert set(effects) == {"flaky 0", "flaky 1", "flaky 2"} and sum(effects.values()) <= 7

    report = await assert_survives_every_crash(program, 3, check=check, reset=effects.clear)
    assert report.crashes == 2 * report.writes
