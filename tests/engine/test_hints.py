"""``wake`` and ``drain``: hints of the host. They change when things happen, never what happens."""

from __future__ import annotations

import asyncio

import pytest

from tests.engine.attempts_journey import let_run, pass_time
from weft_core import Context, RetryLater, RetryPolicy, activity, activity_info, signal, workflow
from weft_core.client import leave_signal
from weft_core.errors import EngineClosedError
from weft_core.testing import TestEngine

PATIENT = RetryPolicy(max_attempts=9, initial_interval=600, jitter=0, backoff=1)
calls: list[tuple[str, int]] = []
away: list[bool] = []
gate: list[asyncio.Event] = []
go = signal("go")


@pytest.fixture(autouse=True)
def _clean() -> None:
    calls.clear()
    away[:] = [True]
    gate.clear()


@activity(retry=PATIENT)
async def send(what: str) -> str:
    calls.append((what, activity_info().attempt))
    if away[0]:
        raise OSError("no route to host")
    return what


@activity(retry=PATIENT)
async def limited() -> str:
    calls.append(("limited", activity_info().attempt))
    raise RetryLater("not before", after=300)


@activity
async def gated(what: str) -> str:
    calls.append((what, activity_info().attempt))
    await gate[0].wait()
    return what


@workflow
async def sending(ctx: Context, what: str) -> str:
    return await ctx.run(send, what)


@workflow
async def waits_as_told(ctx: Context) -> str:
    return await ctx.run(limited)


@workflow
async def sleeper(ctx: Context) -> str:
    await ctx.sleep("1 hour")
    return "woken"


@workflow
async def two_steps(ctx: Context) -> list[str]:
    return [await ctx.run(gated, "one"), await ctx.run(gated, "two")]


@workflow(signals=[go])
async def signalled(ctx: Context) -> object:
    return await ctx.wait_for_signal(go)


ALL = [sending, waits_as_told, sleeper, two_steps, signalled]


async def test_a_failed_attempt_is_made_at_once_when_the_network_is_said_to_be_back() -> None:
    async with TestEngine(workflows=ALL) as engine:
        handles = [await engine.start(sending, what) for what in ("a", "b")]
        await let_run()
        assert calls == [("a", 1), ("b", 1)]
        away[0] = False
        assert await engine.wake() == 0, "without retry it only looks"
        await let_run()
        assert len(calls) == 2
        assert await engine.wake(retry=True) == 2
        assert [await handle.result() for handle in handles] == ["a", "b"]
        assert calls[2:] == [("a", 2), ("b", 2)]
        assert await engine.storage.scan("timer/") == [], "the timers of the waits are gone"


async def test_hurrying_again_and_again_does_not_use_up_the_attempts() -> None:
    async with TestEngine(workflows=ALL) as engine:
        await engine.start(sending, "a")
        await let_run()
        hurried = [await engine.wake(retry=True) for _ in range(50)]
        await let_run()
        assert sum(hurried) == 1
        assert calls == [("a", 1), ("a", 2)]
        await pass_time(engine, 2)
        assert await engine.wake(retry=True) == 1


async def test_no_timer_is_early_and_a_wait_that_the_activity_asked_for_is_kept() -> None:
    """G10."""
    async with TestEngine(workflows=ALL) as engine:
        await engine.start(waits_as_told)
        slept = await engine.start(sleeper)
        await let_run()
        assert await engine.wake(retry=True) == 0
        await let_run()
        assert calls == [("limited", 1)]
        assert (await slept.describe())["status"] == "running"


async def test_a_suspended_run_is_not_hurried_and_other_wake_ups_find_what_was_left() -> None:
    async with TestEngine(workflows=ALL) as engine:
        run = await engine.start(sending, "a")
        await let_run()
        await engine.suspend(run.id)
        await engine.wake(retry=True)
        await let_run()
        assert calls == [("a", 1)]

        waiting = await engine.start(signalled)
        assert engine._host is not None
        await leave_signal(engine.storage, engine._host.ids, waiting.id, "go", {"by": "a service worker"})
        await let_run()
        assert (await waiting.describe())["status"] == "running", "a store of one process is not watched"
        await engine.wake()
        assert await waiting.result() == {"by": "a service worker"}


async def test_a_hurried_attempt_survives_every_crash() -> None:
    async with TestEngine(workflows=ALL) as engine:
        run = await engine.start(sending, "a")
        await let_run()
        await engine.crash_and_recover()
        away[0] = False
        assert await engine.wake(retry=True) == 1, "what is stored says which timers are retries"
        assert await engine.get_handle(run.id).result() == "a"


async def test_draining_waits_for_what_is_in_flight_records_it_and_begins_nothing_new() -> None:
    storage = None
    async with TestEngine(workflows=ALL) as engine:
        gate[:] = [asyncio.Event()]
        run = await engine.start(two_steps)
        await let_run()
        draining = asyncio.ensure_future(engine.drain("10s"))
        await let_run()
        assert engine.status == "open", "calls are answered meanwhile"
        late = await engine.start(two_steps)
        gate[0].set()
        assert await draining == 0
        assert engine.status == "closed"
        assert calls == [("one", 1)]
        storage = engine.storage
    async with TestEngine(workflows=ALL, storage=storage, clock=engine.clock, ids=engine._host.ids) as engine:  # type: ignore[union-attr]
        assert await engine.get_handle(run.id).result() == ["one", "two"]
        assert await engine.get_handle(late.id).result() == ["one", "two"]
    assert sorted(calls) == [("one", 1), ("one", 1), ("two", 1), ("two", 1)], "each once, and each a first attempt"


async def test_draining_does_not_wait_for_ever() -> None:
    async with TestEngine(workflows=ALL) as engine:
        gate[:] = [asyncio.Event()]
        await engine.start(two_steps)
        await let_run()
        assert await engine.drain(0) == 1
        with pytest.raises(EngineClosedError):
            await engine.wake()
