"""How many runs of a workflow go on at once: they wait, are refused, or take the place of the oldest."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from tests.engine.invariants import Invariants
from weft_core import Concurrency, Context, signal, workflow
from weft_core.errors import (
    DefinitionError,
    InvalidInputError,
    RunCancelledError,
    RunFailedError,
    WorkflowConcurrencyLimitExceededError,
)
from weft_core.storage import MemoryStorage
from weft_core.testing import CrashingStorage, SimulatedCrash, TestEngine, VirtualClock

go = signal("go")


@workflow(concurrency=2)
async def two(ctx: Context, name: str = "") -> str:
    await ctx.wait_for_signal(go)
    return name


@workflow(concurrency=Concurrency(1, key="customer"))
async def one_each(ctx: Context, order: str, customer: str = "nobody") -> str:
    await ctx.wait_for_signal(go)
    return order


@workflow(concurrency=Concurrency(1, key=lambda order: order["customer"], on_limit="reject"))
async def strict(ctx: Context, order: dict[str, Any]) -> str:
    await ctx.wait_for_signal(go)
    return "done"


@workflow(concurrency=Concurrency(1, on_limit="cancel_oldest"))
async def newest(ctx: Context, name: str) -> str:
    try:
        await ctx.wait_for_signal(go)
        return name
    finally:
        await ctx.sleep(5)


@workflow(concurrency=1)
async def quick(ctx: Context, n: int) -> int:
    if n % 2:
        await ctx.sleep(1)
    return n


@workflow
async def parent(ctx: Context, names: list[str]) -> list[Any]:
    return await ctx.all([ctx.child(two, name, id=name) for name in names])


WORKFLOWS = [two, one_each, strict, newest, quick, parent]


def engine_on(storage: Any = None, **options: Any) -> TestEngine:
    return TestEngine(workflows=WORKFLOWS, storage=storage, **options)


async def statuses(engine: TestEngine, *ids: str) -> list[str]:
    await engine.settle()
    return [(await engine.describe(run_id))["status"] for run_id in ids]


# ------------------------------------------------------------------ queue


async def test_audit_40_no_more_runs_go_on_than_the_limit_and_the_next_begins_when_one_ends() -> None:
    """The original has no concurrency keys and no limit of runs."""
    async with engine_on() as engine:
        for name in "abcd":
            await engine.start(two, name, id=name)
        assert await statuses(engine, *"abcd") == ["running", "running", "pending", "pending"]
        assert (await engine.describe("c"))["waiting_for"][0]["kind"] == "start"
        await engine.signal("b", go)
        assert await statuses(engine, *"abcd") == ["running", "completed", "running", "pending"]
        await engine.cancel("a")
        assert await statuses(engine, *"abcd") == ["cancelled", "completed", "running", "running"]
        await engine.terminate("c")
        await engine.signal("d", go)
        assert await statuses(engine, *"abcd") == ["cancelled", "completed", "terminated", "completed"]
        assert not await engine.storage.scan("shared/"), "nothing is left of a limit that nobody meets"


async def test_a_key_has_a_limit_of_its_own() -> None:
    async with engine_on() as engine:
        await engine.start(one_each, "1", "a/b%", id="a1")
        await engine.start(one_each, "2", "a/b%", id="a2")
        await engine.start(one_each, "3", "b", id="b1")
        await engine.start(one_each, "4", id="n1")
        await engine.start(one_each, "5", "x" * 5_000, id="x1")
        assert await statuses(engine, "a1", "a2", "b1", "n1", "x1") == ["running", "pending", *["running"] * 3]
        await engine.signal("a1", go)
        assert await statuses(engine, "a2") == ["running"]


async def test_a_run_that_waits_can_be_signalled_suspended_and_cancelled() -> None:
    async with engine_on() as engine:
        for name in "abcd":
            await engine.start(two, name, id=name)
        await engine.signal("c", go)
        await engine.suspend("c")
        await engine.cancel("d")
        await engine.terminate("a")
        assert await statuses(engine, *"bcd") == ["running", "suspended", "cancelled"]
        await engine.resume("c")
        assert await engine.get_handle("c").result() == "c"


async def test_a_run_that_ends_in_its_first_turn_lets_the_next_in() -> None:
    async with engine_on() as engine:
        handles = [await engine.start(quick, n) for n in range(6)]
        for n, handle in enumerate(handles):
            assert await engine.run_to_end(handle) == n
        assert not await engine.storage.scan("shared/")


async def test_a_delayed_run_counts_when_its_time_has_come() -> None:
    async with engine_on() as engine:
        await engine.start(two, "late", id="late", delay=10)
        for name in "ab":
            await engine.start(two, name, id=name)
        assert await statuses(engine, "late", *"ab") == ["pending", "running", "running"]
        await engine.advance_time(10)
        assert await statuses(engine, "late") == ["pending"]
        await engine.signal("a", go)
        assert await statuses(engine, "late") == ["running"]


async def test_children_wait_as_well() -> None:
    async with engine_on() as engine:
        handle = await engine.start(parent, ["a", "b", "c"])
        assert await statuses(engine, *"abc") == ["running", "running", "pending"]
        for name in "abc":
            await engine.signal(name, go)
        assert await engine.run_to_end(handle) == ["a", "b", "c"]


async def test_batched_items_go_on_being_gathered_while_others_are_in_the_way() -> None:
    @workflow(concurrency=1)
    async def insert(ctx: Context, rows: list[int]) -> list[int]:
        await ctx.sleep(10)
        return rows

    async with TestEngine(workflows=[insert]) as engine:
        busy = await engine.start(insert, [])
        batch = await engine.start_batched(insert, 1, key="k", max_delay=1, max_items=3)
        await engine.advance_time(5)
        for n in (2, 3, 4):
            assert (await engine.start_batched(insert, n, key="k", max_delay=1, max_items=3)).id == batch.id
        assert await engine.run_to_end(busy) == []
        assert await engine.run_to_end(batch) == [1, 2, 3, 4]


# ------------------------------------------------------------------ reject, cancel the oldest


async def test_a_start_beyond_the_limit_is_refused_and_leaves_nothing() -> None:
    async with engine_on() as engine:
        await engine.start(strict, {"customer": "a"}, id="a1", idempotency_key="k1")
        before = await engine.storage.scan("")
        with pytest.raises(WorkflowConcurrencyLimitExceededError, match="'strict' with key 'a' has as many runs"):
            await engine.start(strict, {"customer": "a"}, id="a2", idempotency_key="k2")
        assert [row for row in await engine.storage.scan("") if row[0] != "meta/owner"] == [
            row for row in before if row[0] != "meta/owner"
        ]
        await engine.start(strict, {"customer": "b"}, id="b1")
        await engine.signal("a1", go)
        await engine.settle()
        assert (await engine.start(strict, {"customer": "a"}, id="a2", idempotency_key="k2")).id == "a2"


async def test_of_many_starts_at_once_only_as_many_as_may_are_accepted() -> None:
    import asyncio

    async with engine_on() as engine:
        calls = [engine.start(strict, {"customer": "a"}) for _ in range(10)]
        results = await asyncio.gather(*calls, return_exceptions=True)
        refused = [r for r in results if isinstance(r, WorkflowConcurrencyLimitExceededError)]
        assert len(refused) == 9


async def test_a_delayed_run_that_may_not_wait_fails_when_its_time_has_come() -> None:
    async with engine_on() as engine:
        late = await engine.start(strict, {"customer": "a"}, delay=10)
        await engine.start(strict, {"customer": "a"}, id="a1")
        await engine.advance_time(10)
        with pytest.raises(RunFailedError) as failed:
            await late.result()
        assert isinstance(failed.value.__cause__, WorkflowConcurrencyLimitExceededError)
        await engine.signal("a1", go)
        await engine.settle()
        assert not await engine.storage.scan("shared/")


async def test_the_newest_run_takes_the_place_of_the_oldest_once_that_has_cleaned_up() -> None:
    async with engine_on() as engine:
        for name in "abc":
            await engine.start(newest, name, id=name)
        assert await statuses(engine, *"abc") == ["running", "cancelled", "pending"], "b never began"
        await engine.advance_time(5)
        assert await statuses(engine, *"abc") == ["cancelled", "cancelled", "running"]
        await engine.signal("c", go)
        assert await engine.run_to_end(engine.get_handle("c")) == "c"
        with pytest.raises(RunCancelledError, match="a newer run of newest takes its place"):
            await engine.get_handle("a").result()


# ------------------------------------------------------------------ crashes, restarts, repairs


@pytest.mark.parametrize("flow", [two, newest])
async def test_whatever_write_crashes_everybody_gets_his_turn_and_never_too_many(flow: Any) -> None:
    limit = flow.concurrency.limit
    for mode in ("before", "after"):
        at, crashed = 0, True
        while crashed:
            at += 1
            rows, clock, invariants = MemoryStorage(), VirtualClock(), Invariants()
            engine = engine_on(CrashingStorage(rows.reopen(), at, mode), clock=clock)  # type: ignore[arg-type]
            crashed = False
            names = list("abcd")
            try:
                await engine.open()
                for name in names:
                    await engine.start(flow, name, id=name, on_conflict="return_existing")
                await engine.settle()
                for name in names[:2] if flow is two else ():
                    await engine.signal(name, go, signal_id="go")
                await engine.advance_time(20)
            except SimulatedCrash:
                crashed = True
            crashed = crashed or engine.status != "open"
            await engine.crash()
            for _ in range(30):
                invariants.check(rows.rows())
                async with engine_on(rows.reopen(), clock=clock) as engine:
                    for name in names:
                        await engine.start(flow, name, id=name, on_conflict="return_existing")
                    await engine.settle()
                    view = invariants.check(rows.rows())
                    going_on = [run for run, h in view.runs.items() if h["status"] == "running"]
                    assert len(going_on) <= limit
                    if not going_on:
                        break
                    if flow is two or "d" in going_on:
                        await engine.signal(going_on[-1], go, signal_id="go")
                    await engine.advance_time(5)
            ends = {run: view.runs[run]["status"] for run in names}
            assert "pending" not in ends.values(), (mode, at, ends)
            if flow is two:
                assert set(ends.values()) == {"completed"}, (mode, at, ends)
            assert not view.admissions, (mode, at)
        assert at > 8


async def test_limits_are_those_of_todays_code() -> None:
    @workflow(name="two", concurrency=4)
    async def four(ctx: Context, name: str = "") -> str:
        await ctx.wait_for_signal(go)
        return name

    rows, clock = MemoryStorage(), VirtualClock()
    async with engine_on(rows.reopen(), clock=clock) as engine:
        for name in "abc":
            await engine.start(two, name, id=name)
        assert await statuses(engine, *"abc") == ["running", "running", "pending"]
    async with TestEngine(workflows=[four], storage=rows.reopen(), clock=clock) as engine:
        await engine.start("two", "d", id="d")
        assert await statuses(engine, *"abcd") == ["running"] * 4


async def test_a_run_that_is_put_back_still_counts_once() -> None:
    rows = MemoryStorage()
    async with engine_on(rows.reopen(), retain_checkpoints=10) as engine:
        for name in "abc":
            await engine.start(two, name, id=name)
        await engine.signal("a", go)
        await engine.settle()
        await engine.suspend("c")
        await engine.rewind("c", (await engine.checkpoints("c"))[-1]["step"])
        Invariants().check(rows.rows())
        await engine.resume("c")
        await engine.start(two, "d", id="d")
        assert await statuses(engine, *"bcd") == ["running", "running", "pending"]
        await engine.signal("c", go)
        assert await statuses(engine, *"bcd") == ["running", "completed", "running"]
        Invariants().check(rows.rows())


# ------------------------------------------------------------------ what is refused


def test_a_declaration_that_cannot_be_is_refused() -> None:
    for nonsense in ({"limit": 0}, {"limit": True}, {"limit": 1, "on_limit": "wait"}, {"limit": 1, "key": 7}):
        with pytest.raises(DefinitionError):
            Concurrency(**nonsense)  # type: ignore[arg-type]
    with pytest.raises(DefinitionError, match="has no input 'client'"):

        @workflow(concurrency=Concurrency(1, key="client"))
        async def unknown(ctx: Context, customer: str) -> None: ...


async def test_a_key_that_cannot_be_is_refused_before_anything_is_written() -> None:
    async with engine_on() as engine:
        for order in ({}, {"customer": 1.5}):
            with pytest.raises(InvalidInputError, match="Concurrency"):
                await engine.start(strict, order)
        assert (await engine.list()).items == []


def test_names_of_limits_differ_where_keys_do() -> None:
    keys = ["a", "a/b", "a%2Fb", "a%b", "x" * 200, "x" * 201]
    names = [Concurrency(1, key="k").admission("w", inspect.signature(lambda ctx, k: None), (key,))[0] for key in keys]
    assert len(set(names)) == len(keys) and all("/" not in name and len(name) < 200 for name in names)
