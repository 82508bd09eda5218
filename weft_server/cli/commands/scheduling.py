"""weft schedule: what starts runs by time."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from weft_server.cli.commands.options import DEFAULT_DB, AsJson, Db
from weft_server.cli.failure import execute


class Overlap(StrEnum):
    """What `weft schedule create --overlap` can say."""

    skip = "skip"
    queue = "queue"
    cancel_running = "cancel_running"
    allow = "allow"


ScheduleId = Annotated[str, typer.Argument(metavar="SCHEDULE", help="A schedule's id.")]


def list_(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Go on where an earlier list ended.", hidden=True)] = None,
    db: Db = DEFAULT_DB,
    as_json: AsJson = False,
) -> None:
    """List schedules: when they are due next, and what became of the times before."""
    from weft_server.cli.schedules import list_

    execute(list_, db, limit, cursor, as_json)


def create_(
    schedule_id: ScheduleId,
    workflow: Annotated[str, typer.Argument(help="The name of the workflow that it starts.")],
    cron: Annotated[str | None, typer.Option(help="Five fields or a macro: '0 3 * * *', @daily.")] = None,
    every: Annotated[str | None, typer.Option(help="An interval: '15 minutes', 1h30m.")] = None,
    timezone: Annotated[str, typer.Option(help="Of the cron expression.")] = "UTC",
    input_: Annotated[
        str | None, typer.Option("--input", "-i", help="JSON: the input of each run.", metavar="JSON")
    ] = None,
    overlap: Annotated[Overlap, typer.Option(help="When a time comes and a run is unfinished.")] = Overlap.skip,
    backfill: Annotated[bool, typer.Option("--backfill", help="Make up for every time, however late.")] = False,
    db: Db = DEFAULT_DB,
) -> None:
    """Create a schedule; whoever runs the store takes it up."""
    from weft_server.cli.schedules import create

    options = {
        "cron": cron, "every": every, "timezone": timezone, "overlap": overlap.value, "backfill": backfill,
    }  # fmt: skip
    execute(create, db, schedule_id, workflow, input_, options)


def pause_(
    schedule_id: ScheduleId,
    reason: Annotated[str | None, typer.Option("--reason", "-r", help="Kept with the schedule.")] = None,
    db: Db = DEFAULT_DB,
) -> None:
    """Start nothing by time until it is resumed."""
    from weft_server.cli.schedules import tell

    execute(tell, db, schedule_id, "pause", reason)


def resume_(schedule_id: ScheduleId, db: Db = DEFAULT_DB) -> None:
    """Go on with the next time."""
    from weft_server.cli.schedules import tell

    execute(tell, db, schedule_id, "resume", None)


def trigger_(schedule_id: ScheduleId, db: Db = DEFAULT_DB) -> None:
    """Start a run now."""
    from weft_server.cli.schedules import tell

    execute(tell, db, schedule_id, "trigger", None)


def delete_(schedule_id: ScheduleId, db: Db = DEFAULT_DB) -> None:
    """Remove a schedule. Its runs stay and go on."""
    from weft_server.cli.schedules import tell

    execute(tell, db, schedule_id, "delete", None)
