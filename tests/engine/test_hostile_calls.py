"""Callers and authors who do everything wrong: each is refused by name, and no other run notices (G15, G19)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from weft_core import Context, RetryPolicy, RunCancelled, activity, workflow
from weft_core.errors import (
    ActivityFailedError,
    InvalidInputError,
    LimitExceededError,
    RunFailedError,
    RunNotFoundError,
    WeftError,
)
from weft_core.model.events import Event, RunCompleted
from weft_core.model.limits import Limits
from weft_core.storage import MemoryStorage
from weft_core.testing import TestEngine, virtual_host

ONCE = RetryPolicy(max_attempts=1)


class Mute(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


@activity(retry=ONCE)
async def raise_this(kind: str) -> None:
    raise {"mute": Mute, "cancelled": RunCancelled, "asyncio": asyncio.CancelledError, "exit": SystemExit}[kind]()


@workflow
async def call(ctx: Context, kind: str) -> None:
    await ctx.run(raise_this, kind)


@workflow
async def listen(ctx: Context, name: str) -> Any:
    return await ctx.wait_for_signal(name)


@workflow
async def half_a_character(ctx: Context, where: str) -> None:
    if where == "log":
        ctx.log("file \udcff", name="\udcff")
        await ctx.sleep(1)
    elif where == "attribute":
        try:
            await ctx.set_attribute("\udcff", "\udcff")
        except InvalidInputError:
            pass  # it could be searched for by nobody
    raise ValueError("file \udcff")


@workflow
async def hide(ctx: Context) -> Any:
    return Mute()


ALL = [call, listen, half_a_character, hide]


async def alive(engine: TestEngine) -> bool:
    handle = await asyncio.wait_for(engine.start(listen, "a"), 2)
    await handle.signal("a", 1)
    return engine.status == "open" and await handle.result() == 1


@pytest.mark.parametrize("run_id", ["", "x" * 2000, "a\0b", "\ud800", "a/b", None, 5, ["x"], {}])
@pytest.mark.parametrize("verb", ["cancel", "resume", "signal", "query", "describe", "history", "frames"])
async def test_G19_an_id_that_no_run_can_have_is_refused_and_stops_nobody(verb: str, run_id: Any) -> None:
    async with TestEngine(workflows=ALL) as engine:
        args = ("a",) if verb in ("signal", "query") else ()
        try:
            assert await asyncio.wait_for(getattr(engine, verb)(run_id, *args), 2) in ([],)
        except WeftError:
            pass
        assert await alive(engine)


async def test_an_empty_id_is_not_acknowledged() -> None:
    async with TestEngine(workflows=ALL) as engine:
        with pytest.raises(RunNotFoundError):
            await engine.cancel("")
        with pytest.raises(RunNotFoundError):
            await engine.resume("")


@pytest.mark.parametrize("name", ["\ud800", "x" * 300, None, ["a"]])
async def test_G19_a_name_that_cannot_be_written_is_refused_at_the_door(name: Any) -> None:
    async with TestEngine(workflows=ALL) as engine:
        handle = await engine.start(listen, "a")
        with pytest.raises((InvalidInputError, LimitExceededError)):
            await handle.signal(name)
        with pytest.raises((InvalidInputError, LimitExceededError)):
            await handle.query(name)
        assert (await handle.describe())["status"] == "running"
        assert await alive(engine)


async def test_a_reason_with_half_a_character_is_kept() -> None:
    async with TestEngine(workflows=ALL) as engine:
        handle = await engine.start(listen, "a")
        await handle.cancel("because \ud800")
        assert (await handle.describe())["status"] == "cancelled"
        assert (await handle.history())[-1]["reason"] == "because \ud800"
        assert await alive(engine)


@pytest.mark.parametrize("where", ["log", "attribute", "error"])
async def test_text_that_is_not_utf8_fails_no_run(where: str) -> None:
    async with TestEngine(workflows=ALL) as engine:
        handle = await engine.start(half_a_character, where)
        await engine.advance_time(2)
        with pytest.raises(RunFailedError) as failed:
            await handle.result()
        assert isinstance(failed.value.__cause__, ValueError)
        assert (await handle.history())[-1]["error"]["message"] == "file \udcff"


async def test_G15_an_error_without_text_fails_its_run_and_no_other() -> None:
    async with TestEngine(workflows=ALL) as engine:
        handle = await engine.start(call, "mute")
        with pytest.raises(RunFailedError, match="has no text"):
            await handle.result()
        assert await alive(engine)


@pytest.mark.parametrize("kind", ["cancelled", "asyncio", "exit"])
async def test_an_activity_that_ends_with_control_flow_has_failed_and_cancels_no_run(kind: str) -> None:
    async with TestEngine(workflows=ALL) as engine:
        handle = await engine.start(call, kind)
        with pytest.raises(RunFailedError) as failed:
            await handle.result()
        assert isinstance(failed.value.__cause__, ActivityFailedError)


async def test_G15_a_value_that_cannot_be_shown_stops_neither_engine_nor_listener() -> None:
    async with TestEngine(workflows=ALL) as engine:
        seen: list[Event] = []
        engine.subscribe(seen.append)
        handle = await engine.start(hide)
        assert isinstance(await handle.result(), Mute)
        assert "cannot be shown: ValueError" in (await handle.describe())["result"]
        assert isinstance(seen[-1], RunCompleted)
        assert await alive(engine)


async def test_G19_the_mailbox_is_bounded_also_for_crowds_and_for_runs_that_are_not_in_memory() -> None:
    rows, limits = MemoryStorage(), Limits(max_mailbox=3)
    async with TestEngine(workflows=ALL, storage=rows, limits=limits) as engine:
        engine.register(deaf)
        crowd = await engine.start(deaf, id="deaf")
        results = await asyncio.gather(*(crowd.signal("b", i) for i in range(5)), return_exceptions=True)
        assert [type(r) for r in results] == [type(None)] * 3 + [LimitExceededError] * 2
    async with TestEngine(workflows=[*ALL, deaf], storage=rows.reopen(), limits=limits) as engine:
        with pytest.raises(LimitExceededError):
            await engine.signal("deaf", "b", 9)
    async with TestEngine(workflows=[], storage=rows.reopen(), limits=limits) as engine:  # held
        with pytest.raises(LimitExceededError):
            await engine.signal("deaf", "b", 9)


@workflow
async def deaf(ctx: Context) -> list[Any]:
    await ctx.wait_for_signal("a")
    return [await ctx.wait_for_signal("b") for _ in range(3)]


async def test_a_blocking_activity_that_raises_StopIteration_fails_and_does_not_hang() -> None:
    @activity(retry=ONCE)
    def stop() -> None:
        raise StopIteration

    @workflow
    async def stopping(ctx: Context) -> None:
        await ctx.run("stop")

    host = virtual_host()
    object.__setattr__(host, "run_blocking", asyncio.to_thread)
    engine = TestEngine(workflows=[stopping], activities=[stop])
    engine._host = host
    async with engine:
        handle = await engine.start(stopping)
        with pytest.raises(RunFailedError, match="StopIteration"):
            await asyncio.wait_for(handle.result(), 5)


async def test_numbers_that_no_record_can_hold_are_a_typed_error() -> None:
    @workflow
    async def far(ctx: Context) -> None:
        await ctx.sleep_until(1e30)

    async with TestEngine(workflows=[far]) as engine:
        try:
            await (await engine.start(far)).result()
        except WeftError:
            pass
        assert engine.status == "open"


@workflow
async def exposing(ctx: Context) -> Any:
    ctx.expose("n", 1)
    await ctx.wait_for_signal("a")
    ctx.expose("n", 2)
    return await ctx.step("again", say, "activity")


@activity
async def say(text: str) -> str:
    return text


async def test_G9_a_query_that_meets_the_end_of_its_run_is_answered() -> None:
    async with TestEngine(workflows=[exposing]) as engine:
        handle = await engine.start(exposing)
        cancelled, answer = await asyncio.gather(handle.cancel(), handle.query("n"))
        assert (cancelled, answer) == (None, 1)


async def test_a_step_may_be_an_activity() -> None:
    async with TestEngine(workflows=[exposing]) as engine:
        handle = await engine.start(exposing)
        await handle.signal("a")
        assert await handle.result() == "activity"


@workflow
async def leaving(ctx: Context, at_once: bool) -> None:
    def leave() -> None:
        raise SystemExit(4)

    if at_once:
        raise SystemExit(3)
    ctx.on_query("leave", leave)
    await ctx.wait_for_signal("a")


async def test_G15_a_workflow_that_exits_ends_itself_and_nobody_else() -> None:
    async with TestEngine(workflows=[leaving, *ALL]) as engine:
        with pytest.raises(RunFailedError, match="SystemExit"):
            await (await engine.start(leaving, True)).result()
        with pytest.raises(RuntimeError, match="SystemExit"):
            await (await engine.start(leaving, False)).query("leave")
        assert await alive(engine)


def test_a_steep_backoff_ends_at_the_longest_interval() -> None:
    policy = RetryPolicy(max_attempts=1000, backoff=1e6, max_interval=60, jitter=0)
    assert [policy.delay_ms(n, 0.5) for n in (1, 2, 64, 900)] == [1000, 60_000, 60_000, 60_000]
