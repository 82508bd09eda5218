"""G7: a signal that a branch took, and whose value no code has seen when the branch is beaten, is still to be had."""

from __future__ import annotations

from typing import Any

import pytest

from weft_core import Context, durable, workflow
from weft_core.errors import SignalTimeoutError
from weft_core.testing import TestEngine


@durable
async def whole_group(ctx: Context) -> Any:
    return await ctx.all([ctx.wait_for_signal("a"), ctx.wait_for_signal("c", timeout=100)])


@durable
async def fails_later(ctx: Context) -> None:
    await ctx.wait_for_signal("fail")
    raise ValueError("as asked")


@durable
async def leftovers(ctx: Context) -> dict[str, Any]:
    left = {}
    for name in ("a", "b", "c"):
        try:
            left[name] = await ctx.wait_for_signal(name, timeout=1)
        except SignalTimeoutError:
            left[name] = None
    return left


def losing_group(ctx: Context, form: str) -> Any:
    if form == "helper":
        return whole_group(ctx)
    if form == "nested":
        return ctx.all([ctx.all([ctx.wait_for_signal("a")]), ctx.wait_for_signal("c", timeout=100)])
    return ctx.all([ctx.wait_for_signal("a"), ctx.wait_for_signal("c", timeout=100)])


@workflow(signals=["a", "b", "c", "go"])
async def beaten(ctx: Context, form: str, group_first: bool) -> Any:
    await ctx.wait_for_signal("go")
    group, single = losing_group(ctx, form), ctx.wait_for_signal("b")
    winner = await ctx.race([group, single] if group_first else [single, group])
    return [winner, await leftovers(ctx)]


@workflow(signals=["a", "b", "c", "fail"])
async def failing(ctx: Context) -> Any:
    try:
        await ctx.all([ctx.wait_for_signal("a"), fails_later(ctx)])
    except ValueError:
        return await leftovers(ctx)


@pytest.mark.parametrize("group_first", [True, False])
@pytest.mark.parametrize("form", ["operation", "nested", "helper"])
async def test_beaten_in_the_same_turn(form: str, group_first: bool) -> None:
    async with TestEngine(workflows=[beaten]) as engine:
        handle = await engine.start(beaten, form, group_first)
        for name in ("a", "b", "go"):
            await handle.signal(name, name.upper())
        await engine.advance_time(10)
        assert await handle.result() == ["B", {"a": "A", "b": None, "c": None}]


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize("form", ["operation", "nested", "helper"])
async def test_beaten_later(form: str, crash: bool) -> None:
    async with TestEngine(workflows=[beaten]) as engine:
        handle = await engine.start(beaten, form, True)
        for name in ("go", "a", "b"):
            await handle.signal(name, name.upper())
            if crash:
                await engine.crash_and_recover()
        await engine.advance_time(10)
        assert await handle.result() == ["B", {"a": "A", "b": None, "c": None}]
        assert not await engine.storage.scan("mail/")


async def test_a_group_that_fails_keeps_what_its_other_branches_took() -> None:
    async with TestEngine(workflows=[failing]) as engine:
        handle = await engine.start(failing)
        await handle.signal("a", "A")
        await engine.crash_and_recover()
        await handle.signal("fail")
        await engine.advance_time(10)
        assert await handle.result() == {"a": "A", "b": None, "c": None}


async def test_a_group_that_wins_has_consumed_its_signals() -> None:
    async with TestEngine(workflows=[beaten]) as engine:
        handle = await engine.start(beaten, "nested", True)
        for name in ("go", "a", "c"):
            await handle.signal(name, name.upper())
        await engine.advance_time(10)
        assert await handle.result() == [[["A"], "C"], {"a": None, "b": None, "c": None}]
