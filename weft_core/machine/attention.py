"""What a run does about messages beside waiting for them: handlers, conditions, and the answers it owes.

Handlers are functions of the workflow's own; they run between two suspension points of its frames, at the end of a
turn, and what they change is stored in its batch.
"""

from __future__ import annotations

from typing import Any

from weft_core import codec
from weft_core.errors import OperationMisuseError, WeftError
from weft_core.machine import failure
from weft_core.machine.mail import UpdateRecord, update_row
from weft_core.machine.operations.until import UntilHooks
from weft_core.machine.operations.update import answer
from weft_core.machine.turn import Turn
from weft_core.model import keys
from weft_core.model.messages import UpdateArrived
from weft_core.model.operations import Operation, WaitUntil
from weft_core.model.run import BufferedSignal, Handlers

_CONDITIONS = UntilHooks()


class RunAttention:
    """:class:`weft_core.machine.turn.Attention` for the kinds of operation there are."""

    def accept_update(self, turn: Turn, message: UpdateArrived) -> None:
        run = turn.run
        turn.event("update_received", name=message.name, update_id=message.update_id)
        pending = UpdateRecord(message.name, "pending", None, turn.now)
        turn.ops.append(update_row(run.id, message.update_id, pending))
        run.mail_seq += 1
        turn.offer(BufferedSignal(run.mail_seq, message.name, message.payload, message.update_id))

    def attend(self, turn: Turn) -> bool:
        run = turn.run
        if run.header.status not in ("running", "needs_attention"):  # its code must not run
            return False
        if run.handlers is not None:
            while (signal := _for_handlers(turn, run.handlers)) is not None:
                _handle(turn, run.handlers, signal)
        _look_at_conditions(turn)
        turn.drain_log()
        return bool(turn.ready)

    def run_ends(self, turn: Turn) -> None:
        run = turn.run
        for update in [*(s for s in run.mailbox if s.update_id is not None), *run.unanswered.values()]:
            assert update.update_id is not None
            turn.event("update_unanswered", name=update.name, update_id=update.update_id)
            left = UpdateRecord(update.name, "unanswered", None, turn.now)
            turn.ops += [update_row(run.id, update.update_id, left), (keys.mail(run.id, update.seq), None)]
        run.unanswered.clear()


def _for_handlers(turn: Turn, handlers: Handlers) -> BufferedSignal | None:
    """Take the oldest message that a handler is there for out of the mailbox."""
    mailbox = turn.run.mailbox
    for signal in mailbox:
        if signal.name in (handlers.signals if signal.update_id is None else handlers.updates):
            mailbox.remove(signal)
            if turn.run.past is not None:
                turn.run.past.took([signal])
            return signal
    return None


def _handle(turn: Turn, handlers: Handlers, signal: BufferedSignal) -> None:
    if signal.update_id is None:
        turn.ops.append((keys.mail(turn.run.id, signal.seq), None))
        turn.event("signal_handled", name=signal.name)
        error = _call(handlers.signals[signal.name], signal.payload)[1]
        if error is not None:
            turn.event("signal_handler_failed", name=signal.name, error=failure.brief(error))
        return
    handler, _ = handlers.updates[signal.name]
    value, error = _call(handler, signal.payload)
    try:
        answer(turn, signal, error is None, value if error is None else error)
    except WeftError as refusal:  # the result cannot be stored
        answer(turn, signal, False, refusal)


def _call(handler: Any, payload: bytes) -> tuple[Any, BaseException | None]:
    try:
        value = handler(codec.loads(payload))
        if isinstance(value, Operation) or hasattr(value, "__await__"):
            reason = "a handler cannot await; take the message with ctx.wait_for_update or ctx.wait_for_signal instead"
            raise OperationMisuseError(operation=getattr(handler, "__name__", "a handler"), reason=reason)
    except KeyboardInterrupt:  # a SystemExit is of this run, and would stop all others
        raise
    except BaseException as error:
        return None, error
    return value, None


def _look_at_conditions(turn: Turn) -> None:
    """Until one is met: what goes on then may change what the others see."""
    waiting = sorted((t for t in turn.run.tasks.values() if type(t.op) is WaitUntil), key=lambda t: t.step)
    for task in waiting:
        if _CONDITIONS.check(turn, task):
            return
