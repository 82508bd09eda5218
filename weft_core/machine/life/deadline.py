"""A run's execution timeout: a timer of the run itself."""

from __future__ import annotations

from weft_core.machine.effects import ArmTimer
from weft_core.machine.turn import Turn
from weft_core.model import keys


def watch(turn: Turn) -> None:
    deadline = turn.run.header.deadline
    turn.ops.append((keys.timer(deadline, turn.run.id, *keys.WHOLE_RUN), b""))
    turn.effects.append(ArmTimer(deadline))


def forget(turn: Turn) -> None:
    deadline = turn.run.header.deadline
    if deadline:
        turn.ops.append((keys.timer(deadline, turn.run.id, *keys.WHOLE_RUN), None))
