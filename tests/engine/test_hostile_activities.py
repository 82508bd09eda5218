"""Activities that do odd things with their task: the engine hears of each end once, and none harms the next."""

from __future__ import annotations

import asyncio
import contextvars
from typing import Any

import pytest

from weft_core import Context, RetryPolicy, activity, activity_info, workflow
from weft_core.engine.eager import EagerStarter
from weft_core.errors import ActivityFailedError, ActivityTimeoutError, RunFailedError
from weft_core.ports import Stretch
from weft_core.testing import TestEngine

ONCE = RetryPolicy(max_attempts=1)
log: list[str] = []
kept: list[Any] = []
place: contextvars.ContextVar[str] = contextvars.ContextVar("place", default="nowhere")


@pytest.fixture(autouse=True)
def _clean() -> None:
    log.clear()
    kept.clear()


@activity(retry=ONCE)
async def odd(what: str) -> str:
    return await globals()[what]()


async def plain() -> str:
    return "fine"


async def waits() -> str:
    await asyncio.sleep(0)
    return "fine"


async def cancels_itself_and_returns() -> str:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    return "fine"


async def cancels_itself_and_waits() -> str:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    try:
        await asyncio.sleep(1)
    finally:
        log.append("cleaned up")
    return "not reached"


async def swallows_its_cancel() -> str:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    try:
        await asyncio.sleep(1)
    except asyncio.CancelledError:
        task.uncancel()
    await asyncio.sleep(0)
    return "fine"


async def leaves_its_task_behind() -> str:
    kept.append(asyncio.current_task())
    return "fine"


async def cancels_what_was_left() -> str:
    for task in kept:
        task.cancel()
    return "fine"


async def times_out_within() -> str:
    try:
        async with asyncio.timeout(0.001):
            await asyncio.sleep(10)
    except TimeoutError:
        return "fine"
    return "not reached"


async def times_out_at_once() -> str:
    try:
        async with asyncio.timeout(0):
            await asyncio.sleep(10)
    except TimeoutError:
        return "fine"
    return "not reached"


async def groups() -> str:
    async with asyncio.TaskGroup() as group:
        a, b = group.create_task(waits()), group.create_task(times_out_within())
    return "fine" if a.result() == b.result() == "fine" else "not"


async def groups_that_fail() -> str:
    async def fail() -> None:
        raise ValueError

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            await asyncio.sleep(10)
    except* ValueError:
        pass
    await asyncio.sleep(0)
    return "fine"


async def sets_context() -> str:
    assert place.get() == "nowhere"
    place.set("here")
    await asyncio.sleep(0)
    assert place.get() == "here" and activity_info().activity == "odd"
    assert await asyncio.create_task(asyncio.to_thread(place.get)) == "here"
    return "fine"


async def exits() -> str:
    await asyncio.sleep(0)
    raise SystemExit(3)


@workflow
async def do(ctx: Context, *whats: str) -> list[Any]:
    got: list[Any] = []
    for what in whats:
        try:
            got.append(await ctx.run(odd, what))
        except ActivityFailedError as error:
            got.append(error.error_type)
    return got


@workflow
async def side_by_side(ctx: Context, *whats: str) -> list[Any]:
    return await ctx.all([ctx.run(odd, what) for what in whats])


GOOD = [
    "plain", "waits", "cancels_itself_and_returns", "swallows_its_cancel", "leaves_its_task_behind",
    "cancels_what_was_left", "times_out_within", "times_out_at_once", "groups", "groups_that_fail", "sets_context",
]  # fmt: skip


@pytest.mark.parametrize("first", [*GOOD, "cancels_itself_and_waits", "exits"])
async def test_each_kind_of_activity_ends_and_leaves_the_next_alone(first: str) -> None:
    for second in GOOD:
        async with TestEngine(workflows=[do]) as engine:
            handle = await engine.start(do, first, second, "waits", "plain", first)
            got = await asyncio.wait_for(handle.result(), 5)
            ends = {"cancels_itself_and_waits": "CancelledError", "exits": "SystemExit"}.get(first, "fine")
            assert got == [ends, "fine", "fine", "fine", ends], second


async def test_all_kinds_at_once() -> None:
    async with TestEngine(workflows=[side_by_side]) as engine:
        handle = await engine.start(side_by_side, *(g for g in GOOD * 3))
        assert set(await asyncio.wait_for(handle.result(), 5)) == {"fine"}
        assert len(engine._parts.pump.attempts) == 0


async def test_what_a_stopped_attempt_does_in_finally_is_done_however_early_it_is_stopped() -> None:
    """Stopped before its task has had its first turn."""

    async def careful() -> None:
        try:
            await asyncio.sleep(10)
        finally:
            await asyncio.sleep(0)
            log.append("cleaned up")

    starter = EagerStarter(asyncio.get_running_loop(), Stretch())
    ends: list[Any] = []
    for _ in range(3):
        task = starter.start(careful(), lambda error, value: ends.append(error))
        assert task is not None
        task.cancel()
    for _ in range(10):
        await asyncio.sleep(0)
    assert log == ["cleaned up"] * 3
    assert [type(e) for e in ends] == [asyncio.CancelledError] * 3
    starter.close()


@activity(retry=ONCE, timeout=0.02)
async def stubborn(times: int) -> str:
    for _ in range(times):
        try:
            await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            log.append("ignored")
    return "late"


@workflow
async def hurry(ctx: Context, times: int) -> str:
    try:
        return await ctx.run(stubborn, times)
    except ActivityTimeoutError:
        await ctx.wait_for_signal("go")
        return "timed out"


async def test_an_activity_that_ignores_its_timeout_has_timed_out_all_the_same() -> None:
    async with TestEngine(workflows=[hurry]) as engine:
        handle = await engine.start(hurry, 3)
        await asyncio.sleep(0.2)
        assert log == ["ignored"]
        await handle.signal("go")
        assert await handle.result() == "timed out"


async def test_a_failure_says_what_the_activity_ended_with() -> None:
    @workflow
    async def bare(ctx: Context) -> None:
        await ctx.run(odd, "cancels_itself_and_waits")

    async with TestEngine(workflows=[bare]) as engine:
        with pytest.raises(RunFailedError, match="CancelledError"):
            await asyncio.wait_for((await engine.start(bare)).result(), 5)
