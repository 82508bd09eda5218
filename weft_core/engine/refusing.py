"""Messages whose run cannot take them: who sent them is told, durably where another run has asked."""

from __future__ import annotations

from weft_core.engine.batch import Batch, Envelope
from weft_core.engine.shared import leave
from weft_core.engine.stopped import StoppedRuns
from weft_core.errors import (
    RunFinishedError,
    RunMovedError,
    WeftError,
)  # fmt: skip
from weft_core.machine import failure, records
from weft_core.machine.outcomes import outcome_of
from weft_core.model import keys
from weft_core.model.messages import (
    Annotate,
    CancelRequested,
    SignalArrived,
    StateAsked,
    SuspendRequested,
    TerminateRequested,
    TimerFired,
    UpdateArrived,
    Watch,
)
from weft_core.model.run import RunHeader
from weft_core.ports import Op

_ACTIONS: dict[type, str] = {
    SignalArrived: "a signal", UpdateArrived: "an update", CancelRequested: "cancelling it",
    TerminateRequested: "terminating it", SuspendRequested: "suspending it",
    StateAsked: "changing its state",
}  # fmt: skip


class Refusals:
    """Answers for runs that are finished or not there."""

    def __init__(self, stopped: StoppedRuns) -> None:
        self._stopped = stopped

    def after_the_end(self, header: RunHeader, envelope: Envelope, batch: Batch, now: int) -> None:
        """A message for a run that is finished: only what searches know of it can change."""
        if isinstance(envelope.message, Annotate):
            self._stopped.annotate(header, envelope.message, batch, now)
        else:
            self.refuse(envelope, batch, already(header, envelope), header)

    def refuse(self, envelope: Envelope, batch: Batch, error: WeftError, finished: RunHeader | None = None) -> None:
        """The message has no run to go to: its sender is told, and a record that would bring it again is removed. Of a
        new run nothing is written."""
        envelope.reject(error)
        if envelope.new is not None:
            records.evict(envelope.new)
            return
        batch.ops.extend(envelope.extra)
        if isinstance(envelope.message, Watch):
            self._tell_watcher(envelope, envelope.message, batch, error, finished)
        elif envelope.reply_to is not None:
            leave(batch, envelope.reply_to, False, failure.record(error), f"{envelope.post_id}.r")
        if isinstance(envelope.message, TimerFired):
            batch.ops.append(timer_record(envelope.run_id, envelope.message))

    @staticmethod
    def _tell_watcher(
        envelope: Envelope, watch: Watch, batch: Batch, error: WeftError, finished: RunHeader | None
    ) -> None:
        if not watch.no_more:
            told = outcome_of(finished) if finished is not None else {**failure.record(error), "run": envelope.run_id}
            leave(batch, watch.watcher, finished is not None, told, f"{envelope.post_id}.r")


def already(header: RunHeader, envelope: Envelope) -> RunFinishedError:
    action = _ACTIONS.get(type(envelope.message), "this")
    return RunFinishedError(run_id=header.id, status=header.status, action=action)


def moved(header: RunHeader) -> RunMovedError:
    """What whoever speaks to a run is told that is another engine's."""
    return RunMovedError(run_id=header.id, status=header.status, owner=header.away or "nobody yet, it is on its way")


def timer_record(run_id: str, fired: TimerFired) -> Op:
    return keys.timer(fired.deadline_ms, run_id, fired.task, fired.step), None
