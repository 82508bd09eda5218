"""``verify``: after an attempt of unknown outcome the engine asks before it repeats anything."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from tests.engine.attempts_journey import let_run, pass_time
from tests.engine.invariants import Invariants
from weft_core import Context, Done, NotDone, RetryLater, RetryPolicy, Unknown, activity, activity_info, workflow
from weft_core.errors import (
    ActivityIndeterminateError,
    ActivityInterruptedError,
    ActivityTimeoutError,
    ActivityTotalTimeoutError,
    RunFailedError,
)  # fmt: skip
from weft_core.testing import TestEngine, assert_survives_every_crash

bank: dict[str, str] = {}
"""What the receiver of the effect knows, by idempotency key."""
calls: Counter[str] = Counter()
verdicts: list[Any] = []
"""What ``verify`` is to say or raise, in order; empty: the truth."""
gate: list[asyncio.Event] = []


@pytest.fixture(autouse=True)
def _clean() -> None:
    bank.clear()
    calls.clear()
    verdicts.clear()
    gate.clear()


def look(order: str) -> Any:
    calls["verify"] += 1
    if verdicts:
        said = verdicts.pop(0)
        if isinstance(said, Exception):
            raise said
        return said
    key = activity_info().idempotency_key
    return Done(bank[key]) if key in bank else NotDone


async def look_async(order: str) -> Any:
    await asyncio.sleep(0)
    return look(order)


async def transfer(order: str) -> str:
    calls["pay"] += 1
    bank[activity_info().idempotency_key] = f"receipt {order}"
    if order == "hangs":
        gate.append(asyncio.Event())
        await gate[-1].wait()
    return f"receipt {order}"


ONCE = RetryPolicy(max_attempts=1)
pay = activity(verify=look, retry=ONCE)(transfer)
pay_async = activity(name="pay_async", verify=look_async, timeout="20 ms", retry=RetryPolicy(jitter=0))(transfer)


@activity(retry=RetryPolicy(max_attempts=3, initial_interval=1, jitter=0), verify=look)
async def hang_before(order: str) -> str:
    calls["hang"] += 1
    if calls["hang"] == 1:
        await asyncio.Event().wait()
    return f"done {order}"


@workflow
async def pays(ctx: Context, name: str, order: str) -> Any:
    try:
        return await ctx.run(name, order, idempotency_key=f"k-{order}")
    except (ActivityIndeterminateError, ActivityInterruptedError, ActivityTimeoutError) as error:
        return error.code, error.attempt


ACTIVITIES = [pay, pay_async, hang_before]


async def cut_off(engine: TestEngine, name: str, order: str) -> str:
    """Start a run and crash while its activity is under way. The run's id."""
    await engine.open()
    handle = await engine.start(pays, name, order)
    await let_run()
    await engine.crash()
    engine.use_storage_again()
    await engine.open()
    return handle.id


@pytest.mark.parametrize("name", ["transfer", "pay_async"])
async def test_G5_what_is_done_is_not_done_again_and_its_result_is_that_of_the_step(name: str) -> None:
    engine = TestEngine(workflows=[pays], activities=ACTIVITIES)
    run_id = await cut_off(engine, name, "hangs")
    assert await engine.get_handle(run_id).result() == "receipt hangs"
    assert calls == {"pay": 1, "verify": 1}
    completed = [e for e in await engine.history(run_id) if e["type"] == "activity_completed"]
    assert [e["verified"] for e in completed] == [True]
    await engine.close()


async def test_what_is_not_done_is_attempted_again_without_a_wait() -> None:
    engine = TestEngine(workflows=[pays], activities=ACTIVITIES)
    run_id = await cut_off(engine, "hang_before", "o")
    assert await engine.get_handle(run_id).result() == "done o"
    assert calls == {"hang": 2, "verify": 1}
    await engine.close()


async def test_what_is_not_done_in_the_last_attempt_was_interrupted() -> None:
    engine = TestEngine(workflows=[pays], activities=ACTIVITIES)
    verdicts.append(NotDone())
    run_id = await cut_off(engine, "transfer", "hangs")
    assert await engine.get_handle(run_id).result() == ("ActivityInterruptedError", 1)
    assert calls == {"pay": 1, "verify": 1}
    await engine.close()


@pytest.mark.parametrize("said", [Unknown, Unknown("the bank has no record of that day"), 5, None])
async def test_what_cannot_be_told_is_an_error_of_its_own_and_nothing_is_repeated(said: Any) -> None:
    engine = TestEngine(workflows=[pays], activities=ACTIVITIES)
    verdicts.append(said)
    run_id = await cut_off(engine, "transfer", "hangs")
    assert await engine.get_handle(run_id).result() == ("ActivityIndeterminateError", 1)
    assert calls == {"pay": 1, "verify": 1}
    await engine.close()


