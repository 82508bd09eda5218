"""``weft run``: own a store, drive a run in it to its end, and say what happens meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shlex
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from weft_core import Engine, WorkflowHandle
from weft_core.errors import RunError, RunNotFoundError
from weft_server.cli import screen
from weft_server.cli.failure import BY_STATUS, DONE, INTERRUPTED, NEEDS_PERSON, TERMINATED, CommandError
from weft_server.cli.loading import Program, load_program
from weft_server.cli.runlog import RunLog
from weft_server.cli.stopping import stop_signals
from weft_server.cli.store import owned

SEARCHED: Final = 1_000
"""How many unfinished runs are compared with the input, newest first."""

QUIET_S: Final = 0.15
_CONTINUED: Final = ("pending", "running", "suspended", "needs_attention")
_ANNOUNCED: Final = {
    "pending": "waiting for run {id} to begin",
    "running": "continuing run {id} (step {steps})",
    "suspended": "run {id} is suspended (step {steps})",
    "needs_attention": "run {id} needed attention; trying again",
    "held": "run {id} was held; trying again",
    "dead": "run {id} was in the dead letter list; trying again",
}


@dataclass(frozen=True)
class Request:
    """The command line of ``weft run``."""

    target: str
    input: str | None
    input_is_list: bool
    activities: list[str]
    db: Path
    run_id: str | None
    new: bool
    durability: Literal["strict", "relaxed"]
    quiet: bool


async def run(request: Request) -> int:
    """The exit code; the result goes to standard output as JSON, everything else to standard error."""
    inputs = _inputs(request)
    program = load_program(request.target, request.activities)
    log = RunLog(request.quiet)
    async with owned(request.db, request.durability) as storage:
        engine = Engine(
            storage=storage, workflows=program.workflows, activities=program.activities, queues=program.queues,
            close_storage=False,
        )  # fmt: skip
        engine.events.subscribe(log.event)
        # Before the engine opens: opening delivers what was left for the run, which may end it at once.
        known = await _known(engine, program, request, inputs)
        if known is not None:
            _announce(known, log)
        with stop_signals() as stopped:
            async with engine:
                handle = await _start_or_continue(engine, program, request, inputs, known, log)
                return await _until_done(engine, handle, request, log, stopped)


def _inputs(request: Request) -> list[Any]:
    if request.input is None:
        return []
    try:
        value = json.loads(request.input)
    except ValueError as error:
        raise CommandError(f"--input is not JSON ({error}); quote it for the shell: --input '{{\"id\": 1}}'") from None
    if not request.input_is_list:
        return [value]
    if not isinstance(value, list):
        raise CommandError("--args needs --input to be a JSON array with one item for each input")
    return value


# ---------------------------------------------------------------- which run


def _announce(known: dict[str, Any], log: RunLog) -> None:
    log.follow(known["id"])
    words = _ANNOUNCED.get(known["status"], "run {id} is {status} already")
    log.say(words.format(id=known["id"], steps=known["steps"], status=known["status"]))


async def _start_or_continue(
    engine: Engine,
    program: Program,
    request: Request,
    inputs: list[Any],
    known: dict[str, Any] | None,
    log: RunLog,
) -> WorkflowHandle:
    if known is None:
        handle = await engine.start(program.workflow, *inputs, id=request.run_id)
        log.follow(handle.id)
        return handle
    if known["status"] in ("pending", "running", "suspended", "held"):
        await _take_up(engine, known["id"])
    elif known["status"] in ("dead", "needs_attention"):
        await engine.resume(known["id"])
    return engine.get_handle(known["id"])


async def _take_up(engine: Engine, run_id: str) -> None:
    """Load the run, which shows at once whether its code still fits. A question is answered by a loaded run only, and
    after the recovery that the opening engine has begun; which question does not matter."""
    with contextlib.suppress(RunError):
        await engine.query(run_id, "")


async def _known(engine: Engine, program: Program, request: Request, inputs: list[Any]) -> dict[str, Any] | None:
    """The run to continue: the one of ``--id``, else the newest unfinished one of this workflow with this input."""
    if request.run_id is not None:
        try:
            known = await engine.describe(request.run_id)
        except RunNotFoundError:
            return None
        if known["workflow"] != program.workflow.name:
            raise CommandError(
                f"run {request.run_id!r} is a run of workflow {known['workflow']!r}; choose another --id"
            )
        if request.input is not None and known["input"] != inputs:
            raise CommandError(
                f"run {request.run_id!r} was started with another input; leave --input out to continue it"
            )
        return known
    if request.new:
        return None
    page = await engine.list(status=_CONTINUED, workflow=program.workflow.name, limit=SEARCHED)
    for item in page.items:
        if item["input"] == inputs:
            return item
    return None


# ---------------------------------------------------------------- until it ends, or we are told to stop


async def _until_done(
    engine: Engine, handle: WorkflowHandle, request: Request, log: RunLog, stopped: asyncio.Future[int]
) -> int:
    result = asyncio.ensure_future(handle.result())
    announcing = asyncio.ensure_future(_announce_waits(engine, handle.id, request, log))
    try:
        await asyncio.wait([result, announcing, stopped], return_when=asyncio.FIRST_COMPLETED)
        if not result.done() and not announcing.done():
            return _parked(await engine.describe(handle.id), request, log, stopped.result())
    finally:
        announcing.cancel()
        result.cancel()
        await asyncio.gather(result, announcing, return_exceptions=True)
    return _finished(await engine.describe(handle.id), log)


def _finished(info: dict[str, Any], log: RunLog) -> int:
    """Print the outcome of a run that has ended, or that cannot go on without a person."""
    log.flush()
    if info["status"] == "completed":
        screen.out().print(json.dumps(info["result"], ensure_ascii=False), markup=False)
        return DONE
    error = info.get("error")
    if info["status"] == "suspended":
        log.complain(f"run {info['id']} is suspended", f"weft resume {info['id']} lets it go on")
        return NEEDS_PERSON
    why = f"{error['code']}: {error['message']}" if error else f"weft show {info['id']} tells what happened"
    log.complain(f"run {info['id']} is {info['status']}", why)
    return BY_STATUS.get(info["status"], NEEDS_PERSON)


def _parked(info: dict[str, Any], request: Request, log: RunLog, signum: int) -> int:
    waits = "; ".join(screen.waiting(entry) for entry in info["waiting_for"]) or "its next step"
    log.say(f"\nparked: run {info['id']} waits for {waits}. Nothing is lost; go on with")
    log.say(f"  {_command(request, info['id'])}")
    return TERMINATED if signum == signal.SIGTERM else INTERRUPTED


def _command(request: Request, run_id: str) -> str:
    """The command line that continues this run."""
    words = ["weft", "run", request.target, "--id", run_id]
    for file in request.activities:
        words += ["--activities", file]
    return shlex.join(words + _db_words(request))


def _db_words(request: Request) -> list[str]:
    return ["--db", str(request.db)] if str(request.db) != "weft.db" else []


async def _announce_waits(engine: Engine, run_id: str, request: Request, log: RunLog) -> None:
    """Say which signal the run waits for, once for each wait, when it has gone quiet: nothing else will happen. Returns
    if it waits for a person."""
    told: set[tuple[int, int]] = set()
    while True:
        await log.quiet_for(QUIET_S)
        info = await engine.describe(run_id)
        if info["status"] in ("suspended", "needs_attention") and not _attempting(info):
            return
        for entry in info["waiting_for"]:
            place = (entry.get("task", 0), entry.get("step", info["steps"]))
            if entry["kind"] == "signal" and place not in told:
                told.add(place)
                words = shlex.join(["weft", "signal", run_id, entry["name"], "null", *_db_words(request)])
                log.say(f"waiting for {screen.waiting(entry)}: from another terminal, {words}")
        await log.something_happens()


def _attempting(info: dict[str, Any]) -> bool:
    """An attempt is in flight, which our end would cut off."""
    return any(entry.get("phase") in ("running", "verifying") for entry in info["waiting_for"])
