"""The record of a review: what is asked, of whom, what happens when nobody answers, and what was decided.

All of it is stored, the steps of its escalation too, and so is every change before anything acts on it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from weft_core.errors import CorruptRecordError, ReviewNotFoundError
from weft_core.machine.sealed import seal_plain, unseal_plain
from weft_core.model import keys
from weft_core.ports import Op

_VERSION = 1
ReviewStatus = Literal["pending", "decided", "timed_out", "cancelled"]
_WORST_FIRST = ("rejected", "needs_changes", "approved")


@dataclass(slots=True)
class ReviewRecord:
    """Plain values only. Instants are epoch ms."""

    type: str = "general"
    reviewers: list[str] = field(default_factory=list)
    """Who is asked; escalation adds to them."""
    timeout_ms: int | None = None
    escalation: list[list[Any]] = field(default_factory=list)
    """Steps ``[after ms, names, decision or None, reason]``, in order of time."""
    wanted: list[str] | None = None
    """Sections to decide, where that may be done one by one."""
    status: ReviewStatus = "pending"
    task: int = 0
    requested_at: int = 0
    escalated: int = 0
    """Steps of the escalation that have been taken."""
    sections: dict[str, list[Any]] = field(default_factory=dict)
    """``[decision, reviewer, feedback]`` by section."""
    decision: str | None = None
    reviewer: str | None = None
    feedback: str | None = None
    at: int = 0
    """When it came to its status."""
    accepted: list[str] = field(default_factory=list)
    """Ids of the decisions that made it what it is."""

    @classmethod
    def of(cls, stored: dict[str, Any]) -> ReviewRecord:
        known = {f.name for f in fields(cls)}
        return cls(**{k: v for k, v in stored.items() if k in known})

    def plain(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def deadline(self) -> int | None:
        return None if self.timeout_ms is None else self.requested_at + self.timeout_ms

    def next_step(self) -> int | None:
        """When the next step of the escalation is due, if it comes before the deadline."""
        if self.escalated == len(self.escalation):
            return None
        due: int = self.requested_at + self.escalation[self.escalated][0]
        return due if self.deadline is None or due <= self.deadline else None

    def wakes_at(self) -> int:
        """When time changes it next; 0 for never."""
        return self.next_step() or self.deadline or 0

    def verdict(self) -> str | None:
        """What its sections come to, once all are decided: the worst of them."""
        if self.wanted is None or not set(self.wanted) <= self.sections.keys():
            return None
        given = {decision for decision, _, _ in self.sections.values()}
        return next(worst for worst in _WORST_FIRST if worst in given)


def review_id(run_id: str, step: int) -> str:
    return f"{run_id}.{step}"


def parse_review_id(text: Any) -> tuple[str, int]:
    """(run id, step). ``ReviewNotFoundError`` if it is none."""
    run_id, _, step = text.rpartition(".") if isinstance(text, str) else ("", "", "")
    if not run_id or not (step.isascii() and step.isdecimal()) or len(step) > 15 or "/" in run_id:
        raise ReviewNotFoundError(review_id=text)
    return run_id, int(step)


def review_rows(run_id: str, step: int, record: ReviewRecord, artifact: bytes) -> list[Op]:
    """The record and its row in the index of those that nobody has decided yet."""
    key = keys.review(run_id, step)
    row = b"" if record.status == "pending" else None
    return [
        (key, seal_plain(key, [_VERSION, record.plain(), artifact])),
        (keys.open_review(record.requested_at, run_id, step), row),
    ]


def read_review(key: str, data: bytes) -> tuple[ReviewRecord, bytes]:
    """The record, and the artifact as it is encoded."""
    values = unseal_plain(key, data)
    if len(values) < 3 or values[0] != _VERSION:
        raise CorruptRecordError(key=key, reason=f"a review of unknown version {values[:1]}")
    return ReviewRecord.of(values[1]), values[2]
