"""What one part does to another: pauses, ends, restarts and repairs of runs that wait for people, updates, tokens."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import pytest

from tests.engine.invariants import Invariants
from weft_core import (
    Context,
    Limits,
    Retention,
    RetryPolicy,
    activity,
    activity_info,
    query,
    search_attribute,
    update,
    workflow,
)
from weft_core.engine.batch import Envelope
from weft_core.errors import (
    ActivityFailedError,
    CompletionTokenNotFoundError,
    IdempotencyKeyPurgedError,
    LimitExceededError,
    ReviewDecidedError,
    ReviewNotFoundError,
    RunFailedError,
    RunFinishedError,
    RunNotFoundError,
    RunTerminatedError,
    RunTimedOutError,
    UpdateTimeoutError,
    WaitTimeoutError,
)
from weft_core.storage import MemoryStorage
from weft_core.testing import CrashingStorage, SimulatedCrash, TestEngine, VirtualClock

add = update[int, int]("add")
order = update[str, str]("order")
total_of = query[int]("total")
stage = search_attribute("stage", str)
ran: list[str] = []
tokens: list[str] = []
keys_used: list[str] = []


def _forget_all() -> None:
    for kept in (ran, tokens, keys_used):
        kept.clear()


@pytest.fixture(autouse=True)
def _forget() -> None:
    _forget_all()


def rows_of(engine: TestEngine) -> dict[str, bytes]:
    assert isinstance(engine.storage, MemoryStorage)
    found = engine.storage.rows()
    Invariants().check(found)
    return found


@activity(retry=RetryPolicy(max_attempts=9, initial_interval=0.1, non_retryable=(ValueError,)))
async def note(word: str) -> str:
    ran.append(word)
    keys_used.append(activity_info().idempotency_key)
    if word.startswith("broken"):
        raise ValueError(word)
    return word


@activity(retry=RetryPolicy(max_attempts=3, initial_interval=1, jitter=0))
async def outside() -> Any:
    info = activity_info()
    tokens.append(info.completion_token)
    info.complete_later()


@workflow(retain_checkpoints=20)
async def counter(ctx: Context, goal: int) -> int:
    total = 0

    def take(amount: int) -> int:
        nonlocal total
        ran.append(f"take {amount}")
        total += amount
        return total

    ctx.on_update(add, take)
    ctx.on_query(total_of, lambda: total)
    await ctx.wait_until(lambda: ran.append("looked") or total >= goal, timeout="1 day")
    return total


@workflow(retain_checkpoints=20)
async def kitchen(ctx: Context) -> str:
    got = await ctx.wait_for_update(order)
    ran.append(got.payload)
    await ctx.sleep("10 minutes")
    await got.respond(f"{got.payload}!")
    return got.payload


@workflow(retain_checkpoints=20)
async def desk(ctx: Context) -> str:
    await ctx.run(note, "drafted")
    decided = await ctx.review(
        {"a": 1}, reviewers=["ann"], timeout="2 days", escalation=[{"after": "4 hours", "to": ["lead"]}]
    )
    await ctx.run(note, decided.decision)
    return decided.decision


@workflow(retain_checkpoints=20)
async def waits_outside(ctx: Context) -> Any:
    got = await ctx.run(outside)
    await ctx.run(note, str(got))
    return got


@workflow(retain_checkpoints=20)
async def tidy(ctx: Context) -> None:
    ctx.on_cancel(ctx.run(note, "undone"))
    await ctx.run(note, "done")
    await ctx.set_attribute(stage, "half")
    async with ctx.mutex("desk"):
        await ctx.run(note, "locked")
        await ctx.wait_for_signal("go")
        await ctx.set_attribute(stage, "whole")


WORKFLOWS = [counter, kitchen, desk, waits_outside, tidy]


def engine_of(**options: Any) -> TestEngine:
    return TestEngine(workflows=WORKFLOWS, **options)


# ------------------------------------------------------------------ suspended


async def test_the_code_of_a_suspended_run_does_not_run_for_its_conditions_and_handlers() -> None:
    async with engine_of() as engine:
        handle = await engine.start(counter, 5)
        await handle.suspend()
        ran.clear()
        sent = asyncio.ensure_future(handle.update(add, 7, update_id="u", timeout=None))
        await engine.advance_time("2 days")  # its timeout comes, too
        assert ran == [], "neither its handler nor its condition"
        assert (await engine.get_update(handle.id, "u")).status == "pending"
        await engine.crash_and_recover()
        assert ran == []
        await handle.resume()
        with pytest.raises(RunFailedError) as late:
            await handle.result()
        assert isinstance(late.value.__cause__, WaitTimeoutError)
        sent.cancel()
        await asyncio.gather(sent, return_exceptions=True)
        rows_of(engine)


async def test_G8_an_update_to_a_suspended_run_is_answered_after_it_was_resumed() -> None:
    async with engine_of() as engine:
        handle = await engine.start(counter, 5)
        await handle.suspend()
        with pytest.raises(UpdateTimeoutError):
            await handle.update(add, 7, update_id="u", timeout=0)
        assert "take 7" not in ran
        await engine.crash_and_recover()
        await handle.resume()
        assert await handle.update(add, 7, update_id="u") == 7
        assert await handle.result() == 7
        assert ran.count("take 7") == 1
        rows_of(engine)


@pytest.mark.parametrize("verb", ["terminate", "cancel"])
async def test_G8_an_update_that_a_suspended_run_has_taken_is_unanswered_at_its_end(verb: str) -> None:
    async with engine_of() as engine:
        handle = await engine.start(kitchen)
        await handle.suspend()
        with pytest.raises(UpdateTimeoutError):
            await handle.update(order, "soup", update_id="u", timeout=0)
        await engine.crash_and_recover()
        await getattr(engine, verb)(handle.id)
        await engine.settle()
        with pytest.raises(RunFinishedError):
            await handle.update(order, "soup", update_id="u", timeout=0)
        assert "soup" not in ran
        rows_of(engine)


async def test_a_review_of_a_suspended_run_escalates_and_is_decided_but_its_run_waits() -> None:
    async with engine_of() as engine:
        handle = await engine.start(desk)
        await engine.settle()
        await handle.suspend()
        await engine.advance_time("5 hours")
        (asked,) = (await engine.reviews(status="pending")).items
        assert asked["reviewers"] == ["ann", "lead"]
        await engine.crash_and_recover()
        await engine.submit_review(asked["id"], decision="approved")
        await engine.settle()
        assert ran == ["drafted"]
        rows_of(engine)
        await engine.crash_and_recover()
        await handle.resume()
        assert await handle.result() == "approved"
        rows_of(engine)


async def test_a_review_of_a_terminated_run_is_cancelled_and_in_no_list_of_open_ones() -> None:
    async with engine_of() as engine:
        handle = await engine.start(desk)
        await engine.settle()
        await handle.suspend()
        await engine.terminate(handle.id)
        assert (await engine.reviews(status="pending")).items == []
        (told,) = (await engine.reviews(status="cancelled")).items
        with pytest.raises(ReviewDecidedError):
            await engine.submit_review(told["id"], decision="approved")
        rows = rows_of(engine)
        assert not [key for key in rows if key.startswith(("review-open/", "timer/"))]


async def test_a_token_of_a_suspended_run_is_taken_and_its_value_kept_over_a_crash() -> None:
    async with engine_of() as engine:
        handle = await engine.start(waits_outside)
        await engine.settle()
        await handle.suspend()
        await engine.complete_async_activity(tokens[0], "sealed")
        await engine.complete_async_activity(tokens[0], "sealed")
        await engine.settle()
        assert ran == []
        await engine.crash_and_recover()
        await engine.complete_async_activity(tokens[0], "sealed")
        await handle.resume()
        assert await handle.result() == "sealed"
        assert (ran, len(tokens)) == (["sealed"], 1)
        rows_of(engine)


# ------------------------------------------------------------------ its execution timeout


async def test_an_execution_timeout_ends_reviews_updates_and_tokens() -> None:
    async with engine_of() as engine:
        handles = [await engine.start(w, *a, execution_timeout="1 hour") for w, a in
                   [(desk, ()), (kitchen, ()), (waits_outside, ()), (counter, (3,))]]  # fmt: skip
        await engine.settle()
        await handles[0].suspend()
        with pytest.raises(UpdateTimeoutError):
            await handles[1].update(order, "soup", update_id="u", timeout=0)
        await engine.advance_time("59 minutes 30 seconds")
        ran.clear()
        for handle in handles:
            if handle is not handles[1]:
                await engine.advance_time("1 minute")
                with pytest.raises(RunTimedOutError):
                    await handle.result()
        assert await handles[1].update(order, "soup", update_id="u", timeout=0) == "soup!"
        with pytest.raises(CompletionTokenNotFoundError):
            await engine.complete_async_activity(tokens[0], 1)
        assert (await engine.reviews(status="pending")).items == []
        assert ran == []
        assert not [key for key in rows_of(engine) if key.startswith(("timer/", "mail/", "active/", "review-open/"))]
        found = await engine.list(status="timed_out")
        assert len(found.items) == 3


# ------------------------------------------------------------------ the same id anew


async def test_G6_the_key_of_a_run_whose_id_was_taken_over_stays_spent_when_that_is_purged() -> None:
    async with engine_of() as engine:
        handle = await engine.start(tidy, id="t", idempotency_key="k")
        await engine.terminate("t")
        again = await engine.start(tidy, id="t", on_conflict="restart")
        assert (await engine.start(tidy, idempotency_key="k")).id == "t"
        await engine.terminate("t")
        await engine.purge("t")
        with pytest.raises(IdempotencyKeyPurgedError):
            await engine.start(tidy, idempotency_key="k")
        assert handle.id == again.id
        rows_of(engine)


async def test_a_review_of_a_run_that_took_over_an_id_is_another_one() -> None:
    """A decision that comes late, or again, is of the review that its sender saw."""
    async with engine_of() as engine:
        await engine.start(desk, id="d")
        await engine.settle()
        (first,) = (await engine.reviews(status="pending")).items
        await engine.submit_review(first["id"], decision="approved", decision_id="x")
        assert await engine.get_handle("d").result() == "approved"
        await engine.start(desk, id="d", on_conflict="restart")
        await engine.settle()
        (second,) = (await engine.reviews(status="pending")).items
        assert second["id"] != first["id"]
        await engine.submit_review(first["id"], decision="approved", decision_id="x")  # again: changes nothing
        with pytest.raises(ReviewDecidedError):
            await engine.submit_review(first["id"], decision="rejected", decision_id="late")
        await engine.settle()
        (still,) = (await engine.reviews(status="pending")).items
        assert still["id"] == second["id"]
        await engine.submit_review(second["id"], decision="rejected")
        assert await engine.get_handle("d").result() == "rejected"
        assert len(set(keys_used)) == len(keys_used) == 4
        rows_of(engine)


@workflow
async def child(ctx: Context, name: str) -> str:
    got: str = await ctx.wait_for_signal("go")
    return f"{name} {got}"


@workflow
async def parent(ctx: Context, name: str) -> str:
    got: str = await ctx.child(child, name, on_parent_close="abandon")
    return got


@workflow
async def holder(ctx: Context) -> str:
    async with ctx.mutex("one"):
        await ctx.wait_for_signal("go")
    return "held"


async def test_the_answer_to_a_run_that_is_over_is_none_to_the_one_that_took_over_its_id() -> None:
    async with TestEngine(workflows=[child, parent]) as engine:
        await engine.start(parent, "old", id="p")
        await engine.settle()
        (old,) = (await engine.list(workflow="child")).items
        await engine.terminate("p")
        await engine.start(parent, "new", id="p", on_conflict="restart")
        await engine.settle()
        await engine.signal(old["id"], "go", 1)
        await engine.settle()
        assert (await engine.describe("p"))["status"] == "running", "it was not its child"
        (new,) = (await engine.list(workflow="child", status="running")).items
        await engine.signal(new["id"], "go", 2)
        assert await engine.get_handle("p").result() == "new 2"
        rows_of(engine)


async def test_an_update_that_the_run_before_left_unanswered_is_told_as_that() -> None:
    async with engine_of() as engine:
        await engine.start(kitchen, id="k")
        with pytest.raises(UpdateTimeoutError):
            await engine.update("k", order, "soup", update_id="u", timeout=0)
        await engine.terminate("k")
        await engine.start(kitchen, id="k", on_conflict="restart")
        with pytest.raises(RunFinishedError) as told:
            await engine.update("k", order, "soup", update_id="u", timeout=0)
        assert "running" not in str(told.value), "a running run is not finished"
        rows_of(engine)


async def test_a_retention_by_count_does_not_count_a_run_that_goes_on() -> None:
    async with engine_of(retention=Retention(count=2)) as engine:
        for id in ("a", "b"):
            await engine.start(tidy, id=id)
            await engine.terminate(id)
            await engine.advance_time("1 minute")
        for _ in range(3):
            await engine.start(tidy, id="b", on_conflict="restart")
            await engine.terminate("b")
            await engine.advance_time("1 minute")
        assert {run["id"] for run in (await engine.list()).items} == {"a", "b"}
        for _ in range(3):
            (*_, last) = [point["step"] for point in await engine.checkpoints("b")]
            await engine.rewind("b", to=last)
            await engine.terminate("b")
            await engine.advance_time("1 minute")
        assert {run["id"] for run in (await engine.list()).items} == {"a", "b"}
        await engine.start(tidy, id="c")
        await engine.terminate("c")
        await engine.advance_time("1 minute")
        assert {run["id"] for run in (await engine.list()).items} == {"b", "c"}
        rows_of(engine)


# ------------------------------------------------------------------ forks and rewinds


async def test_a_fork_has_its_own_review_token_lock_attributes_and_cancellation() -> None:
    async with engine_of() as engine:
        for w, id in [(desk, "d"), (waits_outside, "w"), (tidy, "t")]:
            await engine.start(w, id=id)
        await engine.settle()
        for id in ("d", "w", "t"):
            await engine.fork(id, id=f"{id}2")
        await engine.settle()
        rows_of(engine)
        await engine.crash_and_recover()
        reviews = {r["run_id"]: r["id"] for r in (await engine.reviews(status="pending")).items}
        assert reviews.keys() == {"d", "d2"}
        await engine.submit_review(reviews["d2"], decision="approved")
        assert await engine.get_handle("d2").result() == "approved"
        assert (await engine.describe("d"))["status"] == "running"
        await engine.complete_async_activity(tokens[-1], "mine")
        assert await engine.get_handle("w2").result() == "mine"
        assert (await engine.describe("w"))["status"] == "running"
        await engine.complete_async_activity(tokens[0], "his")
        found = await engine.list(attributes={stage: "half"})
        assert {run["id"] for run in found.items} == {"t", "t2"}
        await engine.cancel("t2")
        await engine.settle()
        assert ran.count("undone") == 1
        await engine.signal("t", "go", None)
        await engine.get_handle("t").result()
        assert {run["id"] for run in (await engine.list(attributes={stage: "whole"})).items} == {"t"}
        assert len(set(keys_used)) == len(keys_used)
        rows_of(engine)


async def test_a_rewind_takes_attributes_and_their_rows_with_it_and_gives_the_lock_back() -> None:
    async with engine_of() as engine:
        await engine.start(tidy, id="t")
        await engine.settle()
        await engine.suspend("t")
        await engine.rewind("t", to=0)
        await engine.settle()
        assert (await engine.list(attributes={stage: "half"})).items == []
        rows_of(engine)
        other = await engine.start(tidy, id="o")
        await engine.settle()
        await engine.signal("o", "go", None)
        await other.result()
        await engine.crash_and_recover()
        await engine.resume("t")
        await engine.settle()
        assert {r["id"] for r in (await engine.list(attributes={stage: "half"})).items} == {"t"}
        await engine.cancel("t")
        await engine.settle()
        assert (await engine.describe("t"))["status"] == "cancelled" and ran[-1] == "undone"
        assert len(set(keys_used)) == len(keys_used)
        rows_of(engine)


async def test_G8_a_rewound_run_answers_an_update_once() -> None:
    async with engine_of() as engine:
        await engine.start(counter, 10, id="c")
        assert await engine.update("c", add, 4, update_id="u") == 4
        assert await engine.update("c", add, 3, update_id="v") == 7
        await engine.suspend("c")
        await engine.rewind("c", to=0)
        await engine.resume("c")
        assert await engine.update("c", add, 4, update_id="u") == 4
        fork = await engine.fork("c")
        assert await fork.update(add, 20, update_id="u") == await fork.query(total_of)
        rows_of(engine)


async def test_a_terminated_run_can_be_revived_with_its_review_and_its_token() -> None:
    async with engine_of() as engine:
        for w, id in [(desk, "d"), (waits_outside, "w")]:
            await engine.start(w, id=id)
        await engine.settle()
        seen: dict[str, str] = {}
        for id in ("d", "w"):
            await engine.terminate(id)
            points = await engine.checkpoints(id)
            seen[id] = str(points)
            await engine.rewind(id, to=points[-1]["step"])
            rows_of(engine)
            await engine.resume(id)
        await engine.settle()
        (asked,) = (await engine.reviews(status="pending")).items
        await engine.submit_review(asked["id"], decision="approved")
        assert await engine.get_handle("d").result() == "approved"
        with pytest.raises(CompletionTokenNotFoundError):
            await engine.complete_async_activity(tokens[0], "old")
        await engine.complete_async_activity(tokens[-1], "new")
        assert await engine.get_handle("w").result() == "new"
        rows_of(engine)


async def test_bulk_verbs_meet_runs_in_every_status() -> None:
    async with engine_of() as engine:
        for id in ("suspended", "pending", "done", "running"):
            await engine.start(tidy, id=id, delay="1 hour" if id == "pending" else None)
            await engine.settle()
        await engine.suspend("suspended")
        await engine.terminate("done")
        for verb in ("resume", "cancel"):
            call = getattr(engine, f"bulk_{verb}")
            plan = await call(workflow="tidy", dry_run=True)
            assert plan.matched == 4
            done = await call(workflow="tidy", confirm=plan.confirmation_token)
            await engine.settle()
            assert sum(done.refused.values()) + done.done == 4
            rows_of(engine)
        statuses = {r["id"]: r["status"] for r in (await engine.list()).items}
        assert statuses == {
            "suspended": "cancelled", "pending": "cancelled", "running": "cancelled", "done": "terminated"
        }  # fmt: skip


async def test_a_purge_takes_reviews_updates_tokens_and_search_rows_with_it() -> None:
    async with engine_of() as engine:
        for w, id in [(desk, "d"), (kitchen, "k"), (waits_outside, "w"), (tidy, "t")]:
            await engine.start(w, id=id, tags=["x"])
        await engine.settle()
        with pytest.raises(UpdateTimeoutError):
            await engine.update("k", order, "soup", update_id="u", timeout=0)
        (asked,) = (await engine.reviews(status="pending")).items
        for id in ("d", "k", "w", "t"):
            await engine.terminate(id)
            with pytest.raises(RunTerminatedError):
                await engine.get_handle(id).result()
            await engine.purge(id)
        await engine.settle()
        rows = rows_of(engine)
        left = [k for k in rows if any(f"/{id}/" in f"{k}/" for id in "dkwt")]
        assert not left
        with pytest.raises(ReviewNotFoundError):
            await engine.submit_review(asked["id"], decision="approved")
        with pytest.raises(CompletionTokenNotFoundError):
            await engine.complete_async_activity(tokens[0], 1)


# ------------------------------------------------------------------ bounds


@workflow
async def canceller(ctx: Context, reason: str) -> str:
    try:
        await ctx.cancel("r", reason)
    except LimitExceededError as refused:
        return refused.code
    return "asked"


async def test_G19_a_reason_and_who_gives_it_have_a_size_and_are_refused_before_anything_is_written() -> None:
    """Ten megabytes of reason would be in the run's record, its log, and every list that shows it."""
    async with engine_of(limits=Limits(max_reason_bytes=100)) as engine:
        await engine.start(tidy, id="r")
        await engine.settle()
        before = dict(rows_of(engine))
        long = "ü" * 51
        plan = await engine.bulk_cancel(workflow="tidy", dry_run=True)
        calls: list[Callable[[], Awaitable[Any]]] = [
            lambda: engine.cancel("r", long),
            lambda: engine.terminate("r", long),
            lambda: engine.suspend("r", long),
            lambda: engine.rewind("r", to=0, reason=long),
            lambda: engine.skip("r", value=1, by=long),
            lambda: engine.edit("r", {"x": 1}, by=long),
            lambda: engine.bulk_cancel(workflow="tidy", reason=long, dry_run=True),
            lambda: engine.bulk_cancel(workflow="tidy", by=long, confirm=plan.confirmation_token),
            lambda: engine.pause_schedule("s", long),
        ]
        for call in calls:
            with pytest.raises(LimitExceededError):
                await call()
        await engine.settle()
        assert rows_of(engine) == before
    async with TestEngine(workflows=[canceller, tidy], limits=Limits(max_reason_bytes=100)) as engine:
        await engine.start(tidy, id="r")
        assert await engine.run(canceller, "x" * 101) == "LimitExceededError"
        assert await engine.run(canceller, "x" * 100) == "asked"


