"""Durable state: exactly once over crashes (G5, case one), and versions that no stale writer can pass."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from tests.engine.invariants import Invariants
from weft_core import Context, StateValue, durable, workflow
from weft_core.client import Dispatcher
from weft_core.errors import (
    AtomicStateConflictError,
    LimitExceededError,
    OperationMisuseError,
    PayloadTooLargeError,
    RunFailedError,
    RunFinishedError,
    RunNotFoundError,
)
from weft_core.model.events import StateChanged
from weft_core.model.limits import Limits
from weft_core.storage import MemoryStorage
from weft_core.testing import TestEngine, assert_survives_every_crash

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "state.md"


def rows_of(engine: TestEngine) -> dict[str, bytes]:
    assert isinstance(engine.storage, MemoryStorage)
    return engine.storage.rows()


@durable
async def every_verb(ctx: Context, scope: str) -> list[Any]:
    value = getattr(ctx.state, scope)("value")
    seen: list[Any] = [await value.get("none"), await value.set({"n": 1})]
    await ctx.sleep(1)
    seen.append(await value.update(lambda v: {**v, "m": 2}))
    seen.append(await value.compare_and_swap({"n": 1}, "lost"))
    seen.append(await value.compare_and_swap({"n": 1, "m": 2}, 40))
    seen.append(await value.increment(2))
    read = await value.read()
    await ctx.sleep(1)
    seen += [read.value, read.version, await value.delete(), await value.delete()]
    seen.append(await value.compare_and_swap(read, "stale"))
    seen += [await value.append("a"), await value.append("b"), await value.get()]
    return seen


SEEN = ["none", 1, {"n": 1, "m": 2}, False, True, 42, 42, 4, True, False, False, 6, 7, ["a", "b"]]


@workflow
async def verbs(ctx: Context, scope: str) -> list[Any]:
    return await every_verb(ctx, scope)


@workflow
async def counting(ctx: Context, times: int, hours: float = 0) -> int:
    mine = ctx.state.execution("mine")
    total = 0
    for _ in range(times):
        total = await ctx.state.workflow("total").increment()
        await mine.update(lambda n: n + 1, initial=0)
        if hours:
            await ctx.sleep(hours * 3600)
    return total


@pytest.mark.parametrize("scope", ["execution", "workflow", "store"])
async def test_every_verb_in_every_scope(scope: str) -> None:
    async with TestEngine(workflows=[verbs]) as engine:
        handle = await engine.start(verbs, scope, id="r")
        await engine.crash_and_recover()
        await engine.advance_time(1)
        await engine.crash_and_recover()
        await engine.advance_time(1)
        assert await handle.result() == SEEN
        place = {
            "execution": engine.state.execution("r", "value"),
            "workflow": engine.state.workflow(verbs, "value"),
            "store": engine.state.store("value"),
        }[scope]
        assert await place.read() == StateValue(["a", "b"], 7, True)
        Invariants().check(rows_of(engine))
        await engine.crash_and_recover()
        assert await place.get() == ["a", "b"], "the same when it is read from the store"


@pytest.mark.parametrize("scope", ["execution", "workflow"])
async def test_G5_a_crash_at_every_write_changes_no_value_twice(scope: str) -> None:
    report = await assert_survives_every_crash(verbs, scope, check=lambda result: result == SEEN or pytest.fail(result))
    assert report.result == SEEN
    assert report.writes > 4


async def test_G5_increments_of_many_runs_are_counted_once_each_over_crashes() -> None:
    async with TestEngine(workflows=[counting]) as engine:
        handles = [await engine.start(counting, 5, 1) for _ in range(10)]
        for _ in range(5):
            await engine.crash_and_recover()
            await engine.advance_time("1 hour")
        assert sorted([await h.result() for h in handles])[-1] == 50
        assert await engine.state.workflow("counting", "total").read() == StateValue(50, 50, True)
        assert [await engine.state.execution(h.id, "mine").get() for h in handles] == [5] * 10
        Invariants().check(rows_of(engine))


async def test_an_own_value_costs_no_commit_of_its_own() -> None:
    @workflow(name="thrifty")
    async def thrifty(ctx: Context, keep: bool) -> None:
        if keep:
            for i in range(10):
                await ctx.state.execution(f"k{i}").set(i)
        await ctx.sleep(1)

    async with TestEngine(workflows=[thrifty]) as engine:
        commits = []
        for keep in (False, True):
            before = engine.diagnostics()["commits"]
            await engine.start(thrifty, keep)
            await engine.settle()
            commits.append(engine.diagnostics()["commits"] - before)
        assert commits[0] == commits[1]


async def test_updates_of_many_runs_at_once_conflict_and_all_take_effect() -> None:
    @workflow(name="crowd")
    async def crowd(ctx: Context, name: str) -> None:
        await ctx.state.workflow("names").update(lambda names: [*names, name], initial=[])

    async with TestEngine(workflows=[crowd]) as engine:
        handles = await asyncio.gather(*(engine.start(crowd, f"n{i}") for i in range(20)))
        for handle in handles:
            await handle.result()
        assert sorted(await engine.state.workflow("crowd", "names").get()) == sorted(f"n{i}" for i in range(20))
        conflicts = [e for h in handles for e in await h.history() if e["type"] == "state_conflict"]
        assert conflicts, "they met"
        assert conflicts[0]["attempt"] == 1


async def test_a_run_that_is_overtaken_too_often_is_told_and_the_value_is_as_others_left_it() -> None:
    @workflow(name="hasty")
    async def hasty(ctx: Context) -> str:
        try:
            await ctx.state.store("v").update(lambda n: n + 1, initial=0, attempts=1)
        except AtomicStateConflictError as error:
            return f"overtaken {error.facts['attempts']} time"
        return "first"

    async with TestEngine(workflows=[hasty]) as engine:
        handles = await asyncio.gather(*(engine.start(hasty) for _ in range(5)))
        results = [await handle.result() for handle in handles]
        assert results.count("overtaken 1 time") == 5 - await engine.state.store("v").get()
        assert "overtaken 1 time" in results and "first" in results


async def test_an_error_in_the_function_of_an_update_is_raised_where_it_is_awaited_and_changes_nothing() -> None:
    @workflow(name="wrong")
    async def wrong(ctx: Context) -> list[str]:
        caught = []
        for value in (ctx.state.execution("v"), ctx.state.workflow("v")):
            await value.set(0)
            try:
                await value.update(lambda v: 1 / v)
            except ZeroDivisionError as error:
                caught.append(str(error))
            for bad in (value.update(lambda v: ctx.sleep(1)), value.append(1), value.increment("x")):
                try:
                    await bad
                except OperationMisuseError as error:
                    caught.append(error.facts["operation"])
            assert await value.get() == 0
        return caught

    async with TestEngine(workflows=[wrong]) as engine:
        expected = ["division by zero", "update of a state value", "append", "increment"]
        assert await (await engine.start(wrong)).result() == expected * 2


async def test_G19_keys_and_sizes_are_refused_before_anything_is_written() -> None:
    @workflow(name="greedy")
    async def greedy(ctx: Context) -> list[str]:
        caught = []
        state = ctx.state
        for op in (
            state.execution("a/b").set(1), state.workflow("").set(1), state.store("\0").get(),
            state.store("k" * 257).get(), state.execution("big").set(b"x" * 2000),
            state.workflow("big").set(b"x" * 2000),
        ):  # fmt: skip
            try:
                await op
            except (OperationMisuseError, PayloadTooLargeError) as error:
                caught.append(type(error).__name__)
        for i in range(3):
            await state.execution(f"k{i}").set(b"x" * 500)
        try:
            await state.execution("k3").set(b"x" * 600)
        except LimitExceededError as error:
            caught.append(error.facts["what"])
        await state.execution("k3").set(1)
        try:
            await state.execution("k4").set(1)
        except LimitExceededError as error:
            caught.append(error.facts["what"])
        return caught

    limits = Limits(max_payload_bytes=1000, max_state_keys=4, max_state_bytes=2000)
    async with TestEngine(workflows=[greedy], limits=limits) as engine:
        handle = await engine.start(greedy, id="g")
        await engine.settle()
        assert await handle.result() == [
            *["OperationMisuseError"] * 4, *["PayloadTooLargeError"] * 2, "the state of run g in bytes",
            "the state keys of run g",
        ]  # fmt: skip
        kept = sorted(k for k in rows_of(engine) if k.startswith(("state/", "shared/")))
        assert kept == [f"state/g/k{i}" for i in range(4)]


async def test_no_two_places_share_a_name_whatever_signs_are_in_it() -> None:
    """The original's keys were joined by colons, which names may contain (its audit, 09)."""
    async with TestEngine() as engine:
        await engine.state.workflow("a:b", "c").set(1)
        await engine.state.workflow("a", "b:c").set(2)
        await engine.state.store("a:b:c").set(3)
        assert await engine.state.workflow("a:b", "c").get() == 1
        assert await engine.state.workflow("a", "b:c").get() == 2
        assert await engine.state.workflow("", "x").get() is None


