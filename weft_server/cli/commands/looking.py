"""weft ls, weft show: what changes nothing."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from weft_server.cli.commands.options import DEFAULT_DB, AsJson, Db, RunId
from weft_server.cli.failure import execute


class Status(StrEnum):
    """What `weft ls --status` can ask for."""

    pending = "pending"
    running = "running"
    suspended = "suspended"
    needs_attention = "needs_attention"
    held = "held"
    dead = "dead"
    completed = "completed"
    failed = "failed"
    cancelled = "cancelled"
    timed_out = "timed_out"
    terminated = "terminated"
    transferring = "transferring"
    moved = "moved"


def ls_(
    status: Annotated[
        list[Status] | None, typer.Option("--status", "-s", help="Only runs in this state; may be repeated.")
    ] = None,
    workflow: Annotated[
        list[str] | None, typer.Option("--workflow", "-w", help="Only runs of this workflow; may be repeated.")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", "-t", help="Only runs with this tag; of several, with all of them.")
    ] = None,
    attribute: Annotated[
        list[str] | None,
        typer.Option(
            "--attribute",
            "-a",
            help="Only runs with such a search attribute: city=Bern, 'total>=10'; also != > < <= ^= (begins with).",
            metavar="FILTER",
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="How many runs.")] = 20,
    cursor: Annotated[str | None, typer.Option(help="Go on where an earlier list ended.", hidden=True)] = None,
    db: Db = DEFAULT_DB,
    as_json: AsJson = False,
) -> None:
    """List runs, newest first."""
    from weft_server.cli.look import ls

    words = {"status": [s.value for s in status or ()], "workflow": workflow, "tags": tag, "attributes": attribute}
    execute(ls, db, {name: found for name, found in words.items() if found}, limit, cursor, as_json)


def show_(
    run_id: RunId,
    events: Annotated[int, typer.Option("--events", "-n", min=0, help="How many of the last events; 0 for none.")] = 15,
    db: Db = DEFAULT_DB,
    as_json: AsJson = False,
) -> None:
    """Look into a run: its state, its source with the waiting line marked, its live locals, its last events."""
    from weft_server.cli.look import show

    execute(show, db, run_id, events, as_json)


def version_() -> None:
    """Print the version."""
    from weft_core.version import VERSION

    typer.echo(f"weft {VERSION}")