# ------------------------------------------------------------------ crashes at every write

Use = Callable[[TestEngine], Awaitable[None]]
Mode = Literal["before", "after"]


async def everywhere(prepare: Use, use: Use, judge: Use, mode: Mode) -> int:
    """``use`` what was prepared and crash at its n-th write, for every n; use it again and judge. How many writes."""
    for crash_at in range(1, 200):
        _forget_all()
        memory, clock = MemoryStorage(), VirtualClock()
        async with engine_of(storage=memory, clock=clock) as engine:
            await prepare(engine)
        storage = CrashingStorage(memory, mode=mode)
        crashing = engine_of(storage=storage, clock=clock)
        try:
            await crashing.open()
            storage.crash_in(crash_at, mode)
            await use(crashing)
            await crashing.settle()
            crashing.check_alive()
        except SimulatedCrash:
            pass
        await crashing.crash()
        Invariants().check(memory.rows())
        async with engine_of(storage=memory.reopen(), clock=clock) as again:
            await use(again)
            await judge(again)
            rows_of(again)
        if not storage.dead:
            return crash_at
    raise AssertionError("it never ends")


@pytest.mark.parametrize("mode", ["before", "after"])
async def test_an_id_is_taken_over_once_and_its_reviews_are_its_own_whatever_crashes(mode: Mode) -> None:
    async def prepare(engine: TestEngine) -> None:
        await engine.start(desk, id="d")
        await engine.settle()
        (asked,) = (await engine.reviews(status="pending")).items
        await engine.submit_review(asked["id"], decision="approved")
        await engine.get_handle("d").result()

    async def use(engine: TestEngine) -> None:
        if not any(event["type"] == "run_restarted" for event in await engine.history("d")):
            await engine.start(desk, id="d", on_conflict="restart")
        await engine.advance_time("1 minute")
        for asked in (await engine.reviews(status="pending")).items:
            await engine.submit_review(asked["id"], decision="rejected")
        await engine.advance_time("1 minute")

    async def judge(engine: TestEngine) -> None:
        assert await engine.get_handle("d").result() == "rejected"
        assert len(set(keys_used)) == 4
        assert [r["decision"] for r in (await engine.reviews()).items] == ["approved", "rejected"]

    assert await everywhere(prepare, use, judge, mode) > 3


