"""Groups under attack: signals that nobody saw stay, nesting is bounded, attributes are copies."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine import shop
from weft_core import Context, RunCancelled, durable, workflow
from weft_core.errors import InvalidInputError, LimitExceededError, RunFailedError, SignalTimeoutError
from weft_core.testing import TestEngine


@durable
async def hear(ctx: Context, name: str) -> Any:
    return await ctx.wait_for_signal(name)


@durable
async def at_once(value: str) -> str:
    return value


@durable
async def fail() -> None:
    raise ValueError("no")


@workflow
async def either_or(ctx: Context, form: str) -> list[Any]:
    """Both signals lie in the mailbox when the first race begins."""
    await ctx.sleep(10)
    got: list[Any] = []
    for _ in range(3):
        branches: dict[str, Any] = {n: hear(ctx, n) if form == "durable" else ctx.wait_for_signal(n) for n in "ab"}
        if form == "nested":
            branches = {"one": ctx.all([ctx.wait_for_signal("a")]), **branches}
        got.append(await ctx.race({**branches, "none": ctx.sleep(5)}))
    return got


@workflow
async def beaten(ctx: Context, form: str) -> list[Any]:
    await ctx.sleep(10)
    first: Any = None
    if form == "race":
        first = await ctx.race([at_once("first"), ctx.wait_for_signal("a")])
    else:
        try:
            await ctx.all([fail(), ctx.wait_for_signal("a")])
        except ValueError as error:
            first = str(error)
    return [first, await ctx.wait_for_signal("a", timeout=5)]


@workflow
async def two_listeners(ctx: Context) -> list[Any]:
    """A signal given back goes to the other branch that waits for it."""
    await ctx.sleep(10)
    return await ctx.all([ctx.race([at_once("x"), ctx.wait_for_signal("a")]), ctx.wait_for_signal("a", timeout=60)])


@workflow
async def deep(ctx: Context, depth: int) -> Any:
    group: Any = ctx.sleep(1)
    for _ in range(depth):
        group = ctx.all([group])
    return await group


@workflow
async def attributes(ctx: Context) -> Any:
    items: list[Any] = ["a"]
    await ctx.set_attribute("items", items)
    items.append(lambda: None)
    ctx.get_attribute("items").append("b")
    await ctx.set_attribute("other", 1)
    items.clear()
    return ctx.get_attribute("items")


@workflow
async def odd_attribute(ctx: Context) -> None:
    await ctx.set_attributes({1: 2})  # type: ignore[dict-item]


@workflow
async def odd_instant(ctx: Context, when: Any) -> None:
    await ctx.sleep_until(when)


ALL = [either_or, beaten, two_listeners, deep, attributes, odd_attribute, odd_instant]


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize("form", ["operation", "durable"])
async def test_G7_a_signal_to_the_loser_of_a_race_stays_for_the_next_one(form: str, crash: bool) -> None:
    async with TestEngine(workflows=ALL) as engine:
        handle = await engine.start(either_or, form)
        await handle.signal("b", 2)
        await handle.signal("a", 1)
        for _ in range(8):
            await engine.advance_time(4)
            if crash:
                await engine.crash_and_recover()
        assert await engine.get_handle(handle.id).result() == [("a", 1), ("b", 2), ("none", None)]
        kinds = [e["type"] for e in await engine.history(handle.id)]
        assert kinds.count("signal_received") == 2
        assert kinds.count("signal_consumed") - kinds.count("signal_returned") == 2


@pytest.mark.parametrize("form", ["race", "all"])
async def test_G7_a_signal_to_a_branch_that_was_beaten_in_the_same_turn_stays(form: str) -> None:
    async with TestEngine(workflows=ALL) as engine:
        handle = await engine.start(beaten, form)
        await handle.signal("a", 1)
        await engine.advance_time(20)
        assert await handle.result() == ["first" if form == "race" else "no", 1]


async def test_G7_a_signal_given_back_goes_to_whoever_else_waits_for_it() -> None:
    async with TestEngine(workflows=ALL) as engine:
        handle = await engine.start(two_listeners)
        await handle.signal("a", 1)
        await engine.advance_time(20)
        assert await handle.result() == ["x", 1]


async def test_G19_nesting_is_bounded_and_refused_at_the_line() -> None:
    async with TestEngine(workflows=ALL) as engine:
        good, bad = await engine.start(deep, 100), await engine.start(deep, 2000)
        await engine.crash_and_recover()
        await engine.advance_time(2)
        assert (await engine.describe(good.id))["status"] == "completed"
        with pytest.raises(RunFailedError) as failed:
            await engine.get_handle(bad.id).result()
        assert isinstance(failed.value.__cause__, LimitExceededError)


async def test_attributes_are_what_they_were_when_they_were_set() -> None:
    async with TestEngine(workflows=ALL) as engine:
        handle = await engine.start(attributes)
        assert await handle.result() == ["a"]
        assert (await handle.describe())["attributes"] == {"items": ["a"], "other": 1}


@pytest.mark.parametrize("when", [1e30, float("nan"), float("inf"), True, "tomorrow"])
async def test_an_instant_that_no_clock_shows_is_refused_at_the_line(when: Any) -> None:
    async with TestEngine(workflows=ALL) as engine:
        for handle in (await engine.start(odd_instant, when), await engine.start(odd_attribute)):
            with pytest.raises(RunFailedError) as failed:
                await handle.result()
            assert isinstance(failed.value.__cause__, InvalidInputError)


@durable
async def linger(ctx: Context, name: str, seconds: int) -> str:
    try:
        await ctx.sleep(1000)
    finally:
        shop.trace.append(f"{name} leaves")
        await ctx.run(shop.echo, name)
        await ctx.sleep(seconds)
        shop.trace.append(f"{name} left")
    return name


@workflow
async def crowded(ctx: Context) -> str:
    try:
        await ctx.all([
            ctx.race([linger(ctx, "a", 5), ctx.all([linger(ctx, "b", 9), linger(ctx, "c", 1)])]),
            ctx.race([ctx.sleep(3), linger(ctx, "d", 20)]),
            linger(ctx, "e", 2),
        ])  # fmt: skip
    except RunCancelled:
        shop.trace.append("cancelled")
        try:
            return await ctx.wait_for_signal("a", timeout=1)
        except SignalTimeoutError:
            return "cleaned up"
    raise AssertionError


@pytest.mark.parametrize("at", [0, 1, 2, 3, 4, 10, 30])
async def test_G13_every_branch_leaves_before_the_group_does_whenever_the_cancel_comes(at: int) -> None:
    shop.forget()
    async with TestEngine(workflows=[crowded]) as engine:
        handle = await engine.start(crowded)
        await engine.advance_time(at)
        await handle.cancel()
        await handle.cancel("again")
        for _ in range(30):
            await engine.crash_and_recover()
            await engine.advance_time(1)
        assert await engine.get_handle(handle.id).result() == "cleaned up"
        expected = sorted(f"{n} {what}" for n in "abcde" for what in ("leaves", "left"))
        assert sorted(set(shop.trace) - {"cancelled"}) == expected
        assert shop.trace.index("cancelled") > max(i for i, t in enumerate(shop.trace) if t.endswith("left"))
        assert len(await engine.storage.scan("timer/")) == 0
