"""A run that has not begun yet (``start(delay=)``), and outcomes that wait for a suspended run to be resumed.

Notes: ``[deadline_ms]``, and the size of its input if that grows; and ``[ok, value, signals in it]``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft_core import codec, frames
from weft_core.machine.life.beginning import begin_body
from weft_core.machine.operations.base import BaseHooks
from weft_core.machine.turn import Turn
from weft_core.model.messages import InputReplaced, ItemAdded, StepMessage, TimerFired
from weft_core.model.operations import AwaitResume, StartLater
from weft_core.model.run import BufferedSignal, Task


class StartLaterHooks(BaseHooks):
    skippable = False

    def begin(self, turn: Turn, task: Task, op: StartLater) -> None:
        if turn.run.header.status == "running":
            turn.run.header.status, turn.header_changed = "pending", True
        task.wait = [op.deadline_ms] if op.gathered is None else [op.deadline_ms, len(turn.run.header.input)]
        turn.add_timer(task, op.deadline_ms)

    def deliver(self, turn: Turn, task: Task, message: StepMessage) -> None:
        _WHEN[type(message)](self, turn, task, message)

    def due(self, turn: Turn, task: Task, message: TimerFired) -> None:
        deadline = task.wait[0]
        if message.deadline_ms == deadline and turn.now >= deadline:  # else its clock jumped back; it fires again
            self._begin(turn, task)

    def _begin(self, turn: Turn, task: Task) -> None:
        op = task.op
        assert isinstance(op, StartLater)
        turn.drop_timer(task, task.wait[0])
        if op.gathered is not None:
            turn.run.header.input = codec.dumps([op.gathered])
        task.op, task.wait = None, []
        begin_body(turn)

    def replace_input(self, turn: Turn, task: Task, message: InputReplaced) -> None:
        """Debounce: the last input wins, and the wait begins anew."""
        op, run = task.op, turn.run
        assert isinstance(op, StartLater)
        message.accepted = True
        turn.drop_timer(task, task.wait[0])
        frames.evict([task.frame], run.externals)
        task.frame = message.frame(run.ctx)
        header = run.header
        header.input, header.version, header.signals = message.data, message.version, message.signals
        turn.header_changed = True
        op.deadline_ms = message.begin_at
        task.wait = [message.begin_at]
        turn.event("input_replaced", start_at=message.begin_at)
        if message.begin_at > turn.now:
            turn.add_timer(task, message.begin_at)
        else:
            self._begin(turn, task)

    def add_item(self, turn: Turn, task: Task, message: ItemAdded) -> None:
        """Batching: it begins when it is full, or has room for no more bytes."""
        op = task.op
        assert isinstance(op, StartLater)
        assert op.gathered is not None
        size = task.wait[1] + message.size
        if size <= turn.rules.limits.max_payload_bytes:
            message.accepted = True
            op.gathered.append(message.item)
            task.wait = [task.wait[0], size]
            turn.event("item_added", items=len(op.gathered))
        if not message.accepted or len(op.gathered) >= message.at_most:
            self._begin(turn, task)

    def cancel(self, turn: Turn, task: Task) -> bool:
        turn.drop_timer(task, task.wait[0])
        return True

    def recover(self, turn: Turn, task: Task) -> None:
        turn.add_timer(task, task.wait[0])

    def describe(self, wait: Any) -> dict[str, Any]:
        return {"deadline": wait[0]}


_WHEN: dict[type[StepMessage], Callable[[StartLaterHooks, Turn, Task, Any], None]] = {
    TimerFired: StartLaterHooks.due,
    InputReplaced: StartLaterHooks.replace_input,
    ItemAdded: StartLaterHooks.add_item,
}


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
