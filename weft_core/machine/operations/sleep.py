"""``ctx.sleep`` and ``ctx.sleep_until``. The note is ``[deadline_ms]``, an absolute UTC instant (G10)."""

from __future__ import annotations

from typing import Any

from weft_core.machine.operations.base import BaseHooks
from weft_core.machine.turn import Turn
from weft_core.model.messages import TimerFired
from weft_core.model.operations import Sleep
from weft_core.model.run import Task


class SleepHooks(BaseHooks):
    def begin(self, turn: Turn, task: Task, op: Sleep) -> None:
        deadline = op.deadline_ms if op.deadline_ms is not None else turn.rules.now_ms() + (op.delay_ms or 0)
        turn.event("sleep_started", step=task.step, deadline=deadline)
        task.wait = [deadline]
        turn.add_timer(task, deadline)

    def deliver(self, turn: Turn, task: Task, message: TimerFired) -> None:
        (deadline,) = task.wait
        if turn.now < deadline:  # a clock that jumped back; the record stays and fires again
            return
        turn.drop_timer(task, deadline)
        turn.event("timer_fired", step=task.step)
        turn.answer(task, None)

    def cancel(self, turn: Turn, task: Task) -> bool:
        turn.drop_timer(task, task.wait[0])
        return True

    def recover(self, turn: Turn, task: Task) -> None:
        turn.add_timer(task, task.wait[0])

    def describe(self, wait: Any) -> dict[str, Any]:
        return {"deadline": wait[0]}
