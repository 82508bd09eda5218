"""``ctx.wait_for_update`` and the answer to what it took.

An update lies in the mailbox as a signal does, but its record stays there, marked as taken, until it is answered: so
whoever ends the run, with or without its frames, knows which answers it owes (G8).
"""

from __future__ import annotations

from typing import Any

from weft_core import codec
from weft_core.errors import OperationMisuseError, PayloadTooLargeError, WaitTimeoutError, WeftError
from weft_core.machine import failure
from weft_core.machine.mail import UpdateRecord, mail_row, update_row
from weft_core.machine.operations.base import BaseHooks
from weft_core.machine.operations.signal import SignalHooks
from weft_core.machine.turn import Turn
from weft_core.model import keys
from weft_core.model.operations import AnswerUpdate, ReceivedUpdate, WaitMessage
from weft_core.model.run import BufferedSignal, Task


class WaitUpdateHooks(SignalHooks):
    def _fits(self, signal: BufferedSignal) -> bool:
        return signal.update_id is not None

    def _timed_out(self, turn: Turn, task: Task, op: WaitMessage[Any]) -> None:
        turn.event("update_timed_out", step=task.step, name=op.name)
        turn.fail(task, WaitTimeoutError(what=f"update {op.name!r} came", timeout_ms=op.timeout_ms))

    def _consume(self, turn: Turn, task: Task, signal: BufferedSignal) -> None:
        assert signal.update_id is not None
        self._forget_timer(turn, task)
        if turn.run.past is not None:
            turn.run.past.took([signal])
        try:
            payload = codec.loads(signal.payload)
        except WeftError as unreadable:  # its class is gone: nothing that the workflow could be given
            answer(turn, signal, False, unreadable)
            turn.fail(task, unreadable)
            return
        taken = BufferedSignal(signal.seq, signal.name, signal.payload, signal.update_id, True)
        turn.run.unanswered[signal.update_id] = taken
        turn.ops.append(mail_row(turn.run.id, taken))
        turn.taken[task.id] = [signal]
        turn.answer(task, ReceivedUpdate(signal.update_id, signal.name, payload))


class AnswerUpdateHooks(BaseHooks):
    def begin(self, turn: Turn, task: Task, op: AnswerUpdate) -> None:
        taken = turn.run.unanswered.get(op.update_id)
        if taken is None and op.update_id in turn.run.notes.get("answered", ()):
            turn.answer(task, None)  # before the run was put back, or in the run it is a fork of
            return
        if taken is None:
            reason = f"update {op.update_id!r} has been answered, or does not belong to this run"
            raise OperationMisuseError(operation="answering an update", reason=reason)
        answer(turn, taken, op.ok, op.value)
        turn.answer(task, None)

    def cancel(self, turn: Turn, task: Task) -> bool:
        return True


def answer(turn: Turn, update: BufferedSignal, ok: bool, value: object) -> None:
    """Record the outcome of an update. A value that cannot be stored is refused before anything changes."""
    assert update.update_id is not None
    run_id, update_id = turn.run.id, update.update_id
    if ok:
        encoded = codec.dumps(value)
        limit = turn.rules.limits.max_payload_bytes
        if len(encoded) > limit:
            what = f"the result of update {update.name}"
            raise PayloadTooLargeError(what=what, actual=len(encoded), limit=limit)
        record = UpdateRecord(update.name, "completed", encoded, turn.now)
        turn.event("update_completed", name=update.name, update_id=update_id)
    else:
        assert isinstance(value, BaseException)
        record = UpdateRecord(update.name, "rejected", failure.record(value), turn.now)
        turn.event("update_rejected", name=update.name, update_id=update_id, error=failure.brief(value))
    if turn.run.past is not None:
        turn.run.past.answered(update)
    turn.run.unanswered.pop(update_id, None)
    turn.ops.append((keys.mail(run_id, update.seq), None))
    turn.ops.append(update_row(run_id, update_id, record))
