"""A run that has not begun yet (``start(delay=)``), and outcomes that wait for a suspended run to be resumed.

Notes: ``[deadline_ms]``, 0 if only other runs are in its way, and the size of its input if that grows; and
``[ok, value, signals in it]``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft_core import codec, frames
from weft_core.machine.life.beginning import admitted_by, begin_body
from weft_core.machine.operations.base import BaseHooks
from weft_core.machine.outcomes import error_of
from weft_core.machine.turn import Turn
from weft_core.model.messages import InputReplaced, ItemAdded, Reply, StepMessage, TimerFired
from weft_core.model.operations import AwaitResume, StartLater
from weft_core.model.run import UNBEGUN, BufferedSignal, Task


class StartLaterHooks(BaseHooks):
    skippable = False

    def begin(self, turn: Turn, task: Task, op: StartLater) -> None:
        if turn.run.header.status == "running":
            turn.run.header.status, turn.header_changed = "pending", True
        if not op.deadline_ms and op.admission is None:  # it was to begin elsewhere, which is here
            self._begin(turn, task)
            return
        task.wait = [op.deadline_ms] if op.gathered is None else [op.deadline_ms, len(turn.run.header.input)]
        if op.deadline_ms:
            turn.add_timer(task, op.deadline_ms)
        else:
            self._ask(turn, task, op)

    def deliver(self, turn: Turn, task: Task, message: StepMessage | Reply) -> None:
        _WHEN[type(message)](self, turn, task, message)

    def due(self, turn: Turn, task: Task, message: TimerFired) -> None:
        deadline = task.wait[0]
        if message.deadline_ms == deadline and turn.now >= deadline:  # else its clock jumped back; it fires again
            self._its_time_has_come(turn, task)

    def _its_time_has_come(self, turn: Turn, task: Task) -> None:
        op = task.op
        assert isinstance(op, StartLater)
        if not task.wait[0]:
            return  # others are in its way
        turn.drop_timer(task, task.wait[0])
        if op.admission is None:
            self._begin(turn, task)
        else:
            task.wait = [0, *task.wait[1:]]
            self._ask(turn, task, op)

    @staticmethod
    def _ask(turn: Turn, task: Task, op: StartLater) -> None:
        assert op.admission is not None
        name, limit, on_limit = op.admission
        turn.event("run_queued", name=name, limit=limit)
        turn.ask(task, "admission", name, ["enter", limit, on_limit, False])
        if f"admission/{name}" not in turn.run.notes.get("holds", ()):
            admitted_by(turn, name)

    def admitted(self, turn: Turn, task: Task, message: Reply) -> None:
        if message.ok:
            self._begin(turn, task)
        else:
            turn.run.notes.pop("holds", None)  # it has nothing else yet
            turn.fail(task, error_of(message.data))

    def _begin(self, turn: Turn, task: Task) -> None:
        op = task.op
        assert isinstance(op, StartLater)
        if op.gathered is not None:
            turn.run.header.input = codec.dumps([op.gathered])
        task.op, task.wait = None, []
        begin_body(turn)

    def replace_input(self, turn: Turn, task: Task, message: InputReplaced) -> None:
        """Debounce: the last input wins, and the wait begins anew."""
        op, run = task.op, turn.run
        assert isinstance(op, StartLater)
        message.accepted = True
        frames.evict([task.frame], run.externals)
        task.frame = message.frame(run.ctx)
        header = run.header
        header.input, header.version, header.signals = message.data, message.version, message.signals
        turn.header_changed = True
        turn.event("input_replaced", start_at=message.begin_at)
        if not task.wait[0]:
            return  # its time has come, and others are in its way
        turn.drop_timer(task, task.wait[0])
        op.deadline_ms = message.begin_at
        task.wait = [message.begin_at]
        turn.add_timer(task, message.begin_at)
        if message.begin_at <= turn.now:
            self._its_time_has_come(turn, task)

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
            self._its_time_has_come(turn, task)

    def cancel(self, turn: Turn, task: Task) -> bool:
        """If it waits to be admitted, its farewell says that it does no more."""
        if task.wait[0]:
            turn.drop_timer(task, task.wait[0])
        return True

    def recover(self, turn: Turn, task: Task) -> None:
        if task.wait[0]:
            turn.add_timer(task, task.wait[0])

    def anew(self, wait: Any) -> Any:
        return wait if wait[0] else UNBEGUN

    def describe(self, wait: Any) -> dict[str, Any]:
        return {"deadline": wait[0] or None}


_WHEN: dict[type, Callable[[StartLaterHooks, Turn, Task, Any], None]] = {
    TimerFired: StartLaterHooks.due,
    InputReplaced: StartLaterHooks.replace_input,
    ItemAdded: StartLaterHooks.add_item,
    Reply: StartLaterHooks.admitted,
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
        if turn.run.notes:
            turn.rules.life.answer_lost(turn, task)
        return True
