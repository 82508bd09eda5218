"""Reviews: what people are asked, and what they decide."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, get_args

from weft_core.engine.search.page import Page
from weft_core.engine.verbs.looking import LookingVerbs
from weft_core.errors import (
    InvalidInputError,
    PayloadTooLargeError,
    ReviewDecidedError,
    RunFinishedError,
)  # fmt: skip
from weft_core.machine.reviews import ReviewRecord, parse_review_id
from weft_core.model.messages import ReviewSubmitted
from weft_core.model.names import check_id, check_text
from weft_core.model.operations import Decision
from weft_core.ports import Op

DECISIONS: tuple[str, ...] = get_args(Decision)
Sections = Mapping[str, str | Mapping[str, Any]]


class ReviewVerbs(LookingVerbs):
    """reviews, submit_review."""

    async def reviews(self, **filters: Any) -> Page:
        """Reviews as dicts: ``status=`` ("pending", "decided", "timed_out", "cancelled"), ``run_id=``, ``type=``,
        ``reviewer=`` (one who is asked), ``limit=``, ``cursor=``.

        The pending ones come from an index, oldest first; others in the order of their runs' ids.
        """
        return await self.reader.reviews(**filters)

    async def submit_review(
        self,
        review_id: str,
        *,
        decision: Decision | None = None,
        reviewer: str | None = None,
        feedback: str | None = None,
        sections: Sections | None = None,
        decision_id: str | None = None,
    ) -> dict[str, Any]:
        """Decide a review, or sections of it: ``{"prices": "approved"}`` or ``{"prices": {"decision": "rejected",
        "feedback": "too high"}}``. Durable when this returns, and before the workflow goes on. Returns the review.

        The same submission again changes nothing: ``decision_id`` says which is the same; without it, its contents do.
        Another one, for what is decided already: ``ReviewDecidedError``. ``ReviewNotFoundError``, and ``RunHeldError``
        while its run waits for code.
        """
        self._check_open()
        submitted = submission(decision, reviewer, feedback, sections, decision_id)
        await self.deliver_review(review_id, submitted)
        return await self.reader.review(review_id)

    async def deliver_review(self, review_id: str, submitted: dict[str, Any], extra: list[Op] | None = None) -> None:
        """Accept a :func:`submission`; ``extra`` is written in the same batch."""
        run_id, step = parse_review_id(review_id)
        self._check_sizes(submitted)
        record, _ = await self.reader.review_record(review_id)
        if submitted["decision_id"] not in record.accepted:
            check_submission(review_id, record, submitted)
            try:
                await self._deliver(run_id, ReviewSubmitted(record.task, step, **submitted), extra)
            except RunFinishedError:  # since we looked
                extra = None
            record, _ = await self.reader.review_record(review_id)
            if submitted["decision_id"] not in record.accepted:
                raise _decided(review_id, record)
        elif extra:
            await self.discard(extra)

    def _check_sizes(self, submitted: dict[str, Any]) -> None:
        check_id(submitted["decision_id"], "a decision_id", self.limits)
        if submitted["reviewer"] is not None:
            check_text(submitted["reviewer"], "the name of a reviewer", self.limits)
        texts = [submitted["feedback"], *(feedback for _, feedback in submitted["sections"].values())]
        size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts if text is not None)
        if size > self.limits.max_payload_bytes:
            raise PayloadTooLargeError(what="the feedback", actual=size, limit=self.limits.max_payload_bytes)


def submission(
    decision: Any, reviewer: Any, feedback: Any, sections: Sections | None, decision_id: str | None
) -> dict[str, Any]:
    """A submission in its plain form. ``InvalidInputError`` for what can be none."""
    given: dict[str, list[Any]] = {}
    if sections is not None and not isinstance(sections, Mapping):
        raise _wrong(f"sections is a dict of decisions by section, not {sections!r}")
    for name, one in (sections or {}).items():
        said, why = (one, None) if not isinstance(one, Mapping) else (one.get("decision"), one.get("feedback"))
        if not isinstance(name, str) or said not in DECISIONS or not isinstance(why, str | None):
            raise _wrong(f"section {name!r}: {one!r} is no decision; it is one of {DECISIONS}")
        given[name] = [said, why]
    if decision is not None and decision not in DECISIONS:
        raise _wrong(f"{decision!r} is no decision; it is one of {DECISIONS}")
    if decision is None and not given:
        raise _wrong("give decision=, or sections= of a review that may be decided in parts")
    if not isinstance(reviewer, str | None) or not isinstance(feedback, str | None):
        raise _wrong("reviewer and feedback are text")
    if decision_id is None:
        said = repr((decision, reviewer, feedback, sorted(given.items())))
        decision_id = f"said-{hashlib.sha256(said.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"
    return {
        "decision": decision, "reviewer": reviewer, "feedback": feedback, "sections": given, "decision_id": decision_id,
    }  # fmt: skip


def check_submission(review_id: str, record: ReviewRecord, submitted: dict[str, Any]) -> None:
    """``ReviewDecidedError``, or ``InvalidInputError`` for sections that it does not have."""
    if record.status != "pending" or record.sections.keys() & submitted["sections"].keys():
        raise _decided(review_id, record)
    unknown = submitted["sections"].keys() - set(record.wanted or ())
    if unknown:
        there = f"its sections are {record.wanted}" if record.wanted is not None else "it is decided as a whole"
        raise _wrong(f"review {review_id!r} has no section {', '.join(sorted(unknown))}: {there}")


def _decided(review_id: str, record: ReviewRecord) -> ReviewDecidedError:
    by = f" by {record.reviewer}" if record.reviewer is not None else ""
    how = f"{record.decision}{by}" if record.decision is not None else record.status.replace("_", " ")
    if record.status == "pending":
        how = f"decided in part ({', '.join(sorted(record.sections))})"
    return ReviewDecidedError(review_id=review_id, how=how, status=record.status, decision=record.decision)


def _wrong(reason: str) -> InvalidInputError:
    return InvalidInputError(call="submit_review", reason=reason)
