"""``ctx.wait_until``: conditions on the workflow's own state, looked at after every message that it handles."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.invariants import Invariants
from weft_core import Context, activity, durable, signal, workflow
from weft_core.errors import RunCancelledError, RunFailedError, WaitTimeoutError
from weft_core.storage import MemoryStorage
from weft_core.testing import TestEngine, assert_survives_every_crash

item = signal("item")
looks: list[int] = []


@activity
def tick(n: int) -> int:
    return n


@durable
async def work(ctx: Context, done: list[str], name: str, minutes: int) -> str:
    await ctx.sleep(minutes * 60)
    done.append(name)
    await ctx.run(tick, minutes)
    return name


@durable
async def watch(ctx: Context, done: list[str], many: int) -> list[str]:
    await ctx.wait_until(lambda: len(done) >= many)
    return list(done)


@workflow
async def branches(ctx: Context, many: int) -> Any:
    """The progress of other branches meets conditions."""
    done: list[str] = []
    names = ("a", "b", "c")
    jobs = [work(ctx, done, name, i + 1) for i, name in enumerate(names)]
    return await ctx.all([*jobs, watch(ctx, done, many - 1), watch(ctx, done, many)])


@workflow
async def basket(ctx: Context, many: int) -> dict[str, Any]:
    items: list[str] = []

    def enough() -> bool:
        looks.append(len(items))
        return len(items) >= many

    ctx.on_signal(item, items.append)
    ctx.on_query("items", lambda: items)
    try:
        await ctx.wait_until(enough, timeout="1 hour")
    except WaitTimeoutError as late:
        return {"late": str(late), "items": items}
    return {"items": items}


@workflow
async def raising(ctx: Context, what: str) -> str:
    box: list[int] = []

    def fine() -> bool:
        return False

    conditions: dict[str, Any] = {
        "now": lambda: 1 / 0,
        "later": lambda: box and 1 / (len(box) - 1),
        "awaits": lambda: ctx.sleep(1),
        "false": fine,
    }
    ctx.on_signal("more", box.append)
    try:
        await ctx.wait_until(conditions[what])
    except ZeroDivisionError as error:
        return f"caught {error}"
    return "met"


@workflow
async def not_a_condition(ctx: Context, what: str) -> None:
    async def coroutine() -> bool:
        return True

    wrong: dict[str, Any] = {"coroutine": coroutine, "value": True}
    await ctx.wait_until(wrong[what])


async def test_a_condition_that_holds_already_is_no_wait() -> None:
    async with TestEngine(workflows=[basket]) as engine:
        assert await (await engine.start(basket, 0)).result() == {"items": []}


async def test_a_condition_is_looked_at_after_every_message_and_survives_crashes() -> None:
    async with TestEngine(workflows=[basket]) as engine:
        handle = await engine.start(basket, 3)
        for n in range(3):
            await engine.signal(handle.id, item, f"item {n}")
            await engine.crash_and_recover()
        assert await engine.get_handle(handle.id).result() == {"items": ["item 0", "item 1", "item 2"]}


async def test_a_condition_is_not_looked_at_while_nothing_happens() -> None:
    async with TestEngine(workflows=[basket]) as engine:
        handle = await engine.start(basket, 2)
        looks.clear()
        await engine.advance_time("30 minutes")
        assert await handle.query("items") == []
        assert looks == []
        await handle.signal(item, "x")
        assert looks == [1]


async def test_a_condition_that_is_not_met_in_time_is_a_timeout() -> None:
    async with TestEngine(workflows=[basket]) as engine:
        handle = await engine.start(basket, 2)
        await handle.signal(item, "x")
        await engine.crash_and_recover()
        await engine.advance_time("2 hours")
        result = await engine.get_handle(handle.id).result()
        assert result == {"late": "3600000 ms passed before the condition was met", "items": ["x"]}


async def test_other_branches_meet_conditions() -> None:
    rows = MemoryStorage()
    async with TestEngine(workflows=[branches], storage=rows) as engine:
        handle = await engine.start(branches, 3)
        for _ in range(3):
            Invariants().check(rows.rows())
            await engine.advance_time("1 minute")
        assert await handle.result() == ["a", "b", "c", ["a", "b"], ["a", "b", "c"]]


@pytest.mark.parametrize("what", ["now", "later"])
async def test_a_condition_that_raises_fails_its_wait(what: str) -> None:
    async with TestEngine(workflows=[raising]) as engine:
        handle = await engine.start(raising, what)
        await engine.settle()
        if what == "later":
            await handle.signal("more", 1)
        assert await handle.result() == "caught division by zero"


async def test_what_cannot_be_a_condition_says_why() -> None:
    async with TestEngine(workflows=[raising, not_a_condition]) as engine:
        with pytest.raises(RunFailedError, match="must be an ordinary function: it is looked at"):
            await (await engine.start(raising, "awaits")).result()
        with pytest.raises(RunFailedError, match="must be an ordinary function"):
            await (await engine.start(not_a_condition, "coroutine")).result()
        with pytest.raises(RunFailedError, match="True cannot be called"):
            await (await engine.start(not_a_condition, "value")).result()


async def test_a_wait_for_a_condition_can_be_cancelled() -> None:
    rows = MemoryStorage()
    async with TestEngine(workflows=[raising, basket], storage=rows) as engine:
        for handle in (await engine.start(raising, "false"), await engine.start(basket, 1)):
            assert (await handle.describe())["waiting_for"][0]["kind"] == "until"
            await handle.cancel()
            with pytest.raises(RunCancelledError):
                await handle.result()
        Invariants().check(rows.rows())


async def test_conditions_survive_a_crash_at_every_write() -> None:
    wanted = ["a", "b", "c", ["a", "b"], ["a", "b", "c"]]
    report = await assert_survives_every_crash(branches, 3, check=lambda result: bool(result == wanted))
    assert report.writes > 6
