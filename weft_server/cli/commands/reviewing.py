"""weft reviews, weft decide: what waits for people."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from weft_server.cli.commands.options import DEFAULT_DB, AsJson, Db
from weft_server.cli.failure import execute


class ReviewStatus(StrEnum):
    """What `weft reviews --status` can ask for."""

    pending = "pending"
    decided = "decided"
    timed_out = "timed_out"
    cancelled = "cancelled"


class Decision(StrEnum):
    """What `weft decide` can say."""

    approved = "approved"
    rejected = "rejected"
    needs_changes = "needs_changes"


def reviews_(
    status: Annotated[ReviewStatus, typer.Option("--status", "-s", help="Of the review.")] = ReviewStatus.pending,
    reviewer: Annotated[str | None, typer.Option("--reviewer", "-r", help="Only those that this one is asked.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many.")] = 50,
    db: Db = DEFAULT_DB,
    as_json: AsJson = False,
) -> None:
    """List what people are asked to decide, the oldest first."""
    from weft_server.cli.reviews import reviews

    execute(reviews, db, status.value, reviewer, limit, as_json)


def decide_(
    review_id: Annotated[str, typer.Argument(metavar="REVIEW", help="A review's id; weft reviews lists them.")],
    decision: Annotated[Decision | None, typer.Argument(help="Of the whole.")] = None,
    reviewer: Annotated[str | None, typer.Option("--reviewer", "-r", help="Who decides.")] = None,
    feedback: Annotated[str | None, typer.Option("--feedback", "-f", help="Why.")] = None,
    sections: Annotated[
        str | None, typer.Option("--sections", metavar="JSON", help='Of parts: {"prices": "rejected"}.')
    ] = None,
    decision_id: Annotated[
        str | None, typer.Option("--decision-id", help="Sent twice under one, it counts once.")
    ] = None,
    db: Db = DEFAULT_DB,
) -> None:
    """Decide a review. Done means: durable; of several decisions the first that the run's engine sees counts."""
    from weft_server.cli.send import send_decision

    decided = {
        "decision": decision.value if decision else None, "reviewer": reviewer, "feedback": feedback,
        "decision_id": decision_id,
    }  # fmt: skip
    execute(send_decision, db, review_id, decided, sections)
