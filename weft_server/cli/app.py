"""The commands and their options. What they do is in the module each of them imports when it is called."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from weft_server.cli.failure import execute

app = typer.Typer(
    help="Durable workflows: they go on where they stopped, whatever stopped them.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    add_completion=False,
)
browser = typer.Typer(help="The browser runtime.", no_args_is_help=True)
app.add_typer(browser, name="browser")
schedule = typer.Typer(help="Schedules: what starts runs by time.", no_args_is_help=True)
app.add_typer(schedule, name="schedule")

Db = Annotated[
    Path,
    typer.Option("--db", envvar="WEFT_DB", help="The store: an SQLite file.", show_default="weft.db", metavar="FILE"),
]
DEFAULT_DB = Path("weft.db")
Store = Annotated[
    Path,
    typer.Option("--storage", "--db", envvar="WEFT_DB", help="The store.", show_default="weft.db", metavar="FILE"),
]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or an unambiguous beginning or end of it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


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


class Overlap(StrEnum):
    """What `weft schedule create --overlap` can say."""

    skip = "skip"
    queue = "queue"
    cancel_running = "cancel_running"
    allow = "allow"


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


class Durability(StrEnum):
    """strict: every step is on disk before it counts. relaxed: a power cut may lose the last moments."""

    strict = "strict"
    relaxed = "relaxed"


@app.command("run")
def run_(
    target: Annotated[
        str, typer.Argument(metavar="APP.PY:WORKFLOW", help="The file (or module) and the workflow in it.")
    ],
    input_: Annotated[
        str | None, typer.Option("--input", "-i", help="JSON: the workflow's input.", metavar="JSON")
    ] = None,
    args: Annotated[bool, typer.Option("--args", help="--input is a JSON array: one item for each input.")] = False,
    activities: Annotated[
        list[str] | None,
        typer.Option(
            "--activities", "-a", help="A file whose activities replace those of the same name.", metavar="FILE"
        ),
    ] = None,
    db: Db = DEFAULT_DB,
    id_: Annotated[str | None, typer.Option("--id", help="The run's id; continues this run if it exists.")] = None,
    new: Annotated[bool, typer.Option("--new", help="Start another run even if an equal one is unfinished.")] = False,
    durability: Annotated[Durability, typer.Option(help="What a power cut may take.")] = Durability.strict,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No events, only the result.")] = False,
) -> None:
    """Start a workflow, or continue it, and print its result as JSON.

    Kill it at any moment and type the same command again: it goes on at the
    line it waited at. An unfinished run of the same workflow with the same
    input is continued (--new starts another), and so is every other unfinished
    run in the store.
    """
    from weft_server.cli.run import Request, run

    execute(run, Request(target, input_, args, activities or [], db, id_, new, durability.value, quiet))


@app.command("serve")
def serve(
    app_files: Annotated[list[str], typer.Option("--app", help="A file (or module) with workflows.", metavar="APP.PY")],
    activities: Annotated[
        list[str] | None,
        typer.Option("--activities", "-a", help="A file whose activities replace those of the same name."),
    ] = None,
    db: Store = DEFAULT_DB,
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0: any that is free.")] = 8420,
    token: Annotated[
        str | None, typer.Option(envvar="WEFT_TOKEN", help="The bearer token that callers must give.")
    ] = None,
    host_name: Annotated[
        list[str] | None, typer.Option(help="A name that this server is called by, beside localhost.", metavar="NAME")
    ] = None,
    origin: Annotated[
        list[str] | None, typer.Option(help="An origin whose pages may call.", metavar="https://SHOP.EXAMPLE")
    ] = None,
    durability: Annotated[Durability, typer.Option(help="What a power cut may take.")] = Durability.strict,
) -> None:
    """Drive the runs of a store, and take in those that are handed off.

    Workflows that may come from elsewhere are those with portable=True. See
    docs/handoff.md.
    """
    from weft_server.cli.serve import Request, serve

    request = Request(
        app_files, activities or [], db, host, port, token, host_name or [], origin or [], durability.value
    )
    execute(serve, request)


@app.command("ls")
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


@app.command("show")
def show_(
    run_id: RunId,
    events: Annotated[int, typer.Option("--events", "-n", min=0, help="How many of the last events; 0 for none.")] = 15,
    db: Db = DEFAULT_DB,
    as_json: AsJson = False,
) -> None:
    """Look into a run: its state, its source with the waiting line marked, its live locals, its last events."""
    from weft_server.cli.look import show

    execute(show, db, run_id, events, as_json)


@app.command("signal")
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


@app.command("cancel")
def cancel_(
    run_id: RunId,
    reason: Annotated[str | None, typer.Option("--reason", "-r", help="Kept with the run.")] = None,
    db: Db = DEFAULT_DB,
) -> None:
    """Ask a run to cancel: it is told at its next suspension point, and its finally blocks run."""
    from weft_server.cli.send import send_cancel

    execute(send_cancel, db, run_id, reason)


@app.command("terminate")
def terminate_(
    run_id: RunId,
    reason: Annotated[str | None, typer.Option("--reason", "-r", help="Kept with the run.")] = None,
    db: Db = DEFAULT_DB,
) -> None:
    """End a run where it stands: nothing of its code runs any more, no finally block either. Prefer cancel."""
    from weft_server.cli.send import send_order

    execute(send_order, db, run_id, "terminate", reason)


@app.command("suspend")
def suspend_(
    run_id: RunId,
    reason: Annotated[str | None, typer.Option("--reason", "-r", help="Kept with the run.")] = None,
    db: Db = DEFAULT_DB,
) -> None:
    """Have a run take no further step until it is resumed; what comes for it is kept."""
    from weft_server.cli.send import send_order

    execute(send_order, db, run_id, "suspend", reason)


@app.command("resume")
def resume_(run_id: RunId, db: Db = DEFAULT_DB) -> None:
    """Go on with a suspended run, or with a held or dead one whose obstacle has been removed."""
    from weft_server.cli.send import send_order

    execute(send_order, db, run_id, "resume", None)


@app.command("reviews")
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


@app.command("decide")
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


@app.command("purge")
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


@app.command("doctor")
def doctor_(
    deep: Annotated[bool, typer.Option("--deep", help="Read every record and verify its checksum.")] = False,
    db: Db = DEFAULT_DB,
    as_json: AsJson = False,
) -> None:
    """Examine a store: format, owner, what is in it, and with --deep whether any record is damaged.

    Changes nothing, and works while another process runs the store. Exit code
    1: records are damaged.
    """
    from weft_server.cli.doctor import doctor

    execute(doctor, db, deep, as_json)


@app.command("compile")
def compile_(
    sources: Annotated[list[Path], typer.Argument(metavar="APP.PY|FOLDER...", help="What to compile.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Where to write; beside the sources if left out.", metavar="DIR")
    ] = None,
) -> None:
    """Compile durable functions at build time, into a .weft file for each .py file.

    With it beside the module, a program needs no source files (only .pyc files,
    say, in a zip) and starts faster. A .weft file that was made from other
    source is not used.
    """
    from weft_server.cli.compiling import compile_files

    execute(compile_files, sources, out)


@app.command("check")
def check_(
    workflows: Annotated[
        list[str],
        typer.Option(
            "--workflows", "-w", help="A file or module with the new code; may be repeated.", metavar="APP.PY"
        ),
    ],
    storage: Store = DEFAULT_DB,
    as_json: AsJson = False,
) -> None:
    """Before a deployment: could this code continue every unfinished run of the store?

    Lists them with a verdict: continues, migrates, or held, and why. Changes
    nothing, and works while another process runs the store. Exit code 0: all
    of them can go on; 1: some would be held.
    """
    from weft_server.cli.check import check

    execute(check, storage, workflows, as_json)


@app.command("export")
def export_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write.")],
    storage: Store = DEFAULT_DB,
    compress: Annotated[bool, typer.Option(help="Deflate the rows.")] = True,
    as_json: AsJson = False,
) -> None:
    """Write everything in the store into one file, as it is at this moment.

    Works while another process runs the store, and changes nothing in it.
    weft import takes the file, and so does a page: weft.import(file).
    """
    from weft_server.cli.transfer import export

    execute(export, storage, file, compress, as_json)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What weft export, or a page, has written.")],
    storage: Store = DEFAULT_DB,
    check: Annotated[bool, typer.Option("--check", help="Only read the file to its end and verify it.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Remove all that is in the store.")] = False,
    as_new: Annotated[
        bool, typer.Option("--as-new", help="A copy that runs beside the original: with an identity of its own.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make the store what an export says: all of it or nothing, wherever it is interrupted.

    The store keeps the identity of the one that was exported, so that what its
    activities have done is not done twice. Never run both: the original ends
    with its export. For a copy that runs beside it, say --as-new.
    """
    from weft_server.cli.transfer import import_

    execute(import_, storage, file, check, replace, as_new, as_json)


