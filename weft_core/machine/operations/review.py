"""``ctx.review``. The note is ``[wakes_at or 0, record]``: the record as it is stored, but for the artifact.

One timer at a time: for the next step of the escalation, or for the timeout. Whatever was slept through is made good in
order, each step at its own place.
"""

from __future__ import annotations

from typing import Any

from weft_core.errors import LimitExceededError, PayloadTooLargeError, ReviewTimeoutError
from weft_core.machine.operations.base import BaseHooks
from weft_core.machine.reviews import ReviewRecord, ReviewStatus, review_id, review_rows
from weft_core.machine.turn import Turn
from weft_core.model.durations import from_ms
from weft_core.model.limits import Limits
from weft_core.model.messages import ReviewSubmitted, TimerFired
from weft_core.model.names import check_text, check_told
from weft_core.model.operations import Review, ReviewDecision, SectionDecision
from weft_core.model.run import Task


class ReviewHooks(BaseHooks):
    def begin(self, turn: Turn, task: Task, op: Review) -> None:
        limit = turn.rules.limits.max_payload_bytes
        if len(op.artifact) > limit:
            raise PayloadTooLargeError(what="the artifact of a review", actual=len(op.artifact), limit=limit)
        record = ReviewRecord.of(op.request)
        _check_names(record, turn.rules.limits)
        record.task, record.requested_at = task.id, turn.rules.now_ms()
        record.at = record.requested_at
        turn.event(
            "review_requested",
            review_type=record.type,
            reviewers=record.reviewers,
            step=task.step,
            review_id=_id(turn, task),
        )
        self._keep(turn, task, record)

    def _keep(self, turn: Turn, task: Task, record: ReviewRecord) -> None:
        """It is still open: store it as it is now."""
        wakes_at = record.wakes_at()
        task.wait = [wakes_at, record.plain()]
        if wakes_at:
            turn.add_timer(task, wakes_at)
        self._store(turn, task, record)

    def _store(self, turn: Turn, task: Task, record: ReviewRecord) -> None:
        op = task.op
        assert isinstance(op, Review)
        turn.ops.extend(review_rows(turn.run.id, task.step, record, op.artifact))

    def deliver(self, turn: Turn, task: Task, message: TimerFired | ReviewSubmitted) -> None:
        wakes_at, stored = task.wait
        record = ReviewRecord.of(stored)
        if isinstance(message, ReviewSubmitted):
            if self._fits(record, message):
                self._forget_timer(turn, task)
                self._take(turn, task, record, message)
        elif turn.now >= wakes_at:
            self._forget_timer(turn, task)
            self._pass_time(turn, task, record)

    @staticmethod
    def _fits(record: ReviewRecord, message: ReviewSubmitted) -> bool:
        """Not one that came before, and of nothing that has been decided meanwhile."""
        return message.decision_id not in record.accepted and not (record.sections.keys() & message.sections.keys())

    def _take(self, turn: Turn, task: Task, record: ReviewRecord, message: ReviewSubmitted) -> None:
        record.accepted.append(message.decision_id)
        for name, (decision, feedback) in message.sections.items():
            record.sections[name] = [decision, message.reviewer, feedback]
        decision = message.decision or record.verdict()
        if decision is not None:
            self._decide(turn, task, record, decision, message.reviewer, message.feedback)
            return
        turn.event(
            "review_partly_decided", sections=sorted(message.sections), step=task.step, review_id=_id(turn, task)
        )
        self._keep(turn, task, record)

    def _pass_time(self, turn: Turn, task: Task, record: ReviewRecord) -> None:
        while (due := record.next_step()) is not None and due <= turn.now:
            _, names, decision, reason = record.escalation[record.escalated]
            record.escalated += 1
            if decision is not None:
                self._decide(turn, task, record, decision, None, reason)
                return
            record.reviewers += [name for name in names if name not in record.reviewers]
            turn.event("review_escalated", to=names, step=task.step, review_id=_id(turn, task))
        if record.next_step() is None and record.deadline is not None and record.deadline <= turn.now:
            turn.event("review_timed_out", step=task.step, review_id=_id(turn, task))
            self._close(turn, task, record, "timed_out")
            timeout = ReviewTimeoutError(review_id=_id(turn, task), timeout_ms=record.timeout_ms)
            turn.fail(task, timeout)
        else:
            self._keep(turn, task, record)

    def _decide(
        self, turn: Turn, task: Task, record: ReviewRecord, decision: Any, reviewer: str | None, feedback: str | None
    ) -> None:
        record.decision, record.reviewer, record.feedback = decision, reviewer, feedback
        turn.event("review_decided", decision=decision, reviewer=reviewer, step=task.step, review_id=_id(turn, task))
        self._close(turn, task, record, "decided")
        sections = {name: SectionDecision(*given) for name, given in record.sections.items()}
        turn.answer(task, ReviewDecision(decision, reviewer, feedback, from_ms(turn.now), sections))

    def _close(self, turn: Turn, task: Task, record: ReviewRecord, status: ReviewStatus) -> None:
        record.status, record.at = status, turn.now
        self._store(turn, task, record)

    def _forget_timer(self, turn: Turn, task: Task) -> None:
        if task.wait[0]:
            turn.drop_timer(task, task.wait[0])

    def cancel(self, turn: Turn, task: Task) -> bool:
        self._forget_timer(turn, task)
        turn.event("review_cancelled", step=task.step, review_id=_id(turn, task))
        self._close(turn, task, ReviewRecord.of(task.wait[1]), "cancelled")
        return True

    def recover(self, turn: Turn, task: Task) -> None:
        """Its record too: a run that was copied from another has none yet."""
        self._keep(turn, task, ReviewRecord.of(task.wait[1]))

    def describe(self, wait: Any) -> dict[str, Any]:
        return {"deadline": wait[0] or None, "reviewers": wait[1]["reviewers"]}


def _id(turn: Turn, task: Task) -> str:
    return review_id(turn.run.id, task.step)


def _check_names(record: ReviewRecord, limits: Limits) -> None:
    """As of those who decide; and there are as many at most as there are branches of a group."""
    check_text(record.type, "the type of a review", limits)
    names = [*record.reviewers, *(name for step in record.escalation for name in step[1]), *(record.wanted or ())]
    for name in names:
        check_text(name, "a name in a review", limits)
    if len(names) > limits.max_branches:
        raise LimitExceededError(what="the names in a review", actual=len(names), limit=limits.max_branches)
    check_told("ctx.review", limits, **{f"reason of step {i}": step[3] for i, step in enumerate(record.escalation)})