async def test_verify_is_retried_itself_also_over_crashes_and_as_late_as_it_asks() -> None:
    engine = TestEngine(workflows=[pays], activities=ACTIVITIES)
    verdicts.extend([ConnectionError("down"), RetryLater(after="1 hour"), ConnectionError("down")])
    run_id = await cut_off(engine, "transfer", "hangs")
    await engine.advance_time("59 minutes")
    assert calls["verify"] == 2
    await engine.crash_and_recover()
    Invariants().check(dict(await engine.storage.scan("", limit=1000)))
    assert calls["verify"] == 2
    await engine.advance_time("2 minutes")
    assert await engine.get_handle(run_id).result() == "receipt hangs"
    assert calls == {"pay": 1, "verify": 4}
    await engine.close()


async def test_verify_that_never_answers_leaves_it_indeterminate() -> None:
    engine = TestEngine(workflows=[pays], activities=ACTIVITIES)
    verdicts.extend(ConnectionError("down") for _ in range(50))
    run_id = await cut_off(engine, "transfer", "hangs")
    await engine.advance_time("1 hour")
    assert await engine.get_handle(run_id).result() == ("ActivityIndeterminateError", 1)
    assert calls == {"pay": 1, "verify": 10}
    await engine.close()


async def test_after_a_timeout_verify_is_asked_too() -> None:
    """An attempt that ran into its timeout may have taken effect as well as one that a crash cut off."""
    async with TestEngine(workflows=[pays], activities=ACTIVITIES) as engine:
        handle = await engine.start(pays, "pay_async", "hangs")
        assert await asyncio.wait_for(handle.result(), 5) == "receipt hangs"
    assert calls == {"pay": 1, "verify": 1}


async def test_the_total_timeout_ends_the_asking() -> None:
    @workflow
    async def hurried(ctx: Context) -> str:
        try:
            return await ctx.run(pay, "hangs", total_timeout="30 s")
        except ActivityTotalTimeoutError:
            return "out of time"

    engine = TestEngine(workflows=[hurried], activities=ACTIVITIES)
    await engine.open()
    handle = await engine.start(hurried)
    await let_run()
    await engine.crash()
    verdicts.extend(ConnectionError("down") for _ in range(50))
    engine.use_storage_again()
    await engine.open()
    await pass_time(engine, "30 s")
    assert await engine.get_handle(handle.id).result() == "out of time"
    Invariants().check(dict(await engine.storage.scan("", limit=1000)))
    await engine.close()


async def test_an_activity_without_verify_does_not_wait_for_ever_after_a_crash() -> None:
    """Audit 01b of the original: declared idempotent and without ``verify``, it blocked for ever."""

    @activity(idempotency_key=lambda order: order)
    async def unverified(order: str) -> str:
        calls[order] += 1
        if calls[order] == 1:
            await asyncio.Event().wait()
        return order

    engine = TestEngine(workflows=[pays], activities=[unverified])
    run_id = await cut_off(engine, "unverified", "o")
    assert await engine.get_handle(run_id).result() == "o"
    assert calls == {"o": 2}
    await engine.close()


async def test_verify_that_was_taken_out_of_the_code_leaves_it_to_the_policy() -> None:
    engine = TestEngine(workflows=[pays], activities=ACTIVITIES)
    verdicts.append(ConnectionError("down"))
    run_id = await cut_off(engine, "transfer", "hangs")
    await engine.settle()
    storage = engine.storage
    await engine.close()

    async with TestEngine(
        workflows=[pays], activities=[activity(retry=ONCE)(transfer)], storage=storage, clock=engine.clock
    ) as other:
        await other.advance_time("1 hour")
        assert await other.get_handle(run_id).result() == ("ActivityInterruptedError", 1)


async def test_a_failure_that_the_activity_tells_is_no_unknown_outcome() -> None:
    @activity(retry=ONCE, verify=look)
    async def fails_loudly(order: str) -> None:
        raise ValueError(order)

    async with TestEngine(workflows=[pays], activities=[fails_loudly]) as engine:
        with pytest.raises(RunFailedError, match="ValueError"):
            await (await engine.start(pays, "fails_loudly", "o")).result()
    assert not calls


# ------------------------------------------------------------------ crashes


@activity(verify=look)
async def send(order: str) -> str:
    bank[activity_info().idempotency_key] = order
    calls[order] += 1
    return order


@workflow
async def program(ctx: Context, n: int) -> list[str]:
    return [await ctx.run(send, f"o{i}") for i in range(n)]


async def test_G5_with_verify_an_effect_happens_once_whatever_write_crashes() -> None:
    def check(told: object) -> None:
        assert told == ["o0", "o1", "o2"]
        assert (calls["o0"], calls["o1"], calls["o2"]) == (1, 1, 1)

    def forget() -> None:
        bank.clear()
        calls.clear()

    report = await assert_survives_every_crash(program, 3, check=check, reset=forget)
    assert report.crashes == 2 * report.writes