@pytest.mark.parametrize("mode", ["before", "after"])
async def test_what_came_to_suspended_runs_is_there_when_they_are_resumed_whatever_crashes(mode: Mode) -> None:
    ids = {"d": desk, "k": kitchen, "w": waits_outside, "c": counter, "t": tidy}

    async def unfinished(engine: TestEngine) -> dict[str, str]:
        found = {run_id: await engine.describe(run_id) for run_id in ids}
        return {run_id: info["status"] for run_id, info in found.items() if info["finished_at"] is None}

    async def prepare(engine: TestEngine) -> None:
        for run_id, started in ids.items():
            await engine.start(started, *([5] if run_id == "c" else []), id=run_id)
        await engine.settle()

    async def use(engine: TestEngine) -> None:
        for run_id, status in (await unfinished(engine)).items():
            if status == "running":
                with contextlib.suppress(RunFinishedError):  # since we looked
                    await engine.suspend(run_id)
        for run_id, what, payload in (("k", order, "soup"), ("c", add, 7)):
            with contextlib.suppress(UpdateTimeoutError):
                await engine.update(run_id, what, payload, update_id="u", timeout=0)
        for asked in (await engine.reviews(status="pending")).items:
            await engine.submit_review(asked["id"], decision="approved")
        for token in tokens:
            with contextlib.suppress(CompletionTokenNotFoundError):
                await engine.complete_async_activity(token, "v")
        if "t" in await unfinished(engine):
            await engine.signal("t", "go", 1, signal_id="s")
        for run_id in await unfinished(engine):
            with contextlib.suppress(RunFinishedError):
                await engine.resume(run_id)
        await engine.advance_time("20 minutes")

    async def judge(engine: TestEngine) -> None:
        assert not await unfinished(engine)
        assert {run["status"] for run in (await engine.list()).items} == {"completed"}
        assert (await engine.describe("c"))["result"] == 7, "handled once, as far as anything shows"

    assert await everywhere(prepare, use, judge, mode) > 10