# ------------------------------------------------------------------ from outside


@workflow
async def parked(ctx: Context) -> Any:
    await ctx.state.execution("v").set("first")
    await ctx.sleep("1 day")
    return await ctx.state.execution("v").get()


async def test_the_value_of_a_run_is_changed_from_outside_and_kept_after_its_end() -> None:
    async with TestEngine(workflows=[parked]) as engine:
        handle = await engine.start(parked, id="p")
        value = engine.state.execution("p", "v")
        heard: list[StateChanged] = []
        stop = value.subscribe(heard.append)
        assert await value.get() == "first"
        assert await value.compare_and_swap("other", "x") is False
        read = await value.read()
        assert await value.update(lambda v: v + " second") == "first second"
        assert await value.compare_and_swap(read, "stale") is False
        await engine.state.execution("p", "other").set(1)
        await engine.crash_and_recover()
        assert await value.set("third") == 3
        stop()
        with pytest.raises(OperationMisuseError):
            await value.increment()
        await engine.advance_time("1 day")
        assert await handle.result() == "third"
        assert [(e.version, e.run_id, e.deleted) for e in heard] == [(2, "p", False), (3, "p", False)]
        assert await value.read() == StateValue("third", 3, True)
        with pytest.raises(RunFinishedError):
            await value.set("late")
        with pytest.raises(RunNotFoundError):
            await engine.state.execution("nobody", "v").get()
        Invariants().check(rows_of(engine))
        await engine.purge("p")
        assert not [k for k in rows_of(engine) if k.startswith("state/")]


