"""Mutexes and semaphores: real wake-ups, order of arrival, fencing tokens; held over crashes, never for ever."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from tests.engine.invariants import Invariants
from weft_core import Context, workflow
from weft_core.errors import OperationMisuseError, RunExistsError, RunFailedError
from weft_core.storage import MemoryStorage
from weft_core.testing import CrashingStorage, SimulatedCrash, TestEngine, VirtualClock


@workflow
async def printing(ctx: Context, hours: float, permits: int = 1) -> list[Any]:
    async with ctx.semaphore("printer", permits) as token:
        begun = ctx.now()
        await ctx.sleep(hours * 3600)
    return [token, begun, ctx.now()]


def rows_of(engine: TestEngine) -> dict[str, bytes]:
    assert isinstance(engine.storage, MemoryStorage)
    return engine.storage.rows()


async def test_holders_follow_one_another_in_order_of_arrival_with_growing_tokens() -> None:
    async with TestEngine(workflows=[printing]) as engine:
        handles = [await engine.start(printing, 1, id=f"r{i}") for i in range(4)]
        await engine.advance_time("90 minutes")
        await engine.crash_and_recover()
        Invariants().check(rows_of(engine))
        await engine.advance_time("3 hours")
        results = [await handle.result() for handle in handles]
        assert [token for token, _, _ in results] == [1, 2, 3, 4]
        for (_, _, end), (_, begin, _) in zip(results, results[1:]):
            assert begin == end, "woken at once, not by polling"
        assert not any(k.startswith(("post/", "ask/", "timer/")) for k in rows_of(engine))


async def test_a_semaphore_lets_in_as_many_as_it_has_permits() -> None:
    async with TestEngine(workflows=[printing]) as engine:
        handles = [await engine.start(printing, 1, 2) for _ in range(5)]
        await engine.advance_time("150 minutes")
        assert [(await h.describe())["status"] for h in handles] == ["completed"] * 4 + ["running"]
        with pytest.raises(RunFailedError) as failed:
            await (await engine.start(printing, 1, 3)).result()
        assert isinstance(failed.value.__cause__, OperationMisuseError)


@pytest.mark.parametrize("how", ["cancel", "terminate"])
async def test_a_lock_is_let_go_however_its_holder_or_waiter_ends(how: str) -> None:
    async with TestEngine(workflows=[printing]) as engine:
        holder, waiter, last = [await engine.start(printing, 100) for _ in range(3)]
        await engine.settle()
        await getattr(waiter, how)()
        await engine.settle()
        Invariants().check(rows_of(engine))
        await getattr(holder, how)()
        await engine.settle()
        assert (await last.describe())["waiting_for"][0]["kind"] == "sleep"
        Invariants().check(rows_of(engine))


async def test_a_lock_can_be_taken_again_and_is_let_go_at_the_end_of_the_run() -> None:
    @workflow(name="branches")
    async def branches(ctx: Context) -> list[int]:
        lock = ctx.mutex("m")
        first = await lock.acquire()
        await lock.release(first)
        async with lock as second:
            pass
        got = await ctx.race({"lock": ctx.mutex("other").acquire(), "time": ctx.sleep(1)})
        return [first, second, got[1]]

    async with TestEngine(workflows=[branches]) as engine:
        assert await (await engine.start(branches)).result() == [1, 2, 1]
        await engine.settle()  # what it held is on its way back
        view = Invariants().check(rows_of(engine))
        assert all(not holders for _, _, holders, _ in view.locks.values()), "let go at the end of the run"


@pytest.mark.parametrize("mode", ["before", "after"])
async def test_a_crash_at_every_write_gives_the_lock_to_one_after_the_other(mode: Literal["before", "after"]) -> None:
    crash_at, most = 0, 1
    while crash_at <= most:
        rows, clock, crashed, checker = MemoryStorage(), VirtualClock(), False, Invariants()
        while True:
            storage = CrashingStorage(rows.reopen(), None if crashed or not crash_at else crash_at, mode)
            engine = TestEngine(workflows=[printing], storage=storage, clock=clock)
            try:
                await engine.open()
                for i in range(2):
                    try:
                        await engine.start(printing, 1, id=f"r{i}")
                    except RunExistsError:
                        pass
                    await engine.settle()
                await engine.advance_time("5 hours")
                if engine.status != "open":
                    assert engine.trouble is not None
                    raise engine.trouble
                first, second = [await engine.get_handle(f"r{i}").result() for i in range(2)]
                break
            except SimulatedCrash:
                crashed = True
            finally:
                await engine.crash()
            checker.check(rows.rows())
        most = max(most, 0 if crashed else storage.writes)
        assert first[0] < second[0] and first[2] <= second[1]
        view = checker.check(rows.rows())
        assert view.locks["shared/lock/printer"][2:] == [[], []]
        crash_at += 1
    assert most > 10