ScheduleId = Annotated[str, typer.Argument(metavar="SCHEDULE", help="A schedule's id.")]


@schedule.command("list")
def schedule_list_(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Go on where an earlier list ended.", hidden=True)] = None,
    db: Db = DEFAULT_DB,
    as_json: AsJson = False,
) -> None:
    """List schedules: when they are due next, and what became of the times before."""
    from weft_server.cli.schedules import list_

    execute(list_, db, limit, cursor, as_json)


@schedule.command("create")
def schedule_create_(
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


@schedule.command("pause")
def schedule_pause_(
    schedule_id: ScheduleId,
    reason: Annotated[str | None, typer.Option("--reason", "-r", help="Kept with the schedule.")] = None,
    db: Db = DEFAULT_DB,
) -> None:
    """Start nothing by time until it is resumed."""
    from weft_server.cli.schedules import tell

    execute(tell, db, schedule_id, "pause", reason)


@schedule.command("resume")
def schedule_resume_(schedule_id: ScheduleId, db: Db = DEFAULT_DB) -> None:
    """Go on with the next time."""
    from weft_server.cli.schedules import tell

    execute(tell, db, schedule_id, "resume", None)


@schedule.command("trigger")
def schedule_trigger_(schedule_id: ScheduleId, db: Db = DEFAULT_DB) -> None:
    """Start a run now."""
    from weft_server.cli.schedules import tell

    execute(tell, db, schedule_id, "trigger", None)


@schedule.command("delete")
def schedule_delete_(schedule_id: ScheduleId, db: Db = DEFAULT_DB) -> None:
    """Remove a schedule. Its runs stay and go on."""
    from weft_server.cli.schedules import tell

    execute(tell, db, schedule_id, "delete", None)


@app.command("version")
def version_() -> None:
    """Print the version."""
    from weft_core.version import VERSION

    typer.echo(f"weft {VERSION}")


@browser.command("build")
def browser_build_(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to make.")],
    workflow: Annotated[
        list[Path] | None,
        typer.Option("--workflow", "-w", help="A Python file to ship; may be repeated.", metavar="FILE"),
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--page", "-p", help="Your page: index.html and what it needs.", metavar="DIR")
    ] = None,
    remove_service_worker: Annotated[
        bool, typer.Option("--remove-service-worker", help="Browsers that have a service worker of this site drop it.")
    ] = False,
) -> None:
    """Make a static folder with the runtime, that any web server can serve. Needs node and npm, only here."""
    from weft_server.cli.bundle import build

    execute(build, out, workflow or [], page, remove_service_worker)


@browser.command("serve")
def browser_serve_(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A folder that `weft browser build` made.")],
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 8000,
    strict: Annotated[bool, typer.Option("--strict", help="With the strictest Content-Security-Policy.")] = False,
) -> None:
    """Serve a built folder on this machine: for looking at it, not for the world."""
    from weft_server.cli.bundle import serve

    raise typer.Exit(serve(out, port, strict))