async def test_a_run_that_takes_over_an_id_does_not_find_the_values_of_the_one_before() -> None:
    async with TestEngine(workflows=[parked]) as engine:
        await engine.start(parked, id="p")
        await engine.state.execution("p", "left").set(1)
        await engine.advance_time("1 day")
        await engine.start(parked, id="p", on_conflict="restart")
        assert await engine.state.execution("p", "left").read() == StateValue(None, 0, False)
        assert await engine.state.execution("p", "v").read() == StateValue("first", 1, True)
        Invariants(purges=True).check(rows_of(engine))


async def test_a_fork_has_its_own_values_and_a_rewind_takes_none_back() -> None:
    @workflow(name="twice", retain_checkpoints=10)
    async def twice(ctx: Context) -> list[Any]:
        value = ctx.state.execution("v")
        await value.append("a")
        await ctx.sleep(1)
        await value.append("b")
        total = await ctx.state.store("total").increment()
        await ctx.sleep(1)
        return [await value.get(), total]

    async with TestEngine(workflows=[twice]) as engine:
        await engine.start(twice, id="r")
        await engine.advance_time(1)
        fork = await engine.fork("r", at=1, id="f")
        await engine.advance_time(1)
        assert await engine.get_handle("r").result() == [["a", "b"], 1]
        await engine.crash_and_recover()
        await engine.advance_time(1)
        assert await fork.result() == [["a", "b", "b"], 2]
        assert await engine.state.execution("r", "v").get() == ["a", "b"]
        await engine.start(twice, id="w")
        await engine.advance_time(1)
        await engine.suspend("w")
        await engine.rewind("w", 1)
        await engine.crash_and_recover()
        await engine.resume("w")
        await engine.advance_time(3)
        assert await engine.get_handle("w").result() == [["a", "b", "b"], 4]
        Invariants().check(rows_of(engine))


async def test_shared_values_are_told_to_listeners_once_each() -> None:
    async with TestEngine(workflows=[counting]) as engine:
        heard: list[StateChanged] = []
        total = engine.state.workflow(counting, "total")
        total.subscribe(heard.append)
        await (await engine.start(counting, 2)).result()
        await engine.state.store("total").set(1)
        await total.delete()
        await total.delete()
        assert [(e.version, e.deleted, e.scope, e.workflow) for e in heard] == [
            (1, False, "workflow", "counting"), (2, False, "workflow", "counting"), (3, True, "workflow", "counting"),
        ]  # fmt: skip


