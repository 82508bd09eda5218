"""Messages for a run, which the process that runs the store takes up."""

from __future__ import annotations

from typing import Annotated

import typer

from weft_server.cli.commands.options import DEFAULT_DB, Db, RunId
from weft_server.cli.failure import execute


def signal_(
    run_id: RunId,
    name: Annotated[str, typer.Argument(help="The signal's name.")],
    payload: Annotated[str | None, typer.Argument(metavar="[JSON]", help="Its payload; null if left out.")] = None,
    signal_id: Annotated[
        str | None, typer.Option("--signal-id", help="Sent twice under one id, it counts once.")
    ] = None,
    db: Db = DEFAULT_DB,
) -> None:
    """Send a signal to a run, also while another process runs it. Done means: durable, it will be delivered."""
    from weft_server.cli.send import send_signal

    execute(send_signal, db, run_id, name, payload, signal_id)


def cancel_(
    run_id: RunId,
    reason: Annotated[str | None, typer.Option("--reason", "-r", help="Kept with the run.")] = None,
    db: Db = DEFAULT_DB,
) -> None:
    """Ask a run to cancel: it is told at its next suspension point, and its finally blocks run."""
    from weft_server.cli.send import send_cancel

    execute(send_cancel, db, run_id, reason)


def terminate_(
    run_id: RunId,
    reason: Annotated[str | None, typer.Option("--reason", "-r", help="Kept with the run.")] = None,
    db: Db = DEFAULT_DB,
) -> None:
    """End a run where it stands: nothing of its code runs any more, no finally block either. Prefer cancel."""
    from weft_server.cli.send import send_order

    execute(send_order, db, run_id, "terminate", reason)


def suspend_(
    run_id: RunId,
    reason: Annotated[str | None, typer.Option("--reason", "-r", help="Kept with the run.")] = None,
    db: Db = DEFAULT_DB,
) -> None:
    """Have a run take no further step until it is resumed; what comes for it is kept."""
    from weft_server.cli.send import send_order

    execute(send_order, db, run_id, "suspend", reason)


def resume_(run_id: RunId, db: Db = DEFAULT_DB) -> None:
    """Go on with a suspended run, or with a held or dead one whose obstacle has been removed."""
    from weft_server.cli.send import send_order

    execute(send_order, db, run_id, "resume", None)


def take_back_(
    run_id: RunId,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="One that is on its way, without asking: for a server that is gone for good. If it has the run, "
            "both make its steps from now on.",
        ),
    ] = False,
    db: Db = DEFAULT_DB,
) -> None:
    """Have a run go on here that was handed off. Its owner is asked for it."""
    from weft_server.cli.send import send_order

    execute(send_order, db, run_id, "force_back" if force else "take_back", None)


def purge_(
    run_id: RunId,
    force: Annotated[
        bool, typer.Option("--force", help="Also a run that is held or dead, or whose record cannot be read.")
    ] = False,
    db: Db = DEFAULT_DB,
) -> None:
    """Remove a finished run and all its records. Its idempotency key stays spent."""
    from weft_server.cli.send import send_purge

    execute(send_purge, db, run_id, force)
