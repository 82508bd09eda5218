"""Human review: what people are asked, what happens when nobody answers, and what they decide."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.engine.invariants import Invariants
from tests.engine.visits import after_every_crash, settled
from weft_core import Context, Limits, ReviewDecision, load_source, workflow
from weft_core.client import leave_review
from weft_core.errors import (
    InvalidInputError,
    LimitExceededError,
    PayloadTooLargeError,
    ReviewDecidedError,
    ReviewNotFoundError,
    ReviewTimeoutError,
    RunCancelledError,
    RunExistsError,
    RunFailedError,
    RunHeldError,
)
from weft_core.storage import MemoryStorage
from weft_core.testing import TestEngine, VirtualClock, assert_survives_every_crash, virtual_host
from weft_core.testing.virtual import EPOCH_MS

DRAFT = {"title": "Prices", "body": "10 euros"}
ESCALATION: list[dict[str, Any]] = [
    {"after": "1 day", "action": "reject", "reason": "nobody had time"},
    {"after": "4 hours", "to": ["lead", "ann"]},
]


@workflow
async def publish(ctx: Context, options: dict[str, Any]) -> dict[str, Any]:
    try:
        decided = await ctx.review(DRAFT, **{"type": "text", "reviewers": ["ann"], **options})
    except ReviewTimeoutError as late:
        return {"late": str(late)}
    sections = {name: [s.decision, s.reviewer, s.feedback] for name, s in decided.sections.items()}
    return {"decision": decided.decision, "by": decided.reviewer, "why": decided.feedback, "sections": sections}


@workflow
async def whole(ctx: Context) -> ReviewDecision:
    return await ctx.review("a text")


async def only(engine: TestEngine, **filters: Any) -> dict[str, Any]:
    (found,) = (await engine.reviews(**filters)).items
    return found


async def test_a_review_is_listed_and_decided() -> None:
    rows = MemoryStorage()
    async with TestEngine(workflows=[publish], storage=rows) as engine:
        handle = await engine.start(publish, {})
        asked = await only(engine, status="pending")
        assert (asked["run_id"], asked["type"], asked["artifact"]) == (handle.id, "text", DRAFT)
        assert (await handle.describe())["waiting_for"][0]["reviewers"] == ["ann"]
        Invariants().check(rows.rows())
        done = await engine.submit_review(asked["id"], decision="needs_changes", reviewer="ann", feedback="too dear")
        assert (done["status"], done["decision"], done["reviewer"]) == ("decided", "needs_changes", "ann")
        assert await handle.result() == {
            "decision": "needs_changes", "by": "ann", "why": "too dear", "sections": {},
        }  # fmt: skip
        assert (await engine.reviews(status="pending")).items == []
        assert (await only(engine, status="decided", run_id=handle.id))["feedback"] == "too dear"
        Invariants().check(rows.rows())


async def test_the_value_of_a_review_says_whether_it_was_approved_and_when() -> None:
    async with TestEngine(workflows=[whole]) as engine:
        handle = await engine.start(whole)
        await engine.advance_time("1 hour")
        await engine.submit_review((await only(engine))["id"], decision="approved")
        decided = await handle.result()
        assert isinstance(decided, ReviewDecision) and decided.approved
        assert decided.at.timestamp() * 1000 == engine.clock.now_ms()
        assert (decided.reviewer, decided.sections) == (None, {})


async def test_a_decision_is_taken_once_and_another_one_is_refused() -> None:
    async with TestEngine(workflows=[publish]) as engine:
        handle = await engine.start(publish, {})
        id = (await only(engine))["id"]
        submitted = [
            engine.submit_review(id, decision=decision, reviewer=who)
            for decision, who in (("approved", "ann"), ("rejected", "bob"), ("approved", "ann"))
        ]
        first, other, same = await asyncio.gather(*submitted, return_exceptions=True)
        assert isinstance(first, dict) and first == same
        assert isinstance(other, ReviewDecidedError) and "is already approved by ann" in str(other)
        await engine.crash_and_recover()
        assert (await engine.submit_review(id, decision="approved", reviewer="ann"))["decision"] == "approved"
        with pytest.raises(ReviewDecidedError):
            await engine.submit_review(id, decision="approved", reviewer="ann", decision_id="another")
        assert (await engine.get_handle(handle.id).result())["decision"] == "approved"


async def test_escalation_is_stored_and_goes_on_after_crashes() -> None:
    """The original keeps the steps of an escalation in memory: after a restart nobody else is ever asked."""
    rows = MemoryStorage()
    async with TestEngine(workflows=[publish], storage=rows) as engine:
        handle = await engine.start(publish, {"escalation": ESCALATION, "timeout": "2 days"})
        await engine.crash_and_recover()
        await engine.advance_time("5 hours")
        asked = await only(engine, reviewer="lead")
        assert asked["reviewers"] == ["ann", "lead"]
        assert [step["done"] for step in asked["escalation"]] == [True, False]
        await engine.crash_and_recover()
        Invariants().check(rows.reopen().rows())
        await engine.advance_time("1 day")
        assert await engine.get_handle(handle.id).result() == {
            "decision": "rejected", "by": None, "why": "nobody had time", "sections": {},
        }  # fmt: skip
        kinds = [e["type"] for e in await engine.history(handle.id)]
        assert [k for k in kinds if k.startswith("review")] == [
            "review_requested", "review_escalated", "review_decided",
        ]  # fmt: skip


async def test_what_was_slept_through_is_made_good_in_order() -> None:
    rows, clock = MemoryStorage(), VirtualClock()
    async with TestEngine(workflows=[publish], storage=rows, clock=clock) as engine:
        await engine.start(publish, {"escalation": ESCALATION, "timeout": "2 days"}, id="r")
    clock.advance_to(clock.now_ms() + 3 * 86_400_000)
    async with TestEngine(workflows=[publish], storage=rows.reopen(), clock=clock) as engine:
        await engine.settle()
        assert (await engine.get_handle("r").result())["decision"] == "rejected", "the step came before the timeout"
        assert (await engine.reader.review("r.1"))["reviewers"] == ["ann", "lead"]


async def test_a_review_that_nobody_decides_times_out() -> None:
    rows = MemoryStorage()
    async with TestEngine(workflows=[publish], storage=rows) as engine:
        handle = await engine.start(publish, {"timeout": "1 hour", "escalation": ESCALATION})
        id = (await only(engine))["id"]
        await engine.advance_time("2 hours")
        assert await handle.result() == {"late": f"nobody decided review {id!r} within 3600000 ms"}
        assert (await only(engine, status="timed_out"))["id"] == id
        with pytest.raises(ReviewDecidedError, match="is already timed out"):
            await engine.submit_review(id, decision="approved")
        Invariants().check(rows.rows())


async def test_sections_are_decided_one_by_one_and_the_worst_counts() -> None:
    async with TestEngine(workflows=[publish]) as engine:
        handle = await engine.start(publish, {"allow_partial": True})
        id = (await only(engine))["id"]
        part = await engine.submit_review(id, reviewer="ann", sections={"title": "approved"})
        assert (part["status"], part["wanted_sections"]) == ("pending", ["title", "body"])
        await engine.crash_and_recover()
        assert (await engine.submit_review(id, reviewer="ann", sections={"title": "approved"}))["status"] == "pending"
        with pytest.raises(ReviewDecidedError, match=r"decided in part \(title\)"):
            await engine.submit_review(id, reviewer="bob", sections={"title": "rejected"})
        with pytest.raises(InvalidInputError, match="no section price"):
            await engine.submit_review(id, sections={"price": "approved"})
        body = {"body": {"decision": "needs_changes", "feedback": "in dollars"}}
        await engine.submit_review(id, reviewer="bob", sections=body)
        assert await engine.get_handle(handle.id).result() == {
            "decision": "needs_changes", "by": "bob", "why": None,
            "sections": {"title": ["approved", "ann", None], "body": ["needs_changes", "bob", "in dollars"]},
        }  # fmt: skip


async def test_a_partial_review_can_be_decided_as_a_whole() -> None:
    async with TestEngine(workflows=[publish]) as engine:
        handle = await engine.start(publish, {"allow_partial": True})
        await engine.submit_review((await only(engine))["id"], decision="approved", sections={"title": "needs_changes"})
        assert (await handle.result())["decision"] == "approved"


async def test_a_cancelled_run_takes_its_reviews_back() -> None:
    rows = MemoryStorage()
    async with TestEngine(workflows=[publish], storage=rows) as engine:
        for stop in ("cancel", "terminate"):
            handle = await engine.start(publish, {"timeout": "1 day"}, id=stop)
            await getattr(handle, stop)()
            assert (await only(engine, run_id=stop))["status"] == "cancelled"
            Invariants().check(rows.rows())
        with pytest.raises(RunCancelledError):
            await engine.get_handle("cancel").result()
        assert (await engine.reviews(status="pending")).items == []


async def test_a_held_run_keeps_its_reviews_until_it_goes_on_or_is_cancelled() -> None:
    rows, clock = MemoryStorage(), VirtualClock()
    ids = virtual_host(clock, "reviewers").ids
    async with TestEngine(workflows=[publish], storage=rows, clock=clock) as engine:
        await engine.start(publish, {}, id="r")
        await engine.start(publish, {"timeout": "1 day"}, id="s")
    rows = rows.reopen()
    await leave_review(rows, ids, "r.1", decision="approved", reviewer="ann")
    async with TestEngine(workflows=[whole], storage=rows, clock=clock) as engine:
        with pytest.raises(RunHeldError):
            await engine.submit_review("r.1", decision="rejected")
        await engine.cancel("s")
        assert (await only(engine, run_id="s"))["status"] == "cancelled"
        Invariants().check(rows.rows())
    async with TestEngine(workflows=[publish], storage=rows.reopen(), clock=clock) as engine:
        await engine.settle()
        assert (await engine.get_handle("r").result())["by"] == "ann", "what was left is not lost"


async def test_a_decision_can_be_left_for_the_owner_by_another_process() -> None:
    rows = MemoryStorage()
    async with TestEngine(workflows=[publish], storage=rows) as engine:
        handle = await engine.start(publish, {})
        id, ids = (await only(engine))["id"], virtual_host(engine.clock, "page").ids
        await leave_review(rows, ids, id, decision="approved", reviewer="page", decision_id="click")
        await leave_review(rows, ids, id, decision="approved", reviewer="page", decision_id="click")
        await engine._parts.inbox.take()
        assert (await handle.result())["by"] == "page"
        assert not [key for key in rows.rows() if key.startswith("inbox/")]
        with pytest.raises(ReviewDecidedError):
            await leave_review(rows, ids, id, decision="rejected")
        with pytest.raises(ReviewNotFoundError):
            await leave_review(rows, ids, "nobody.1", decision="approved")


async def test_reviews_are_found_by_status_run_type_and_reviewer_in_pages() -> None:
    rows = MemoryStorage()
    async with TestEngine(workflows=[publish], storage=rows) as engine:
        for n in range(7):
            await engine.start(publish, {"type": f"t{n % 2}", "reviewers": [f"r{n % 3}"]}, id=f"run-{6 - n}")
            await engine.advance_time("1 second")
        pending = (await engine.reviews(status="pending")).items
        assert [r["run_id"] for r in pending] == [f"run-{6 - n}" for n in range(7)], "oldest first"
        assert len((await engine.reviews(type="t0")).items) == 4
        assert len((await engine.reviews(reviewer="r0", status="pending")).items) == 3
        assert len((await engine.reviews(type="t0", reviewer="r0")).items) == 2
        seen: list[str] = []
        cursor: str | None = None
        while True:
            page = await engine.reviews(status="pending", limit=3, cursor=cursor)
            seen += [r["id"] for r in page.items]
            if (cursor := page.cursor) is None:
                break
        assert seen == [r["id"] for r in pending]
        with pytest.raises(InvalidInputError):
            await engine.reviews(limit=0)
        await engine.submit_review("run-3.1", decision="approved")
        await engine.purge("run-3")
        assert not [key for key in rows.rows() if "run-3" in key]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"type": ""}, "the type is text"),
        ({"reviewers": "ann"}, "reviewers is a list of names"),
        ({"reviewers": [1]}, "reviewers is a list of names"),
        ({"escalation": [{"to": ["ann"]}]}, "no step of an escalation"),
        ({"escalation": [{"after": "1 day"}]}, "either to= or action="),
        ({"escalation": [{"after": "1 day", "action": "burn"}]}, "must be one of"),
        ({"escalation": [{"after": "1 day", "action": "reject", "reason": 1}]}, "is text"),
    ],
)
async def test_a_wrong_request_is_refused_at_its_line(options: dict[str, Any], message: str) -> None:
    async with TestEngine(workflows=[publish]) as engine:
        with pytest.raises(RunFailedError, match=message):
            await (await engine.start(publish, options)).result()


@workflow
async def partial_text(ctx: Context, size: int) -> ReviewDecision:
    return await ctx.review("x" * size, allow_partial=size == 0)


async def test_wrong_decisions_are_refused_before_anything_is_written() -> None:
    rows = MemoryStorage()
    limits = Limits(max_payload_bytes=300)
    async with TestEngine(workflows=[publish, partial_text], storage=rows, limits=limits) as engine:
        with pytest.raises(RunFailedError, match="dict of sections"):
            await (await engine.start(partial_text, 0)).result()
        with pytest.raises(RunFailedError, match="artifact of a review is"):
            await (await engine.start(partial_text, 1000)).result()
        await engine.start(publish, {}, id="r")
        before = rows.rows()
        wrong: list[dict[str, Any]] = [
            {}, {"decision": "yes"}, {"sections": {"title": "approved"}}, {"sections": {"title": "yes"}},
            {"sections": ["title"]}, {"decision": "approved", "reviewer": 1}, {"decision": "approved", "feedback": 1},
            {"decision": "approved", "decision_id": "a/b"}, {"sections": {"title": {"feedback": "no decision"}}},
        ]  # fmt: skip
        for submitted in wrong:
            with pytest.raises(InvalidInputError):
                await engine.submit_review("r.1", **submitted)
        with pytest.raises(PayloadTooLargeError):
            await engine.submit_review("r.1", decision="approved", feedback="x" * 400)
        with pytest.raises(LimitExceededError):
            await engine.submit_review("r.1", decision="approved", reviewer="x" * 400)
        for unknown in ("r.2", "x.1", "r", "", "r.x", "a/b.1", None):
            with pytest.raises(ReviewNotFoundError):
                await engine.submit_review(unknown, decision="approved")  # type: ignore[arg-type]
        assert rows.rows() == before


async def test_reviews_survive_a_crash_at_every_write() -> None:
    async def use(engine: TestEngine) -> Any:
        try:
            await engine.start(publish, {"escalation": ESCALATION, "allow_partial": True}, id="r")
        except RunExistsError:
            pass
        await settled(engine)
        await engine.advance_to_ms(EPOCH_MS + 4 * 3_600_000)
        await settled(engine)
        for name in DRAFT:
            await engine.submit_review("r.1", reviewer="lead", sections={name: "approved"}, decision_id=name)
            await settled(engine)
        found = await engine.reader.review("r.1")
        return found["reviewers"], found["status"], await engine.get_handle("r").result()

    async for told in after_every_crash([publish], use):
        sections = {name: ["approved", "lead", None] for name in DRAFT}
        result = {"decision": "approved", "by": "lead", "why": None, "sections": sections}
        assert told == (["ann", "lead"], "decided", result)


async def test_escalation_and_timeout_survive_a_crash_at_every_write() -> None:
    for options in ({"escalation": ESCALATION}, {"escalation": ESCALATION, "timeout": "5 hours"}):
        report = await assert_survives_every_crash(publish, options)
        assert report.writes >= 3


async def test_the_page_on_reviews_runs_as_it_is_written() -> None:
    page = Path(__file__).parents[2] / "docs" / "reviews.md"
    shown = load_source("page_on_reviews", page.read_text("utf-8").split("```python\n")[1].split("```")[0])
    async with TestEngine(workflows=[shown.publish]) as engine:
        handle = await engine.start(shown.publish, {"title": "Prices", "body": "10 euros"})
        await engine.submit_review((await only(engine))["id"], decision="approved", reviewer="ann")
        assert await handle.result() == "published"