async def test_over_the_wire() -> None:
    async with TestEngine(workflows=[parked]) as engine:
        await engine.start(parked, id="p")
        call = Dispatcher(engine).call
        assert '"value": "first", "version": 1' in await call("state_get", '{"id": "p", "key": "v"}')
        assert '"set": true, "version": 2' in await call("state_set", '{"id": "p", "key": "v", "value": [1]}')
        stale = '{"id": "p", "key": "v", "value": 2, "version": 1}'
        assert '"set": false, "version": 2' in await call("state_set", stale)
        fresh = '{"workflow": "w", "key": "v", "value": 2, "version": 0}'
        assert '"set": true, "version": 1' in await call("state_set", fresh)
        assert '"exists": false' in await call("state_get", '{"key": "v"}')


async def test_a_cancelled_run_lets_go_of_the_value_it_asks_for() -> None:
    @workflow(name="racer")
    async def racer(ctx: Context) -> list[Any]:
        first = await ctx.race({"state": ctx.state.store("n").increment(), "time": ctx.sleep(0)})
        return [first[0], await ctx.state.store("n").get()]

    async with TestEngine(workflows=[racer]) as engine:
        handle = await engine.start(racer)
        await engine.settle()
        assert await handle.result() in (["time", 1], ["state", 1]), "the request was on its way: it counts, once"
        Invariants().check(rows_of(engine))


# ------------------------------------------------------------------ session


async def test_session_state_is_one_object_for_helpers_handlers_and_queries_over_crashes() -> None:
    """The original's session state failed in workers (its audit, 26): it lived beside the checkpoint's results."""

    @durable
    async def note(ctx: Context, item: str) -> None:
        ctx.state.session("items").get().append(item)
        await ctx.sleep(1)

    @workflow(name="noting")
    async def noting(ctx: Context) -> Any:
        items: list[str] = []
        state = ctx.state
        held = state.session("items")
        held.set(items)
        ctx.on_update("add", lambda item: held.update(lambda all: all + [item]) and len(held.get()))
        ctx.on_query("items", lambda: ctx.state.session("items").get())
        await note(ctx, "helper")
        assert held.get() is items, "the same object as the local variable, also after a crash"
        held.set(items)
        await ctx.wait_until(lambda: len(held.get()) == 3)
        branch = await ctx.all([note(ctx, "branch")])
        assert branch == [None]
        found = held.get()
        assert state.session("gone").delete() is False
        return found

    async with TestEngine(workflows=[noting]) as engine:
        handle = await engine.start(noting)
        await engine.crash_and_recover()
        await engine.advance_time(1)
        assert await engine.update(handle.id, "add", "one") == 2
        await engine.crash_and_recover()
        assert await engine.query(handle.id, "items") == ["helper", "one"]
        assert await engine.update(handle.id, "add", "two") == 3
        await engine.crash_and_recover()
        await engine.advance_time(1)
        assert await handle.result() == ["helper", "one", "two", "branch"]
        assert await engine.query(handle.id, "items") == ["helper", "one", "two", "branch"]
        await engine.crash_and_recover()
        assert await engine.query(handle.id, "items") == ["helper", "one", "two", "branch"]


async def test_the_page_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    from weft_core import load_source

    page = load_source("page_state", blocks[0])
    async with TestEngine(workflows=[page.order]) as engine:
        handle = await engine.start(page.order, 5)
        assert await handle.result() == 1
        names = {"engine": engine, "run_id": handle.id}
        body = "\n".join("    " + line for line in blocks[1].splitlines())
        scope: dict[str, Any] = {}
        exec(f"async def page(engine, run_id):\n{body}\n    return await total.get()", scope)
        assert await scope["page"](**names) == 1
        assert await engine.state.execution(handle.id, "progress").get() == {"amount": 5, "stage": "numbered"}


async def test_a_failed_run_says_why_its_state_could_not_be_written() -> None:
    @workflow(name="unfit")
    async def unfit(ctx: Context) -> None:
        await ctx.state.execution("fn").set(lambda: 1)

    async with TestEngine(workflows=[unfit]) as engine:
        with pytest.raises(RunFailedError):
            await (await engine.start(unfit)).result()
