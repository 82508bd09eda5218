"""``ctx.wait_for_signal``. The note is ``[deadline_ms or 0]``; buffered signals are consumed oldest first (G7)."""

from __future__ import annotations

from typing import Any

from weft_core import codec
from weft_core.errors import SignalTimeoutError, WeftError
from weft_core.machine.operations.base import TimedHooks
from weft_core.machine.turn import Turn
from weft_core.model import keys
from weft_core.model.messages import TimerFired
from weft_core.model.operations import WaitMessage
from weft_core.model.run import BufferedSignal, Task


class SignalHooks(TimedHooks):
    def begin(self, turn: Turn, task: Task, op: WaitMessage[Any]) -> None:
        if self._take(turn, task, op):
            return
        self._wait(turn, task, op.timeout_ms)

    def deliver(self, turn: Turn, task: Task, message: BufferedSignal | TimerFired) -> None:
        op = task.op
        assert isinstance(op, WaitMessage)
        (deadline,) = task.wait
        if isinstance(message, BufferedSignal):
            self._consume(turn, task, message)
        elif turn.now >= deadline:
            self._forget_timer(turn, task)
            self._timed_out(turn, task, op)

    def _timed_out(self, turn: Turn, task: Task, op: WaitMessage[Any]) -> None:
        turn.event("signal_timed_out", step=task.step, name=op.name)
        turn.fail(task, SignalTimeoutError(signal=op.name, timeout_ms=op.timeout_ms))

    def _take(self, turn: Turn, task: Task, op: WaitMessage[Any]) -> bool:
        """Answer the wait with the oldest message that fits, if there is one."""
        for signal in turn.run.mailbox:
            if signal.name == op.name and self._fits(signal):
                turn.run.mailbox.remove(signal)
                turn.ops.append((keys.mail(turn.run.id, signal.seq), None))
                self._consume(turn, task, signal)
                return True
        return False

    def _fits(self, signal: BufferedSignal) -> bool:
        return signal.update_id is None

    def _consume(self, turn: Turn, task: Task, signal: BufferedSignal) -> None:
        self._forget_timer(turn, task)
        turn.event("signal_consumed", step=task.step, name=signal.name)
        turn.taken[task.id] = [signal]
        if turn.run.past is not None:
            turn.run.past.took([signal])
        try:
            value = codec.loads(signal.payload)
        except WeftError as unreadable:
            turn.fail(task, unreadable)
        else:
            turn.answer(task, value)

    def recover(self, turn: Turn, task: Task) -> None:
        """A run that was held may have signals in its mailbox that it never saw."""
        op = task.op
        assert isinstance(op, WaitMessage)
        if not self._take(turn, task, op) and task.wait[0]:
            turn.add_timer(task, task.wait[0])
