"""A question to people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from weft_core.model.operations.base import Operation

Decision = Literal["approved", "rejected", "needs_changes"]


@dataclass(frozen=True, slots=True)
class SectionDecision:
    """What was decided of one section of an artifact."""

    decision: Decision
    reviewer: str | None = None
    feedback: str | None = None


@dataclass(frozen=True, slots=True)
class ReviewDecision:
    """The value of ``ctx.review``."""

    decision: Decision
    reviewer: str | None
    """Who decided, or who decided last; None for an escalation that decided by itself."""
    feedback: str | None
    at: datetime
    sections: Mapping[str, SectionDecision] = field(default_factory=dict)

    @property
    def approved(self) -> bool:
        return self.decision == "approved"


class Review(Operation[ReviewDecision]):
    """Ask people to decide on an artifact. ``request`` is plain: the first form of the review's record."""

    __slots__ = ("artifact", "request")
    kind = "review"

    def __init__(self, artifact: bytes, request: dict[str, Any]) -> None:
        self.artifact, self.request = artifact, request

    @property
    def label(self) -> str:
        return str(self.request["type"])
