"""Retries that need not wait any longer."""

from __future__ import annotations

from weft_core.machine.turn import Turn
from weft_core.model.messages import Hurry


def hurry(turn: Turn, message: Hurry) -> None:
    """Make now each attempt that waits only because the one before it has failed. A suspended run stays as it is."""
    if turn.run.header.status == "suspended":
        return
    for task in list(turn.run.tasks.values()):
        if task.op is not None and turn.waits(task):
            turn.rules.hooks[type(task.op)].hurry(turn, task)
