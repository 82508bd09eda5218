"""How a run begins: now, later, or anew under the id of one that has ended."""

from __future__ import annotations

from weft_core.machine.life import deadline
from weft_core.machine.life.messages import accept_signal
from weft_core.machine.turn import Turn
from weft_core.model import keys
from weft_core.model.messages import Begin
from weft_core.model.operations import StartLater

ELSEWHERE = "elsewhere"
"""The note of a run whose body is not to begin in this store."""


def begin(turn: Turn, message: Begin) -> None:
    header = turn.run.header
    if header.generation:
        turn.event("run_restarted", generation=header.generation)
    if header.deadline:
        deadline.watch(turn)
    if message.forming is not None:
        turn.run.notes["forming"] = message.forming
    if message.elsewhere is not None:
        _keep_back(turn, message)
    elif message.start_at > turn.now:
        turn.event("run_delayed", start_at=message.start_at)
        later = StartLater(message.start_at, message.gathered, message.admission)
        turn.begin(turn.run.tasks[0], later)
    elif message.waits:
        turn.begin(turn.run.tasks[0], StartLater(0, message.gathered, message.admission))
    else:
        if message.admission is not None:
            admitted_by(turn, message.admission[0])
        begin_body(turn)
    if message.first is not None:
        accept_signal(turn, message.first, keys.CAME_WITH_START)


def _keep_back(turn: Turn, message: Begin) -> None:
    header = turn.run.header
    header.status, turn.run.notes[ELSEWHERE] = "suspended", True
    turn.event("run_kept_back", url=message.elsewhere)
    start_at = message.start_at if message.start_at > turn.now else 0
    turn.begin(turn.run.tasks[0], StartLater(start_at, None, message.admission))


def admitted_by(turn: Turn, name: str) -> None:
    """What limits runs like this one must hear of its end."""
    turn.run.notes.setdefault("holds", []).append(f"admission/{name}")


def begin_body(turn: Turn) -> None:
    """Run the workflow's first statement."""
    header = turn.run.header
    forming = turn.run.notes.pop("forming", None)
    if forming is not None:
        turn.ops.append((forming, None))
    if header.status == "pending":
        header.status, turn.header_changed = "running", True
    turn.event("run_started", workflow=header.workflow, version=header.version)
    turn.ready.append((turn.run.tasks[0], True, None))
