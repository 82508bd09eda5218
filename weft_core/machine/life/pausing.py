"""Suspending a run and letting it go on. While it is suspended ``turn.settle`` keeps what its frames would be sent."""

from __future__ import annotations

from weft_core.machine.life.beginning import ELSEWHERE
from weft_core.machine.turn import Turn
from weft_core.model.messages import ResumeRequested, SuspendRequested
from weft_core.model.operations import StartLater
from weft_core.model.run import UNBEGUN


def suspend(turn: Turn, message: SuspendRequested) -> None:
    header = turn.run.header
    if header.status == "suspended":
        return
    header.status, turn.header_changed = "suspended", True
    turn.event("run_suspended", reason=message.reason)


def resume(turn: Turn, message: ResumeRequested | None = None) -> None:
    """Go on after a suspension; try again what has finally failed and needed a person's attention."""
    header = turn.run.header
    if header.status not in ("suspended", "needs_attention") or ELSEWHERE in turn.run.notes:
        return
    begun = type(turn.run.tasks[0].op) is not StartLater
    header.status, header.error, turn.header_changed = "running" if begun else "pending", None, True
    turn.event("run_resumed")
    release(turn)


def release(turn: Turn) -> None:
    """The run is not suspended: do what had to wait for that."""
    for task in list(turn.run.tasks.values()):
        if task.op is None:
            continue
        if task.wait == UNBEGUN:
            turn.begin(task, task.op)
        else:
            turn.rules.hooks[type(task.op)].release(turn, task)
