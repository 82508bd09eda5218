"""Debounced and batched starts: each call that was accepted is in exactly one run, whatever crashes."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from tests.engine.invariants import Invariants
from weft_core import Context, workflow
from weft_core.client import Dispatcher
from weft_core.errors import InvalidInputError, LimitExceededError, PayloadTooLargeError, WorkflowNotRegisteredError
from weft_core.model.limits import Limits
from weft_core.storage import MemoryStorage
from weft_core.testing import CrashingStorage, SimulatedCrash, TestEngine, VirtualClock


@workflow
async def index(ctx: Context, page: str, revision: int = 0) -> list[Any]:
    await ctx.sleep(1)
    return [page, revision]


@workflow
async def insert(ctx: Context, rows: list[Any]) -> list[Any]:
    rows.append("end")
    await ctx.sleep(1)
    return rows


def engine_on(storage: Any = None, **options: Any) -> TestEngine:
    return TestEngine(workflows=[index, insert], storage=storage, **options)


async def ids(engine: TestEngine) -> list[str]:
    return sorted(run["id"] for run in (await engine.list(limit=1000)).items)


# ------------------------------------------------------------------ debounce


async def test_calls_within_the_delay_become_one_run_with_the_last_input() -> None:
    async with engine_on() as engine:
        first = await engine.start_debounced(index, "a", 1, key="a", delay="30 s")
        await engine.advance_time(29)
        second = await engine.start_debounced(index, "a", 2, key="a", delay="30 s")
        other = await engine.start_debounced(index, "b", key="b", delay="30 s")
        assert first.id == second.id != other.id
        info = await first.describe()
        assert (info["status"], info["input"]) == ("pending", ["a", 2])
        await engine.advance_time(29)
        assert (await first.describe())["status"] == "pending"
        await engine.advance_time(1)
        assert (await first.describe())["status"] == "running"
        third = await engine.start_debounced(index, "a", 3, key="a", delay="30 s")
        assert third.id != first.id, "it has begun, so this is the first call for the next one"
        assert await engine.run_to_end(first) == ["a", 2]
        assert await engine.run_to_end(third) == ["a", 3]
        assert await engine.run_to_end(other) == ["b", 0]
        assert len(await ids(engine)) == 3 and not await engine.storage.scan("forming/")


async def test_calls_that_never_stop_wait_no_longer_than_max_delay() -> None:
    async with engine_on() as engine:
        born = engine.clock.now_ms()
        seen = set()
        for n in range(10):
            handle = await engine.start_debounced(index, "a", n, key="a", delay=10, max_delay=25)
            seen.add(handle.id)
            await engine.advance_time(6)
        assert len(seen) == 2
        first = min(seen)
        began = [e["at"] for e in await engine.history(first) if e["type"] == "run_started"]
        assert began == [born + 25_000]
        assert await engine.get_handle(first).result() == ["a", 4]


async def test_a_run_that_is_cancelled_while_it_waits_takes_its_record_with_it() -> None:
    async with engine_on() as engine:
        for end in (engine.cancel, engine.terminate):
            handle = await engine.start_debounced(index, "a", key="a", delay=10)
            await end(handle.id)
            assert not await engine.storage.scan("forming/")
        after = await engine.start_debounced(index, "a", 7, key="a", delay=10)
        assert await engine.run_to_end(after) == ["a", 7]


async def test_a_suspended_run_begins_with_what_came_meanwhile() -> None:
    async with engine_on() as engine:
        handle = await engine.start_debounced(index, "a", 1, key="a", delay=10)
        await engine.suspend(handle.id)
        assert (await engine.start_debounced(index, "a", 2, key="a", delay=10)).id == handle.id
        await engine.advance_time(60)
        await engine.resume(handle.id)
        assert await engine.run_to_end(handle) == ["a", 2]


async def test_a_fork_of_a_run_that_waits_is_found_by_no_call() -> None:
    async with engine_on(retain_checkpoints=5) as engine:
        handle = await engine.start_debounced(index, "a", 1, key="a", delay=10)
        fork = await engine.fork(handle.id)
        assert (await engine.start_debounced(index, "a", 2, key="a", delay=10)).id == handle.id
        await engine.resume(fork.id)
        assert await engine.run_to_end(fork) == ["a", 1]
        assert await engine.run_to_end(handle) == ["a", 2]


async def test_the_newest_version_takes_the_last_input() -> None:
    @workflow(name="index", version="2")
    async def index2(ctx: Context, page: str, revision: int = 0, language: str = "") -> list[Any]:
        await ctx.sleep(1)
        return [page, language]

    rows, clock = MemoryStorage(), VirtualClock()
    engine = engine_on(rows.reopen(), clock=clock)
    await engine.open()
    handle = await engine.start_debounced(index, "a", 1, key="a", delay=10)
    await engine.close()
    async with TestEngine(workflows=[index, index2], storage=rows.reopen(), clock=clock) as engine:
        again = await engine.start_debounced("index", "a", 2, "de", key="a", delay=10)
        assert again.id == handle.id
        await engine.advance_time(10)
        await engine.crash_and_recover()
        assert await engine.run_to_end(engine.get_handle(handle.id)) == ["a", "de"]


# ------------------------------------------------------------------ batches


async def test_items_are_gathered_until_there_are_enough_or_the_first_has_waited_long_enough() -> None:
    async with engine_on() as engine:
        handles = [await engine.start_batched(insert, n, key="t", max_items=3, max_delay=5) for n in range(7)]
        assert [handles[i].id == handles[0].id for i in range(7)] == [True] * 3 + [False] * 4
        assert len({handle.id for handle in handles}) == 3
        assert (await handles[0].describe())["input"] == [[0, 1, 2]]
        assert (await handles[6].describe())["status"] == "pending"
        await engine.advance_time(5)
        assert (await handles[6].describe())["status"] == "running"
        for handle, items in ((handles[0], [0, 1, 2]), (handles[3], [3, 4, 5]), (handles[6], [6])):
            assert await engine.run_to_end(handle) == [*items, "end"]
        assert not await engine.storage.scan("forming/")


async def test_items_of_many_callers_at_once_are_committed_together() -> None:
    async with engine_on() as engine:
        calls = [engine.start_batched(insert, n, key="t", max_items=100) for n in range(250)]
        handles = await asyncio.gather(*calls)
        commits = engine.diagnostics()["commits"]
        assert commits < 20, "not one commit for each"
        await engine.advance_time(2)
        found = Counter()
        for run_id in {handle.id for handle in handles}:
            *items, _ = await engine.run_to_end(engine.get_handle(run_id))
            assert len(items) in (100, 50)
            found.update(items)
        assert found == Counter(range(250))


async def test_a_batch_that_has_no_room_for_the_next_item_begins() -> None:
    async with engine_on(limits=Limits(max_payload_bytes=4_000)) as engine:
        handles = [await engine.start_batched(insert, "x" * 1_500, key="t") for _ in range(5)]
        assert len({handle.id for handle in handles}) == 3
        with pytest.raises(PayloadTooLargeError):
            await engine.start_batched(insert, "x" * 5_000, key="t")
        for handle in handles:
            assert len(await engine.run_to_end(handle)) in (2, 3)


async def test_items_are_copies_and_survive_a_crash() -> None:
    rows, clock = MemoryStorage(), VirtualClock()
    async with engine_on(rows.reopen(), clock=clock) as engine:
        item = {"n": 1}
        handle = await engine.start_batched(insert, item, key="t")
        await engine.start_batched(insert, item, key="t")
        item["n"] = 2
        await engine.crash_and_recover()
        assert (await engine.start_batched(insert, {"n": 3}, key="t")).id == handle.id
        handle = engine.get_handle(handle.id)
        assert await engine.run_to_end(handle) == [{"n": 1}, {"n": 1}, {"n": 3}, "end"]


@pytest.mark.parametrize("verb", ["batched", "debounced"])
async def test_each_accepted_call_is_in_exactly_one_run_whatever_write_crashes(verb: str) -> None:
    for mode in ("before", "after"):
        at, crashed = 0, True
        while crashed:
            at += 1
            crashed = False
            rows, clock, invariants = MemoryStorage(), VirtualClock(), Invariants()
            accepted: list[int] = []
            engine = engine_on(CrashingStorage(rows.reopen(), at, mode), clock=clock)  # type: ignore[arg-type]
            n = 0
            try:
                await engine.open()
                while n < 5:
                    n += 1
                    if verb == "batched":
                        await engine.start_batched(insert, n, key="k", max_items=3, max_delay=10)
                    else:
                        await engine.start_debounced(index, "k", n, key="k", delay=3, max_delay=5)
                    accepted.append(n)
                    await engine.advance_time(2)
                await engine.advance_time(60)
            except SimulatedCrash:
                crashed = True
            crashed = crashed or engine.status != "open"
            await engine.crash()
            invariants.check(rows.rows())
            async with engine_on(rows.reopen(), clock=clock) as engine:
                for m in range(max(n, 1), 6):
                    if m in accepted:
                        continue
                    if verb == "batched":
                        await engine.start_batched(insert, m, key="k", max_items=3, max_delay=10)
                    else:
                        await engine.start_debounced(index, "k", m, key="k", delay=3, max_delay=5)
                    await engine.advance_time(2)
                await engine.advance_time(60)
                results = [await engine.get_handle(run_id).result() for run_id in await ids(engine)]
                assert not await rows.scan("forming/")
            invariants.check(rows.rows())
            if verb == "batched":
                found = Counter(item for *items, _ in results for item in items)
                assert all(found[m] == 1 for m in accepted), (mode, at, accepted, results)
                assert set(found) == {1, 2, 3, 4, 5} and found.total() <= 6, (mode, at, results)
            else:
                assert results and max(revision for _, revision in results) == 5
                assert len({revision for _, revision in results}) == len(results) <= 3, (mode, at, results)
        assert at > 8


# ------------------------------------------------------------------ what is refused


async def test_nonsense_is_refused_before_anything_is_written() -> None:
    async with engine_on() as engine:
        before = await engine.storage.scan("")
        for refused, call in [
            (InvalidInputError, engine.start_debounced(index, "a", 1, 2, key="a", delay=1)),
            (InvalidInputError, engine.start_debounced(index, "a", key="a/b", delay=1)),
            (InvalidInputError, engine.start_debounced(index, "a", key="a", delay="soon")),
            (LimitExceededError, engine.start_batched(insert, "a", key="a" * 300)),
            (InvalidInputError, engine.start_batched(insert, "a", key="a", max_items=0)),
            (WorkflowNotRegisteredError, engine.start_batched("nobody", "a", key="a")),
        ]:
            with pytest.raises(refused):
                await call
        assert await engine.storage.scan("") == before


async def test_over_the_wire() -> None:
    async with engine_on() as engine:
        wire = Dispatcher(engine)
        told = await wire.call("start_debounced", '{"workflow": "index", "input": ["a"], "key": "k", "delay": "1 s"}')
        assert '"status": "pending"' in told
        told = await wire.call("start_batched", '{"workflow": "insert", "item": 1, "key": "k", "max_items": 1}')
        assert '"status": "running"' in told
