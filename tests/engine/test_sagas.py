"""Sagas (G14): compensation in reverse order of recorded completions, over crashes, cancels and timeouts.

A compensation that finally fails is never swallowed, as the original swallows it.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.invariants import Invariants
from weft_core import Context, RetryPolicy, activity, durable, workflow
from weft_core.errors import RunCancelledError, RunFailedError, RunTimedOutError
from weft_core.storage import MemoryStorage
from weft_core.testing import TestEngine, assert_survives_every_crash

did: list[str] = []
broken: set[str] = set()
ONCE = RetryPolicy(max_attempts=50, non_retryable=(ValueError,))
PATIENT = RetryPolicy(max_attempts=50, initial_interval=0.1)


@activity(retry=PATIENT)
async def book(what: str) -> str:
    did.append(f"book {what}")
    return f"{what}-1"


@activity(retry=PATIENT)
async def unbook(ticket: str) -> None:
    if ticket in broken:
        raise OSError(ticket)
    did.append(f"unbook {ticket}")


@activity(retry=ONCE)
async def fail(why: str) -> None:
    raise ValueError(why)


@durable
async def refund_slowly(ctx: Context, what: str) -> None:
    await ctx.sleep("1 hour")
    await ctx.run(unbook, what)


@workflow
async def trip(ctx: Context, end: str) -> list[str]:
    async with ctx.saga() as saga:
        flight = await saga.run(book, "flight", compensate=unbook)
        hotel = await ctx.run(book, "hotel")
        saga.add(ctx.run(unbook, hotel))
        saga.add(refund_slowly(ctx, "deposit"))
        if end == "fail":
            await ctx.run(fail, "no car")
        if end == "wait":
            await ctx.wait_for_signal("go")
    return [flight, hotel]


@workflow
async def listed(ctx: Context, last: str) -> list[str]:
    return await ctx.saga([(book, "flight", unbook), (book, "hotel", unbook), (last, "car", "unbook")])


@pytest.fixture(autouse=True)
def _forget() -> None:
    did.clear()
    broken.clear()


UNDONE = ["book flight", "book hotel", "unbook deposit", "unbook hotel-1", "unbook flight-1"]


def rows_of(engine: TestEngine) -> dict[str, bytes]:
    assert isinstance(engine.storage, MemoryStorage)
    return engine.storage.rows()


async def test_nothing_is_undone_when_all_goes_well() -> None:
    async with TestEngine(workflows=[trip, listed]) as engine:
        assert await (await engine.start(trip, "well")).result() == ["flight-1", "hotel-1"]
        assert await (await engine.start(listed, "book")).result() == ["flight-1", "hotel-1", "car-1"]
        assert not [word for word in did if word.startswith("unbook")]


async def test_G14_a_failure_undoes_in_reverse_and_stays_the_failure() -> None:
    async with TestEngine(workflows=[trip, listed]) as engine:
        handle = await engine.start(trip, "fail")
        await engine.settle()
        await engine.crash_and_recover()
        await engine.advance_time("1 hour")
        with pytest.raises(RunFailedError) as failed:
            await handle.result()
        assert str(failed.value.__cause__) == "no car"
        assert did == UNDONE
        did.clear()
        with pytest.raises(RunFailedError):
            await (await engine.start(listed, "fail")).result()
        assert did == ["book flight", "book hotel", "unbook hotel-1", "unbook flight-1"]


@pytest.mark.parametrize("how", ["cancel", "timeout"])
async def test_G14_compensation_is_durable_when_the_run_is_cancelled_or_timed_out(how: str) -> None:
    async with TestEngine(workflows=[trip]) as engine:
        handle = await engine.start(trip, "wait", execution_timeout="1 day")
        await engine.settle()
        if how == "cancel":
            await handle.cancel()
        else:
            await engine.advance_time("1 day")
        await engine.crash_and_recover()
        await engine.advance_time("1 hour")
        with pytest.raises(RunCancelledError if how == "cancel" else RunTimedOutError):
            await handle.result()
        assert did == UNDONE


async def test_G13_cancelling_during_compensation_lets_it_run_to_its_end() -> None:
    async with TestEngine(workflows=[trip]) as engine:
        handle = await engine.start(trip, "fail")
        await engine.settle()
        await handle.cancel()
        await engine.advance_time("1 hour")
        with pytest.raises(RunCancelledError):
            await handle.result()
        assert did == UNDONE


async def test_G14_a_compensation_that_finally_fails_parks_the_run_until_a_person_resumes_it() -> None:
    broken.add("hotel-1")
    async with TestEngine(workflows=[trip]) as engine:
        handle = await engine.start(trip, "fail", id="trip")
        await engine.advance_time("1 day")
        described = await handle.describe()
        assert described["status"] == "needs_attention" and "hotel-1" in described["error"]["message"]
        assert did == UNDONE[:3], "the original swallows what a compensator raises, and goes on"
        Invariants().check(rows_of(engine))
        await engine.crash_and_recover()
        await engine.resume("trip")
        await engine.advance_time("1 day")
        assert (await handle.describe())["status"] == "needs_attention"
        broken.clear()
        await handle.resume()
        await engine.settle()
        with pytest.raises(RunFailedError):
            await handle.result()
        assert did == UNDONE


@workflow
async def prepared(ctx: Context, end: str) -> str:
    ctx.on_cancel(ctx.run(unbook, await ctx.run(book, "seat")))
    ctx.on_cancel(refund_slowly(ctx, "deposit"))
    if end == "wait":
        await ctx.wait_for_signal("go")
    await ctx.sleep("1 minute")
    return "done"


@pytest.mark.parametrize("how", ["cancel", "timeout"])
async def test_G13_what_was_prepared_for_a_cancel_is_done_over_crashes(how: str) -> None:
    """In the original ``onCancel`` is in memory, and lost in a crash."""
    async with TestEngine(workflows=[prepared]) as engine:
        handle = await engine.start(prepared, "wait", execution_timeout="1 day")
        await engine.settle()  # else the crash may cut off the booking, which then is made twice (G4)
        await engine.crash_and_recover()
        if how == "cancel":
            await handle.cancel()
        else:
            await engine.advance_time("1 day")
        await engine.settle()
        await engine.crash_and_recover()
        await engine.advance_time("1 hour")
        assert did == ["book seat", "unbook deposit", "unbook seat-1"]
        assert (await handle.describe())["status"] == ("cancelled" if how == "cancel" else "timed_out")
        did.clear()
        done = await engine.start(prepared, "go")
        await engine.advance_time("1 hour")
        assert await done.result() == "done" and did == ["book seat"]


async def test_G1_sagas_survive_a_crash_at_every_write() -> None:
    report = await assert_survives_every_crash(trip, "fail", reset=_forget_all)
    assert report.writes > 10
    await assert_survives_every_crash(trip, "wait", drive=_cancel, reset=_forget_all)
    await assert_survives_every_crash(listed, "fail", reset=_forget_all)
    await assert_survives_every_crash(prepared, "wait", drive=_cancel, reset=_forget_all)


def _forget_all() -> None:
    did.clear()
    broken.clear()


async def _cancel(engine: TestEngine, handle: Any) -> None:
    await engine.settle()
    try:
        await handle.cancel()
    except Exception as finished:
        assert type(finished).__name__ == "RunFinishedError"
    await engine.advance_time("1 day")
