"""Heartbeats: silence ends an attempt, and what was told last is there for the next one, whatever happens."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from typing import Any

import pytest

from tests.engine.attempts_journey import let_run, pass_time
from tests.engine.invariants import Invariants
from weft_core import Context, RetryPolicy, activity, activity_info, workflow
from weft_core.errors import ActivityHeartbeatTimeoutError, RunFailedError
from weft_core.storage import MemoryStorage
from weft_core.testing import CrashingStorage, TestEngine, assert_survives_every_crash

seen: list[Any] = []
effects: Counter[int] = Counter()
gate: list[asyncio.Event] = []
THRICE = RetryPolicy(max_attempts=3, initial_interval=1, jitter=0)


@pytest.fixture(autouse=True)
def _clean() -> None:
    seen.clear()
    effects.clear()
    gate.clear()


@activity(heartbeat_timeout="10 s", retry=THRICE)
async def silent() -> None:
    seen.append(activity_info().attempt)
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        seen.append(f"cancelled {activity_info().cancelled}")
        raise


@workflow
async def waits(ctx: Context) -> Any:
    try:
        await ctx.run(silent)
    except ActivityHeartbeatTimeoutError as error:
        return error.attempt, error.timeout_ms


async def test_an_attempt_that_is_silent_is_cancelled_and_tried_again() -> None:
    async with TestEngine(workflows=[waits]) as engine:
        handle = await engine.start(waits)
        await pass_time(engine, 9)
        assert seen == [1]
        await pass_time(engine, 60)
        assert await handle.result() == (3, 10_000)
    assert seen == [1, "cancelled True", 2, "cancelled True", 3, "cancelled True"]


@activity(heartbeat_timeout="10 s", retry=THRICE)
async def beating(beats: int) -> str:
    event = asyncio.Event()
    gate.append(event)
    for i in range(beats):
        await event.wait()
        event.clear()
        activity_info().heartbeat(i)
    return "done"


@workflow
async def lives(ctx: Context, beats: int) -> str:
    return await ctx.run(beating, beats)


async def test_an_attempt_that_gives_signs_of_life_goes_on() -> None:
    async with TestEngine(workflows=[lives]) as engine:
        handle = await engine.start(lives, 5)
        for _ in range(5):
            await pass_time(engine, 8)
            gate[-1].set()
            await let_run()
        assert await handle.result() == "done"
    assert len(gate) == 1


async def test_details_are_written_at_most_once_in_half_a_timeout_and_the_last_ones_always() -> None:
    storage = CrashingStorage(MemoryStorage())

    @activity(heartbeat_timeout="10 s")
    async def chatty() -> None:
        for i in range(100):
            activity_info().heartbeat(i)
            await asyncio.sleep(0)
        gate.append(asyncio.Event())
        await gate[0].wait()

    @workflow
    async def talks(ctx: Context) -> None:
        await ctx.run(chatty)

    async with TestEngine(workflows=[talks], activities=[chatty], storage=storage) as engine:
        before = storage.writes
        handle = await engine.start(talks)
        await let_run(150)
        assert storage.writes == before + 2  # the start, and the first of a hundred
        await pass_time(engine, 5)
        assert storage.writes == before + 3  # the last of them
        run = engine._parts.live.get(handle.id)
        assert run is not None
        from weft_core import codec

        assert codec.loads(run.tasks[0].wait[3]["details"]) == 99
        gate[0].set()
        await handle.result()


def test_a_sign_of_life_without_details_writes_nothing_and_keeps_those_there_are() -> None:
    async def scenario() -> None:
        storage = CrashingStorage(MemoryStorage())

        @activity
        async def beats() -> Any:
            info = activity_info()
            if info.attempt == 2:
                return info.heartbeat_details
            info.heartbeat({"page": 3})
            for _ in range(10):
                info.heartbeat()
            raise ValueError

        @workflow
        async def asks(ctx: Context) -> Any:
            return await ctx.run(beats)

        async with TestEngine(workflows=[asks], activities=[beats], storage=storage) as engine:
            handle = await engine.start(asks)
            await engine.advance_time(5)
            assert await handle.result() == {"page": 3}

    asyncio.run(scenario())


@activity(retry=RetryPolicy(max_attempts=50, initial_interval=1, jitter=0), heartbeat_timeout="1 ms")
async def copies(pages: int) -> int:
    """Every page tells how far it has come. (A timeout of one millisecond writes each of them.)"""
    info = activity_info()
    at = info.heartbeat_details or 0
    while at < pages:
        effects[at] += 1
        at += 1
        info.heartbeat(at)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    return at


@workflow
async def backup(ctx: Context, pages: int) -> int:
    return await ctx.run(copies, pages)


async def test_the_last_durable_details_survive_a_crash_at_every_write() -> None:
    """The original held them in memory: after a crash an activity began from the start."""

    def check(told: object) -> None:
        assert told == 6
        assert set(effects) == set(range(6)) and sum(effects.values()) <= 8, effects

    report = await assert_survives_every_crash(backup, 6, check=check, reset=effects.clear)
    assert report.writes >= 9 and report.crashes >= 2 * report.writes


@pytest.mark.parametrize("how", ["fails", "is silent", "is closed"])
async def test_details_that_were_held_back_are_there_for_the_next_attempt(how: str) -> None:
    rows = MemoryStorage()

    @activity(heartbeat_timeout="10 s", retry=THRICE)
    async def progress() -> Any:
        info = activity_info()
        if info.attempt > 1:
            return info.heartbeat_details
        for i in range(8):
            info.heartbeat(i)
        if how == "fails":
            raise ValueError
        await asyncio.Event().wait()

    @workflow
    async def goes(ctx: Context) -> Any:
        return await ctx.run(progress)

    engine = TestEngine(workflows=[goes], activities=[progress], storage=rows)
    await engine.open()
    handle = await engine.start(goes)
    await let_run()
    if how == "is closed":
        await engine.close()
        engine = TestEngine(workflows=[goes], activities=[progress], storage=rows, clock=engine.clock)
        await engine.open()
    elif how == "is silent":
        await pass_time(engine, 10)
    Invariants().check(dict(await rows.scan("", limit=1000)))
    await engine.advance_time(5)
    assert await engine.get_handle(handle.id).result() == 7
    await engine.close()


async def test_details_that_cannot_be_stored_are_refused_at_the_line_that_gives_them() -> None:
    @activity(retry=RetryPolicy(max_attempts=1))
    async def tells(what: str) -> str:
        try:
            activity_info().heartbeat(x for x in "a") if what == "odd" else activity_info().heartbeat("x" * 70_000)
        except Exception as error:
            return type(error).__name__
        return "?"

    @workflow
    async def asks(ctx: Context, what: str) -> str:
        return await ctx.run(tells, what)

    async with TestEngine(workflows=[asks], activities=[tells]) as engine:
        assert await (await engine.start(asks, "odd")).result() == "NotSerializableError"
        assert await (await engine.start(asks, "large")).result() == "PayloadTooLargeError"


async def test_a_function_in_a_thread_gives_heartbeats_and_sees_that_it_is_cancelled() -> None:
    began, may_end = threading.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    @activity(retry=THRICE)
    def blocking() -> None:
        info = activity_info()
        info.heartbeat("from a thread")
        began.set()
        may_end.wait(5)
        seen.append(info.cancelled)

    @workflow
    async def runs(ctx: Context) -> None:
        await ctx.run(blocking)

    async with TestEngine(workflows=[runs], activities=[blocking]) as engine:
        attempts: Any = engine._parts.pump.attempts
        host = attempts._host
        attempts._host = type(host)(host.clock, host.ids, lambda fn: asyncio.to_thread(fn))
        handle = await engine.start(runs)
        await loop.run_in_executor(None, began.wait, 5)
        await let_run()
        run = engine._parts.live.get(handle.id)
        assert run is not None and run.tasks[0].wait[3]["details"]
        await handle.cancel()
        may_end.set()
        await loop.run_in_executor(None, lambda: None)
        while not seen:
            await asyncio.sleep(0)
    assert seen == [True]


async def test_a_coroutine_learns_by_CancelledError_that_its_run_was_cancelled() -> None:
    async with TestEngine(workflows=[waits]) as engine:
        handle = await engine.start(waits)
        await let_run()
        await handle.cancel()
        await engine.settle()
        assert (await handle.describe())["status"] == "cancelled"
    assert seen == [1, "cancelled True"]


async def test_heartbeats_outside_of_an_engine_and_with_two_values_are_refused() -> None:
    @activity(retry=RetryPolicy(max_attempts=1))
    async def two_values() -> None:
        activity_info().heartbeat(1, 2)

    @workflow
    async def tells(ctx: Context) -> None:
        await ctx.run(two_values)

    async with TestEngine(workflows=[tells], activities=[two_values]) as engine:
        with pytest.raises(RunFailedError, match="one value"):
            await (await engine.start(tells)).result()
    with pytest.raises(LookupError):
        activity_info().heartbeat()
