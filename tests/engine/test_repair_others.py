"""Forks, rewinds and skips of runs that others know: updates, locks, children, tokens, time limits, sagas."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.engine.invariants import Invariants
from weft_core import Context, RetryPolicy, activity, activity_info, update, workflow
from weft_core.errors import EditError, RunNotParkedError
from weft_core.storage import MemoryStorage
from weft_core.testing import TestEngine

done: list[str] = []
tokens: list[str] = []
broken: set[str] = set()
order = update[str, str]("order")
KEEP = 50


@activity(retry=RetryPolicy(max_attempts=1))
async def do(what: str) -> str:
    done.append(what)
    if what in broken:
        raise ValueError(what)
    return what


@activity
async def outside(what: str) -> str:
    tokens.append(activity_info().completion_token)
    done.append(what)
    return activity_info().complete_later()  # type: ignore[no-any-return]


@pytest.fixture(autouse=True)
def _forget() -> None:
    for kept in (done, tokens, broken):
        kept.clear()


def check(engine: TestEngine) -> dict[str, bytes]:
    assert isinstance(engine.storage, MemoryStorage)
    rows = engine.storage.rows()
    Invariants().check(rows)
    return rows


# ------------------------------------------------------------------ updates


@workflow(retain_checkpoints=KEEP)
async def clerk(ctx: Context) -> list[str]:
    served = []
    for _ in range(2):
        request = await ctx.wait_for_update(order)
        await ctx.run(do, f"make {request.payload}")
        await request.respond(f"{request.payload} is ready")
        served.append(request.payload)
    await ctx.wait_for_signal("close")
    return served


async def asked(engine: TestEngine, run_id: str, what: str) -> asyncio.Task[str]:
    task = asyncio.ensure_future(engine.update(run_id, order, what, update_id=what, timeout=600))
    await engine.settle()
    return task


async def test_G8_updates_that_were_answered_since_stay_answered_and_do_not_come_again() -> None:
    async with TestEngine(workflows=[clerk]) as engine:
        await engine.start(clerk, id="c")
        assert await (await asked(engine, "c", "tea")) == "tea is ready"
        steps = [c["step"] for c in await engine.checkpoints("c")]
        await engine.suspend("c")
        await engine.rewind("c", to=0)
        check(engine)
        await engine.resume("c")
        await engine.settle()
        assert (await engine.describe("c"))["waiting_for"][0]["kind"] == "update"
        check(engine)
        assert await engine.update("c", order, "tea", update_id="tea") == "tea is ready", "asking again returns it"
        for what in ("cake", "jam"):
            assert await (await asked(engine, "c", what)) == f"{what} is ready"
        await engine.signal("c", "close")
        assert await engine.get_handle("c").result() == ["cake", "jam"]
        assert len(steps) > 2
        check(engine)


async def test_G8_an_update_that_was_taken_then_and_answered_since_is_answered_once() -> None:
    async with TestEngine(workflows=[clerk]) as engine:
        await engine.start(clerk, id="c")
        assert await (await asked(engine, "c", "tea")) == "tea is ready"
        await engine.suspend("c")
        taken = next(c["step"] for c in await engine.checkpoints("c") if c["waiting_for"][0]["kind"] == "activity")
        await engine.rewind("c", to=taken)
        check(engine)
        await engine.crash_and_recover()
        await engine.resume("c")
        await engine.settle()
        assert done == ["make tea", "make tea"]
        assert (await engine.get_update("c", "tea")).result == "tea is ready"
        check(engine)
        fork = await engine.fork("c", at=taken)
        await engine.settle()
        assert done == ["make tea"] * 3, "a fork makes it, too, and its answer goes nowhere"
        check(engine)
        assert (await engine.describe(fork.id))["waiting_for"][0]["kind"] == "update"


async def test_G8_an_update_that_was_taken_since_and_is_owed_is_in_the_mailbox_again() -> None:
    gate = asyncio.Event()

    async def slow(what: str) -> str:
        done.append(what)
        await gate.wait()
        return what

    async with TestEngine(workflows=[clerk]) as engine:
        engine.mock(do, slow)
        await engine.start(clerk, id="c")
        asking = asyncio.ensure_future(engine.update("c", order, "tea", update_id="tea", timeout=600))
        for _ in range(20):
            await asyncio.sleep(0)
        await engine.suspend("c")
        await engine.rewind("c", to=0)
        gate.set()
        await engine.settle()
        check(engine)
        await engine.resume("c")
        assert await asking == "tea is ready"
        await engine.settle()
        assert done == ["make tea", "make tea"]
        check(engine)


# ------------------------------------------------------------------ locks


@workflow(retain_checkpoints=KEEP)
async def painter(ctx: Context, name: str) -> str:
    await ctx.run(do, f"{name} comes")
    async with ctx.mutex("ladder"):
        await ctx.run(do, f"{name} climbs")
        await ctx.sleep("1 hour")
        await ctx.run(do, f"{name} paints")
    return name


async def test_a_lock_that_was_taken_since_is_given_back_and_taken_again() -> None:
    async with TestEngine(workflows=[painter]) as engine:
        await engine.start(painter, "ann", id="a")
        await engine.settle()
        await engine.suspend("a")
        await engine.rewind("a", to=0)
        await engine.settle()
        check(engine)
        await engine.start(painter, "bob", id="b")
        await engine.settle()
        assert "bob climbs" in done, "nobody holds it"
        await engine.resume("a")
        await engine.settle()
        check(engine)
        await engine.advance_time("3 hours")
        assert [await engine.get_handle(run).result() for run in "ab"] == ["ann", "bob"]
        check(engine)


async def test_a_run_that_is_put_back_to_where_it_asks_for_a_lock_asks_again() -> None:
    async with TestEngine(workflows=[painter]) as engine:
        await engine.start(painter, "bob", id="b")
        await engine.settle()
        await engine.start(painter, "ann", id="a")
        await engine.settle()
        await engine.suspend("a")
        asking = (await engine.checkpoints("a"))[0]
        assert asking["waiting_for"][0]["kind"] == "lock"
        await engine.rewind("a", to=asking["step"])
        await engine.crash_and_recover()
        check(engine)
        await engine.resume("a")
        await engine.settle()
        check(engine)
        fork = await engine.fork("a")
        await engine.settle()
        check(engine)
        await engine.advance_time("4 hours")
        assert [await engine.get_handle(run).result() for run in ("a", "b", fork.id)] == ["ann", "bob", "ann"]
        check(engine)


async def test_a_fork_holds_no_lock_of_its_run_and_takes_none_from_it() -> None:
    async with TestEngine(workflows=[painter]) as engine:
        await engine.start(painter, "ann", id="a")
        await engine.settle()
        fork = await engine.fork("a")
        await engine.start(painter, "bob", id="b")
        await engine.settle()
        check(engine)
        assert "bob climbs" not in done
        await engine.terminate("a")
        await engine.settle()
        assert "bob climbs" in done
        await engine.advance_time("2 hours")
        assert await fork.result() == "ann"
        assert await engine.get_handle("b").result() == "bob"
        check(engine)


# ------------------------------------------------------------------ children


@workflow(retain_checkpoints=KEEP)
async def pupil(ctx: Context, name: str) -> str:
    await ctx.run(do, name)
    await ctx.wait_for_signal("go")
    return name


@workflow(retain_checkpoints=KEEP)
async def teacher(ctx: Context, chosen: str | None) -> list[str]:
    await ctx.run(do, "begin")
    options = {} if chosen is None else {"id": chosen}
    return [await ctx.child(pupil, "pupil", **options)]


async def test_a_run_that_is_put_back_starts_another_child_and_so_does_a_fork() -> None:
    async with TestEngine(workflows=[teacher, pupil]) as engine:
        await engine.start(teacher, None, id="t")
        await engine.settle()
        await engine.suspend("t")
        waiting = (await engine.checkpoints("t"))[0]["step"]
        await engine.rewind("t", to=waiting)
        assert done.count("pupil") == 1, "not before it is resumed"
        check(engine)
        await engine.crash_and_recover()
        await engine.resume("t")
        await engine.settle()
        fork = await engine.fork("t")
        await engine.settle()
        assert done.count("pupil") == 3
        check(engine)
        pupils = [run["id"] for run in (await engine.list(workflow="pupil")).items]
        for run_id in pupils:
            await engine.signal(run_id, "go")
        await engine.settle()
        assert await engine.get_handle("t").result() == await fork.result() == ["pupil"]
        check(engine)


async def test_a_child_whose_parent_was_told_how_it_ended_is_not_revived() -> None:
    async with TestEngine(workflows=[teacher, pupil]) as engine:
        await engine.start(teacher, "p", id="t")
        await engine.settle()
        await engine.cancel("p")
        await engine.settle()
        with pytest.raises(RunNotParkedError, match="its parent 't' has been told"):
            await engine.rewind("p", to=0)
        fork = await engine.fork("p", at=0)
        await engine.settle()
        await engine.signal(fork.id, "go")
        assert await fork.result() == "pupil"
        check(engine)


async def test_a_child_run_that_is_awaited_is_not_skipped() -> None:
    async with TestEngine(workflows=[teacher, pupil]) as engine:
        await engine.start(teacher, "p", id="t")
        await engine.settle()
        with pytest.raises(EditError, match="there are: none"):
            await engine.skip("t", "x")


# ------------------------------------------------------------------ tokens, time limits, sagas


@workflow(retain_checkpoints=KEEP)
async def buyer(ctx: Context) -> Any:
    async with ctx.timeout("10 hours"):
        await ctx.run(do, "choose")
        return await ctx.run(outside, "pay")


async def test_a_token_of_a_step_that_is_undone_is_good_for_nothing() -> None:
    async with TestEngine(workflows=[buyer]) as engine:
        await engine.start(buyer, id="b")
        await engine.settle()
        await engine.suspend("b")
        await engine.rewind("b", to=(await engine.checkpoints("b"))[0]["step"])
        check(engine)
        with pytest.raises(Exception, match="token"):
            await engine.complete_async_activity(tokens[0], "late")
        await engine.resume("b")
        await engine.settle()
        fork = await engine.fork("b")
        await engine.settle()
        check(engine)
        assert len(tokens) == 3
        await engine.complete_async_activity(tokens[1], "paid")
        await engine.complete_async_activity(tokens[2], "forked")
        assert await engine.get_handle("b").result() == "paid"
        assert await fork.result() == "forked"
        check(engine)


async def test_a_time_limit_stands_in_a_fork_and_after_a_rewind() -> None:
    async with TestEngine(workflows=[buyer]) as engine:
        await engine.start(buyer, id="b")
        await engine.advance_time("9 hours")
        fork = await engine.fork("b")
        await engine.suspend("b")
        await engine.rewind("b", to=(await engine.checkpoints("b"))[-1]["step"])
        check(engine)
        await engine.resume("b")
        await engine.settle()
        check(engine)
        await engine.advance_time("59 minutes")
        assert [(await engine.describe(run))["status"] for run in ("b", fork.id)] == ["running", "running"]
        await engine.advance_time("1 minute")
        assert [(await engine.describe(run))["error"]["code"] for run in ("b", fork.id)] == ["ScopeTimeoutError"] * 2
        check(engine)


@workflow(retain_checkpoints=KEEP)
async def traveller(ctx: Context) -> str:
    async with ctx.saga() as saga:
        await saga.run(do, "fly", compensate=do)
        await ctx.wait_for_signal("go")
        await ctx.run(do, "crash")
    return "there"


async def test_G14_G15_a_compensation_that_has_failed_is_skipped_or_its_run_put_back() -> None:
    async with TestEngine(workflows=[traveller]) as engine:
        for run_id in ("skipped", "back"):
            broken.clear()
            await engine.start(traveller, id=run_id)
            await engine.settle()
            broken.update({"crash", "fly"})
            await engine.signal(run_id, "go")
            await engine.settle()
            check(engine)
        letters = {letter["id"]: letter["status"] for letter in (await engine.dead_letters()).items}
        assert letters == {"skipped": "needs_attention", "back": "needs_attention"}
        await engine.skip("skipped", reason="the seat was given away by phone")
        await engine.settle()
        assert (await engine.describe("skipped"))["status"] == "failed"
        check(engine)
        broken.clear()
        waiting = next(
            c["step"] for c in await engine.checkpoints("back") if c["waiting_for"][0]["kind"] == "signal"
        )  # fmt: skip
        await engine.rewind("back", to=waiting)
        check(engine)
        await engine.resume("back")
        await engine.settle()
        assert await engine.get_handle("back").result() == "there"
        check(engine)
