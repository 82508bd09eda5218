"""``ctx.timeout``: a block that takes too long is cancelled, and says so."""

from __future__ import annotations

from typing import Any

from tests.engine.invariants import Invariants
from weft_core import Context, RunCancelled, activity, workflow
from weft_core.errors import RunCancelledError, ScopeTimeoutError
from weft_core.storage import MemoryStorage
from weft_core.testing import TestEngine, assert_survives_every_crash

cleaned: list[str] = []


@activity
async def clean(what: str) -> None:
    cleaned.append(what)


@workflow
async def limited(ctx: Context, limit: str, work: str) -> list[Any]:
    said: list[Any] = []
    try:
        async with ctx.timeout(limit):
            try:
                await ctx.sleep(work)
                said.append("worked")
            finally:
                await ctx.run(clean, "inner")
    except TimeoutError as late:
        said.append(type(late).__name__)
    await ctx.sleep("1 day")
    return said


def rows_of(engine: TestEngine) -> dict[str, bytes]:
    assert isinstance(engine.storage, MemoryStorage)
    return engine.storage.rows()


async def test_a_block_that_takes_too_long_is_cancelled_at_its_stored_deadline() -> None:
    cleaned.clear()
    async with TestEngine(workflows=[limited]) as engine:
        late = await engine.start(limited, "1 hour", "2 hours")
        early = await engine.start(limited, "2 hours", "1 hour")
        await engine.advance_time("30 minutes")
        await engine.crash_and_recover()
        Invariants().check(rows_of(engine))
        await engine.advance_time("29 minutes")
        assert cleaned == []
        await engine.advance_time("1 minute")
        assert cleaned == ["inner", "inner"]
        await engine.advance_time("2 days")
        assert (await late.result(), await early.result()) == (["ScopeTimeoutError"], ["worked"])
        assert not [key for key in rows_of(engine) if key.startswith("timer/")]


async def test_scopes_nest_and_the_outer_one_cancels_through_groups() -> None:
    @workflow(name="nested")
    async def nested(ctx: Context) -> list[str]:
        said = []
        try:
            async with ctx.timeout("1 hour"):
                try:
                    async with ctx.timeout("10 minutes"):
                        await ctx.wait_for_signal("never")
                except ScopeTimeoutError:
                    said.append("inner")
                async with ctx.timeout("1 day"):
                    await ctx.all([ctx.wait_for_signal("never"), ctx.sleep("1 week")])
        except ScopeTimeoutError:
            said.append("outer")
        return said

    async with TestEngine(workflows=[nested]) as engine:
        handle = await engine.start(nested)
        await engine.advance_time("59 minutes")
        assert (await handle.describe())["status"] == "running"
        await engine.advance_time("1 minute")
        assert await handle.result() == ["inner", "outer"]


async def test_a_cancelled_run_is_cancelled_and_not_late() -> None:
    @workflow(name="cancelled")
    async def cancelled(ctx: Context) -> str:
        try:
            async with ctx.timeout("1 hour"):
                try:
                    await ctx.wait_for_signal("never")
                except RunCancelled:
                    await ctx.sleep("2 hours")
                    raise
        except ScopeTimeoutError:
            return "late"
        return "?"

    async with TestEngine(workflows=[cancelled]) as engine:
        handle = await engine.start(cancelled)
        await handle.cancel()
        await engine.advance_time("3 hours")
        try:
            await handle.result()
        except RunCancelledError:
            return
        raise AssertionError("a cancellation was turned into a timeout")


async def test_terminating_within_a_scope_leaves_no_timer() -> None:
    async with TestEngine(workflows=[limited]) as engine:
        handle = await engine.start(limited, "1 hour", "2 hours")
        await handle.terminate()
        assert not [key for key in rows_of(engine) if key.startswith("timer/")]
        Invariants().check(rows_of(engine))


async def test_G1_a_timeout_survives_a_crash_at_every_write() -> None:
    report = await assert_survives_every_crash(limited, "1 hour", "2 hours")
    assert report.writes > 5
    await assert_survives_every_crash(limited, "2 hours", "1 hour")