@activity(retry=RetryPolicy(max_attempts=1))
async def shouts(size: int) -> None:
    raise ValueError("z" * size)


@workflow
async def wordy(ctx: Context, what: str, size: int) -> str:
    if what == "error":
        raise ValueError("z" * size)
    if what == "log":
        ctx.log("x" * size, more="y" * size)
        ctx.log("short", more=1)
    try:
        if what == "type":
            await ctx.review({}, type="t" * size)
        if what == "reviewer":
            await ctx.review({}, reviewers=["r" * size])
        if what == "reviewers":
            await ctx.review({}, reviewers=[f"r{n}" for n in range(size)])
        if what == "escalation":
            await ctx.review({}, escalation=[{"after": 1, "action": "reject", "reason": "x" * size}])
    except LimitExceededError as refused:
        return str(refused)
    if what == "activity":
        try:
            await ctx.run(shouts, size)
        except ActivityFailedError as failed:
            await ctx.sleep(1)  # it is a variable here
            return f"{failed.error_type} {len(str(failed))}"
    return "said"


@pytest.mark.parametrize("what", ["error", "log", "type", "reviewer", "reviewers", "escalation", "activity"])
async def test_G19_what_a_run_says_of_itself_has_a_size(what: str) -> None:
    """An error of 3 MB was in its run's record twice, so that every list that showed it read that."""
    async with TestEngine(workflows=[wordy]) as engine:
        handle = await engine.start(wordy, what, 3_000_000, id="w")
        await engine.advance_time("1 minute")
        info = await handle.describe()
        assert info["status"] == ("failed" if what == "error" else "completed")
        if what == "error":
            assert info["error"]["message"].endswith("… (3,000,000 characters)")
            with pytest.raises(RunFailedError, match="zzz"):
                await handle.result()
        elif what == "log":
            cut, short = [event for event in await engine.history("w") if event["type"] == "logged"]
            assert cut["message"].startswith("xxx") and "data" not in cut and short["data"] == {"more": 1}
        elif what == "activity":
            assert info["result"].startswith("ValueError 8")
        else:
            assert "over the limit" in info["result"]
        rows = rows_of(engine)
        assert max(len(data) for key, data in rows.items() if not key.startswith("code/")) < 50_000


async def test_a_refusal_that_nobody_hears_any_more_leaves_no_complaint_behind(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whoever asked may be gone by the time it is refused; the complaint came later, amid something else."""
    Envelope("r", reply=asyncio.get_running_loop().create_future()).reject(RunNotFoundError(run_id="r"))
    gc.collect()
    assert "never retrieved" not in caplog.text
