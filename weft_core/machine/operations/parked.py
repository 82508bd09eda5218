"""A run that has not begun yet (``start(delay=)``), and outcomes that wait for a suspended run to be resumed.

Notes: ``[deadline_ms]``, and ``[ok, value, signals in it]``.
"""

from __future__ import annotations

from typing import Any

from weft_core.machine.life.beginning import begin_body
from weft_core.machine.operations.base import BaseHooks
from weft_core.machine.turn import Turn
from weft_core.model.messages import TimerFired
from weft_core.model.operations import AwaitResume, StartLater
from weft_core.model.run import BufferedSignal, Task


class StartLaterHooks(BaseHooks):
    skippable = False

    def begin(self, turn: Turn, task: Task, op: StartLater) -> None:
        if turn.run.header.status == "running":
            turn.run.header.status, turn.header_changed = "pending", True
        task.wait = [op.deadline_ms]
        turn.add_timer(task, op.deadline_ms)

    def deliver(self, turn: Turn, task: Task, message: TimerFired) -> None:
        (deadline,) = task.wait
        if turn.now < deadline:  # a clock that jumped back; the record stays and fires again
            return
        turn.drop_timer(task, deadline)
        task.op, task.wait = None, []
        begin_body(turn)

    def cancel(self, turn: Turn, task: Task) -> bool:
        turn.drop_timer(task, task.wait[0])
        return True

    def recover(self, turn: Turn, task: Task) -> None:
        turn.add_timer(task, task.wait[0])

    def describe(self, wait: Any) -> dict[str, Any]:
        return {"deadline": wait[0]}


class AwaitResumeHooks(BaseHooks):
    plain = False  # the outcome is a value of the author's
    skippable = False  # it is answered

    def hold(self, turn: Turn, task: Task, ok: bool, value: Any) -> None:
        """Keep an outcome until the run is resumed, with the signals in it, which nobody has seen yet (G7)."""
        signals = [s.state() for s in turn.taken.pop(task.id, ())]
        task.op, task.wait = AwaitResume(), [ok, value, signals]

    def release(self, turn: Turn, task: Task) -> None:
        ok, value, signals = task.wait
        if signals:
            turn.taken[task.id] = [BufferedSignal(*s) for s in signals]
        task.op, task.wait = None, []
        turn.ready.append((task, ok, value))

    def cancel(self, turn: Turn, task: Task) -> bool:
        turn.give_back(BufferedSignal(*s) for s in task.wait[2])
        return True
