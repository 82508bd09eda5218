"""Engines opened, closed, left and taken over at the worst moment: nothing waits for ever, nothing happens twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from weft_core import Context, Engine, RetryPolicy, activity, codec, workflow
from weft_core.errors import (
    EngineClosedError,
    EngineFencedError,
    IdempotencyKeyConflictError,
    RunExistsError,
    StorageUnavailableError,
    WeftError,
)
from weft_core.machine.sealed import seal_plain
from weft_core.model import keys
from weft_core.model.limits import Limits
from weft_core.ports import Condition, Op
from weft_core.storage import MemoryStorage
from weft_core.testing import FailingStorage, TestEngine, VirtualClock

calls: list[int] = []
gate: asyncio.Event


@pytest.fixture(autouse=True)
def _clean() -> None:
    calls.clear()


class SlowStorage(MemoryStorage):
    """Every commit takes a few turns of the event loop, every read one."""

    async def conditional_batch(self, conditions: Sequence[Condition], ops: Sequence[Op]) -> bool:
        for _ in range(5):
            await asyncio.sleep(0)
        return await super().conditional_batch(conditions, ops)

    async def has(self, key: str) -> bool:
        await asyncio.sleep(0)
        return await super().has(key)


@activity(retry=RetryPolicy(max_attempts=1))
async def count(n: int) -> int:
    calls.append(n)
    return n + 1


@activity(retry=RetryPolicy(max_attempts=2, initial_interval=1, jitter=0))
async def at_the_gate() -> str:
    calls.append(1)
    await gate.wait()
    return "through"


@workflow
async def endless(ctx: Context) -> None:
    n = 0
    while True:
        n = await ctx.run(count, n)


@workflow
async def gated(ctx: Context) -> str:
    result: str = await ctx.run(at_the_gate)
    return result


@workflow
async def listen(ctx: Context, *names: str) -> list[Any]:
    return [await ctx.wait_for_signal(name) for name in names]


@workflow
async def nap(ctx: Context, seconds: float) -> str:
    await ctx.sleep(seconds)
    return "rested"


ALL = [endless, gated, listen, nap]


async def test_closing_ends_while_a_run_never_rests() -> None:
    rows = MemoryStorage()
    async with TestEngine(workflows=ALL, storage=rows) as engine:
        await engine.start(endless, id="r")
        await asyncio.sleep(0.01)
        await asyncio.wait_for(engine.close(), 5)
    for _ in range(5):
        done = len(calls)
        async with TestEngine(workflows=ALL, storage=rows.reopen()) as engine:
            await asyncio.sleep(0.01)
            assert (await engine.describe("r"))["status"] == "running"
        assert len(calls) > done
    assert calls == list(range(len(calls)))  # no effect came twice, none was left out


async def test_a_start_that_meets_a_closing_engine_is_refused_and_does_not_wait() -> None:
    for pauses in range(8):
        engine = TestEngine(workflows=ALL, storage=SlowStorage())
        await engine.open()
        starting = asyncio.ensure_future(engine.start(nap, 1, id="r"))
        for _ in range(pauses):
            await asyncio.sleep(0)
        await engine.close()
        try:
            await asyncio.wait_for(starting, 2)
        except EngineClosedError:
            pass


@pytest.mark.parametrize("by", ["idempotency_key", "id"])
async def test_G6_a_start_whose_caller_gave_up_still_holds_its_name(by: str) -> None:
    for pauses in range(10):
        async with TestEngine(workflows=ALL, storage=SlowStorage()) as engine:
            first = asyncio.ensure_future(engine.start(listen, "a", **{by: "k"}))
            for _ in range(pauses):
                await asyncio.sleep(0)
            first.cancel()
            try:
                await engine.start(listen, "a", **{by: "k"})
            except RunExistsError:
                assert by == "id"
            await asyncio.gather(first, return_exceptions=True)
            await engine.settle()
            runs = (await engine.list()).items
            assert len(runs) == 1, pauses
            with pytest.raises(IdempotencyKeyConflictError if by == "idempotency_key" else RunExistsError):
                await engine.start(listen, "b", **{by: "k"})


async def test_G7_a_signal_whose_sender_gave_up_is_accepted_at_most_once() -> None:
    for pauses in range(10):
        async with TestEngine(workflows=ALL, storage=SlowStorage()) as engine:
            handle = await engine.start(listen, "a", "a")
            first = asyncio.ensure_future(handle.signal("a", 1, signal_id="s"))
            for _ in range(pauses):
                await asyncio.sleep(0)
            first.cancel()
            await handle.signal("a", 1, signal_id="s")
            await asyncio.gather(first, return_exceptions=True)
            await engine.settle()
            received = [e for e in await handle.history() if e["type"] == "signal_received"]
            assert len(received) == 1, pauses


async def test_resuming_a_healthy_run_does_not_call_its_activity_again() -> None:
    global gate
    gate = asyncio.Event()
    async with TestEngine(workflows=ALL) as engine:
        handle = await engine.start(gated)
        await engine.resume(handle.id)
        await engine.recover_all()
        assert len(calls) == 1
        gate.set()
        assert await handle.result() == "through"


async def test_G12_a_message_that_comes_before_recovery_does_not_hide_the_attempt_that_was_lost() -> None:
    global gate
    gate = asyncio.Event()
    rows = MemoryStorage()
    engine = TestEngine(workflows=ALL, storage=rows)
    await engine.open()
    handle = await engine.start(gated)
    await engine.crash()
    again = TestEngine(workflows=ALL, storage=rows.reopen())
    again._recover = False
    await again.open()
    with pytest.raises(WeftError):
        await again.query(handle.id, "anything")
    await again.recover_all()
    gate.set()
    assert await asyncio.wait_for(again.get_handle(handle.id).result(), 5) == "through"
    assert len(calls) == 2
    await again.close()


async def test_a_thousand_timers_at_one_instant_fire_once_each_however_small_the_batches() -> None:
    async with TestEngine(workflows=ALL, limits=Limits(max_batch_turns=2, max_live_runs=1)) as engine:
        for i in range(600):
            await engine.start(nap, 5, id=f"r{i}")
        before = engine.diagnostics()["commits"]
        await engine.advance_time(6)
        assert engine.diagnostics()["commits"] - before <= 600
        assert {r["status"] for r in (await engine.list(limit=1000)).items} == {"completed"}


@pytest.mark.parametrize("key", ["timer/zzz", "timer/000000000001/x", "timer/1/x/0.1", "timer/000000000001/x/a.b"])
async def test_G18_a_damaged_timer_key_is_removed_and_timers_go_on(key: str) -> None:
    rows = MemoryStorage()
    await rows.put(key, b"")
    async with TestEngine(workflows=ALL, storage=rows) as engine:
        handle = await engine.start(nap, 5)
        await engine.advance_time(6)
        assert await handle.result() == "rested"
        assert not await rows.has(key)


class JumpingClock(VirtualClock):
    """Goes back by an hour right after a timer has rung: between finding the timer and asking again."""

    asked = 0
    back_at: int | None = None

    def now_ms(self) -> int:
        self.asked += 1
        now = super().now_ms()
        return now - 3_600_000 if self.asked == self.back_at else now


async def test_G10_a_timer_met_by_a_clock_that_jumps_back_fires_later() -> None:
    clock = JumpingClock()
    async with TestEngine(workflows=ALL, clock=clock) as engine:
        handle = await engine.start(nap, 5)
        await engine.settle()
        clock.advance_to(clock.now_ms() + 6_000)
        clock.back_at = clock.asked + 2
        await engine.settle()
        assert clock.asked >= clock.back_at
        assert (await handle.describe())["status"] == "running"
        await engine.advance_time(1)
        assert await asyncio.wait_for(handle.result(), 2) == "rested"


@pytest.mark.parametrize("end", ["close", "fence", "degrade"])
async def test_who_waits_for_a_run_is_told_when_its_engine_stops(end: str) -> None:
    rows = FailingStorage(MemoryStorage())
    engine = TestEngine(workflows=ALL, storage=rows)
    await engine.open()
    handle = await engine.start(listen, "a")

    async def read() -> list[str]:
        return [e["type"] async for e in handle.tail()]

    waiting = [asyncio.ensure_future(read()), asyncio.ensure_future(handle.result())]
    await engine.settle()
    if end == "close":
        await engine.close()
    elif end == "fence":
        other = TestEngine(workflows=ALL, storage=rows)
        await other.open()
        with pytest.raises(EngineFencedError):
            await handle.signal("a", 1)
    else:
        rows.fail_next_writes(100)
        with pytest.raises(WeftError):
            await handle.signal("a", 1)
    ends = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 2)
    assert all(isinstance(e, WeftError) for e in ends), ends
    for late in (handle.result(), read()):
        with pytest.raises(WeftError):
            await asyncio.wait_for(late, 2)
    await engine.close()
    if end == "fence":
        await other.close()


async def test_asking_for_results_again_and_again_keeps_nothing() -> None:
    async with TestEngine(workflows=ALL) as engine:
        done = await engine.start(nap, 1)
        await engine.advance_time(2)
        parked = await engine.start(nap, 1000)
        for _ in range(10):
            await done.result()
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(parked.result(), 0.001)
        assert not engine.events._waiters


async def test_an_engine_that_cannot_open_leaves_nothing_running() -> None:
    broken = _FailsAtScan()
    with pytest.raises(StorageUnavailableError):
        async with _Hasty(storage=broken, workflows=ALL):
            raise AssertionError
    assert broken._closed
    assert [t.get_name() for t in asyncio.all_tasks() if t.get_name().startswith("weft")] == []


class _Hasty(Engine):
    retry_delays_s = (0.0,) * 5


class _FailsAtScan(MemoryStorage):
    async def scan(self, prefix: str, **bounds: Any) -> Any:
        raise StorageUnavailableError(store="broken", reason="simulated")


async def test_all_that_others_left_is_taken_up_whatever_lies_between() -> None:
    rows = MemoryStorage()
    async with TestEngine(workflows=ALL, storage=rows) as engine:
        await engine.start(listen, *["a"] * 600, id="r")
    for i in range(600):
        key = keys.inbox(f"{i:06}")
        await rows.reopen().put(key, seal_plain(key, ["signal", "r", "a", codec.dumps(None), None]))
    for i, junk in enumerate(([], ["what"], ["cancel", ["x"], None], ["signal", "r", 5, b""], ["signal", "r", "a", 7])):
        key = keys.inbox(f"0000001-{i}")
        await rows.reopen().put(key, seal_plain(key, junk))
    await rows.reopen().put(keys.inbox("00"), b"junk")
    long = keys.inbox("01")
    await rows.reopen().put(long, seal_plain(long, ["signal", "r" * 2000, "a", b"", None]))
    async with TestEngine(workflows=ALL, storage=rows.reopen()) as engine:
        await engine.settle()
        assert (await engine.describe("r"))["status"] == "completed"
        assert await rows.reopen().scan(keys.INBOX) == []


@workflow
async def compute_then_nap(ctx: Context) -> str:
    slow_clock.advance_to(slow_clock.now_ms() + 60_000)  # the body takes a minute
    await ctx.sleep(5)
    return "rested"


slow_clock: VirtualClock


async def test_G10_a_sleep_begins_when_it_is_called_and_not_when_its_turn_began() -> None:
    global slow_clock
    slow_clock = VirtualClock()
    began = slow_clock.now_ms()
    async with TestEngine(workflows=[compute_then_nap], clock=slow_clock) as engine:
        handle = await engine.start(compute_then_nap)
        await engine.advance_time(4)
        assert (await handle.describe())["waiting_for"][0]["deadline"] == began + 65_000
        await engine.advance_time(1)
        assert await handle.result() == "rested"
