"""Reading reviews from a store: single ones, and pages of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from weft_core.engine.patience import PatientReads
from weft_core.engine.present import decoded
from weft_core.errors import CodecError, ReviewNotFoundError
from weft_core.machine.reviews import ReviewRecord, parse_review_id, read_review, review_id
from weft_core.model import keys
from weft_core.ports import Storage

_SCAN = 128
Found = tuple[list[dict[str, Any]], str | None]


async def read_record(storage: Storage | PatientReads, review_id: str) -> tuple[ReviewRecord, bytes]:
    """The record of a review and its encoded artifact. ``ReviewNotFoundError``, ``CorruptRecordError``."""
    key = keys.review(*parse_review_id(review_id))
    data = await storage.get(key)
    if data is None:
        raise ReviewNotFoundError(review_id=review_id)
    return read_review(key, data)


def shown(id: str, record: ReviewRecord, artifact: bytes) -> dict[str, Any]:
    """The public form of a review; JSON-safe."""
    sections = {
        name: {"decision": decision, "reviewer": reviewer, "feedback": feedback}
        for name, (decision, reviewer, feedback) in record.sections.items()
    }
    escalation = [
        {
            "at": record.requested_at + after,
            "to": names,
            "decision": decision,
            "reason": reason,
            "done": number < record.escalated,
        }
        for number, (after, names, decision, reason) in enumerate(record.escalation)
    ]
    return {
        "id": id, "run_id": parse_review_id(id)[0], "type": record.type, "status": record.status,
        "artifact": decoded(artifact), "reviewers": record.reviewers, "requested_at": record.requested_at,
        "deadline": record.deadline, "escalation": escalation, "wanted_sections": record.wanted, "sections": sections,
        "decision": record.decision, "reviewer": record.reviewer, "feedback": record.feedback, "at": record.at,
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which reviews; None: whatever it is."""

    status: str | None = None
    run_id: str | None = None
    type: str | None = None
    reviewer: str | None = None

    @property
    def prefix(self) -> str:
        """Where to look for them."""
        if self.run_id is not None:
            return keys.review_prefix(self.run_id)
        return keys.OPEN_REVIEWS if self.status == "pending" else keys.REVIEWS

    def fits(self, found: dict[str, Any]) -> bool:
        return (
            self.status in (None, found["status"])
            and self.type in (None, found["type"])
            and (self.reviewer is None or self.reviewer in found["reviewers"])
        )


async def page_of_reviews(storage: Storage | PatientReads, wanted: Wanted, limit: int, cursor: str | None) -> Found:
    """One page, and where the next one begins."""
    items: list[dict[str, Any]] = []
    after = cursor
    while True:
        rows = await storage.scan(wanted.prefix, after=after, limit=_SCAN)
        for key, _ in rows:
            after = key
            found = await _shown_at(storage, key)
            if found is not None and wanted.fits(found):
                items.append(found)
                if len(items) == limit:
                    return items, after
        if len(rows) < _SCAN:
            return items, None


async def _shown_at(storage: Storage | PatientReads, row: str) -> dict[str, Any] | None:
    """The review that a row of either kind stands for; None if it is gone or cannot be read."""
    run_id, step = keys.parse_review(row)
    id = review_id(run_id, step)
    try:
        return shown(id, *await read_record(storage, id))
    except (ReviewNotFoundError, CodecError):
        return None
