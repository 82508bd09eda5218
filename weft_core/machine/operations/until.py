"""``ctx.wait_until``. The note is ``[deadline_ms or 0]``; the condition is a function of the workflow's own.

It is looked at when the wait begins, and at the end of every turn of its run: whatever a message changed, a handler or
another branch did it, and all of them have come to rest then.
"""

from __future__ import annotations

from weft_core.errors import OperationMisuseError, WaitTimeoutError
from weft_core.machine.operations.base import TimedHooks
from weft_core.machine.turn import Turn
from weft_core.model.messages import TimerFired
from weft_core.model.operations import WaitUntil
from weft_core.model.run import Task


class UntilHooks(TimedHooks):
    def begin(self, turn: Turn, task: Task, op: WaitUntil) -> None:
        turn.run.attentive = True
        if self.check(turn, task):
            return
        self._wait(turn, task, op.timeout_ms)

    def check(self, turn: Turn, task: Task) -> bool:
        """Look at the condition; whether the wait is over. An error of the condition's is the outcome of the wait."""
        op = task.op
        assert isinstance(op, WaitUntil)
        try:
            met = op.condition()
            if hasattr(met, "__await__"):
                reason = "its condition must be an ordinary function: it is looked at, and nothing can be awaited in it"
                raise OperationMisuseError(operation="ctx.wait_until", reason=reason)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self._forget_timer(turn, task)
            turn.fail(task, error)
            return True
        if met:
            self._forget_timer(turn, task)
            turn.event("condition_met", step=task.step)
            turn.answer(task, None)
        return bool(met)

    def deliver(self, turn: Turn, task: Task, message: TimerFired) -> None:
        op, (deadline,) = task.op, task.wait
        assert isinstance(op, WaitUntil)
        if turn.now < deadline:
            return
        if turn.run.header.status != "suspended" and self.check(turn, task):  # else its code must not run
            return
        self._forget_timer(turn, task)
        turn.event("condition_timed_out", step=task.step)
        turn.fail(task, WaitTimeoutError(what="the condition was met", timeout_ms=op.timeout_ms))

    def recover(self, turn: Turn, task: Task) -> None:
        if task.wait[0]:
            turn.add_timer(task, task.wait[0])
