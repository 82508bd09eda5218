"""Runs that neither step nor are finished: held for code (G16), or in the dead letter list (G15).

Their checkpoint stays as it is. Signals to them are accepted and buffered; a cancel ends them without running their
code, which is the code that cannot run.
"""

from __future__ import annotations

import contextlib

from weft_core.engine.batch import Batch, Envelope
from weft_core.engine.live import LiveRuns
from weft_core.engine.patience import PatientReads, scan_all
from weft_core.engine.shared import leave
from weft_core.engine.traces import traces_of
from weft_core.errors import (
    ActivityNotRegisteredError,
    CodeChangedError,
    CorruptRecordError,
    LimitExceededError,
    LoopingRunError,
    QueueNotDeclaredError,
    RunHeldError,
    ServicesUnavailableError,
    UnknownFunctionError,
    WeftError,
    WorkflowNotRegisteredError,
)  # fmt: skip
from weft_core.machine import failure, marks, records, scopes
from weft_core.machine.effects import Post
from weft_core.machine.farewell import farewell
from weft_core.machine.mail import UpdateRecord, mail_row, read_update, update_row
from weft_core.machine.reviews import read_review, review_id, review_rows
from weft_core.machine.sealed import unseal_plain
from weft_core.model import keys
from weft_core.model.limits import Limits
from weft_core.model.messages import (
    Annotate,
    CancelRequested,
    SignalArrived,
    TerminateRequested,
    TimerFired,
    UpdateArrived,
)
from weft_core.model.run import STOPPED, BufferedSignal, RunHeader, RunState, Status
from weft_core.ports import Op

NEEDS_CODE = (
    ActivityNotRegisteredError,
    CodeChangedError,
    LoopingRunError,
    QueueNotDeclaredError,
    ServicesUnavailableError,
    UnknownFunctionError,
    WorkflowNotRegisteredError,
)
"""What holds a run: it goes on once other code, or the services it needs, are given."""


class _Log:
    def __init__(self) -> None:
        self.events: list[records.Event] = []

    def event(self, type_: str, /, **data: object) -> None:
        self.events.append((type_, dict(data)))


class StoppedRuns:
    """Writes what happens to runs whose frames are not to be had. Works on headers alone."""

    def __init__(self, storage: PatientReads, live: LiveRuns, limits: Limits) -> None:
        self._storage, self._live, self._limits = storage, live, limits

    async def stop(self, header: RunHeader, obstacle: Exception, batch: Batch, now: int) -> None:
        """A run cannot be loaded."""
        if header.status in STOPPED:  # it was before and still is; the obstacle may have changed
            header.error = failure.record(obstacle)
            batch.ops.extend(records.write_run(header))
            return
        await self._catch_up(header)
        self._stop(header, obstacle, batch, now)

    async def mark(self, run: RunState, obstacle: Exception, batch: Batch, now: int) -> RunHeader:
        """A run that was live cannot be stored; its last checkpoint stands. Returns its record as it is now."""
        header = await self._recorded(run.id, batch)
        header.next_seq, header.mail_seq = run.next_seq, run.mail_seq
        self._stop(header, obstacle, batch, now)
        return header

    async def _recorded(self, run_id: str, batch: Batch) -> RunHeader:
        """The record without what the turn that broke did to it: that turn may even have finished the run."""
        key = keys.run(run_id)
        data = next((value for k, value in reversed(batch.ops) if k == key), None) or await self._storage.get(key)
        if data is None:
            raise CorruptRecordError(key=key, reason="it is gone while its run was live")
        return records.read_header(run_id, data)

    def _stop(self, header: RunHeader, obstacle: Exception, batch: Batch, now: int) -> None:
        held = isinstance(obstacle, NEEDS_CODE)
        if header.status not in STOPPED:
            header.was = header.status
        header.status = "held" if held else "dead"
        header.error, header.updated_at = failure.record(obstacle), now
        # Held runs are tried again whenever an engine opens the store; dead ones wait for a person.
        batch.ops.append((keys.active(header.id), b"" if held else None))
        self._log(header, batch, now, "run_held" if held else "run_dead", error=failure.brief(obstacle))
        batch.ended.append(header)

    def annotate(self, header: RunHeader, change: Annotate, batch: Batch, now: int) -> None:
        """Of a run that is finished, or stopped with the counters of its record up to date."""
        log = _Log()
        if marks.annotate(header, change, self._limits, log):
            header.updated_at = now
            self._write(header, batch, now, log.events)

    def _log(self, header: RunHeader, batch: Batch, now: int, type_: str, **data: object) -> None:
        self._write(header, batch, now, [(type_, dict(data))])

    def _write(self, header: RunHeader, batch: Batch, now: int, events: list[records.Event]) -> None:
        batch.ops.append(records.write_events(header.id, header.next_seq, now, events))
        batch.events.append((header.id, header.next_seq, now, events))
        header.next_seq += len(events)
        batch.ops.extend(records.write_run(header))

    async def _catch_up(self, header: RunHeader) -> list[object] | None:
        """Bring the header's counters up to those of the checkpoint, if that can be read."""
        data = await self._storage.get(keys.checkpoint(header.id))
        try:
            summary = records.read_record(header.id, data).summary if data is not None else None
        except WeftError:
            summary = None
        if summary is not None:
            header.next_seq = max(header.next_seq, summary[records.NEXT_SEQ])
            header.mail_seq = max(header.mail_seq, summary[records.MAIL_SEQ])
            header.steps = summary[records.COMPLETED]
            header.highest = summary[records.STEPS] if summary[records.STEPS] != header.steps else 0
        elif rows := await self._storage.scan(keys.log_prefix(header.id), limit=1, reverse=True):
            header.next_seq = max(header.next_seq, records.read_events(*rows[0])[-1]["seq"] + 1)
        return summary

    async def deliver(self, header: RunHeader, envelope: Envelope, batch: Batch, now: int) -> None:
        """A message for a stopped run."""
        message = envelope.message
        if isinstance(message, (SignalArrived, UpdateArrived)):
            await self._buffer(header, message, batch, now)
            self._taken(envelope, batch)
        elif isinstance(message, (CancelRequested, TerminateRequested)):
            await self._end(header, message, batch, now)
            self._taken(envelope, batch)
        elif isinstance(message, Annotate):
            await self._catch_up(header)
            self.annotate(header, message, batch, now)
        elif isinstance(message, TimerFired):
            batch.ops.append((keys.timer(message.deadline_ms, header.id, message.task, message.step), None))
        else:
            reason = (header.error or {}).get("message", header.status)
            envelope.reject(RunHeldError(run_id=header.id, reason=reason))

    @staticmethod
    def _taken(envelope: Envelope, batch: Batch) -> None:
        batch.ops.extend(envelope.extra)
        if envelope.reply_to is not None:
            leave(batch, envelope.reply_to, True, None, f"{envelope.post_id}.r")

    async def _buffer(
        self, header: RunHeader, message: SignalArrived | UpdateArrived, batch: Batch, now: int
    ) -> None:  # fmt: skip
        await self._catch_up(header)
        mailbox = await self._live.read_mailbox(header.id)
        limit = self._limits.max_mailbox
        if len(mailbox) >= limit:
            raise LimitExceededError(what=f"the mailbox of run {header.id}", actual=len(mailbox) + 1, limit=limit)
        if mailbox:
            header.mail_seq = max(header.mail_seq, mailbox[-1].seq)
        header.mail_seq += 1
        update_id = message.update_id if isinstance(message, UpdateArrived) else None
        buffered = BufferedSignal(header.mail_seq, message.name, message.payload, update_id)
        batch.ops.append(mail_row(header.id, buffered))
        if isinstance(message, UpdateArrived):
            pending = UpdateRecord(message.name, "pending", None, now)
            batch.ops.append(update_row(header.id, message.update_id, pending))
            self._log(header, batch, now, "update_received", name=message.name, update_id=update_id)
            return
        if message.signal_id is not None:
            batch.ops.append((keys.mail_id(header.id, message.signal_id), b""))
        self._log(header, batch, now, "signal_received", name=message.name, signal_id=message.signal_id)

    async def _leave_unanswered(self, header: RunHeader, batch: Batch, now: int) -> None:
        """Not from its mailbox, which may be what is damaged."""
        for key, data in await scan_all(self._storage, keys.update_prefix(header.id)):
            try:
                name, status, _, _ = read_update(key, data)
            except WeftError:  # whoever asks for this one is told
                continue
            if status == "pending":
                update_id = key.rpartition("/")[2]
                batch.ops.append(update_row(header.id, update_id, UpdateRecord(name, "unanswered", None, now)))
                self._log(header, batch, now, "update_unanswered", name=name, update_id=update_id)

    async def _cancel_reviews(self, header: RunHeader, batch: Batch, now: int) -> None:
        for key, data in await scan_all(self._storage, keys.review_prefix(header.id)):
            _, step = keys.parse_review(key)
            try:
                record, artifact = read_review(key, data)
            except WeftError:
                continue
            if record.status == "pending":
                record.status, record.at = "cancelled", now
                batch.ops.extend(review_rows(header.id, step, record, artifact))
                id = review_id(header.id, step)
                self._log(header, batch, now, "review_cancelled", step=step, review_id=id)

    async def _end(
        self, header: RunHeader, message: CancelRequested | TerminateRequested, batch: Batch, now: int
    ) -> None:
        summary = await self._catch_up(header)
        ops: list[Op] = [(keys.active(header.id), None)]
        waits = records.waits(summary) if summary is not None else []
        for wait in waits:
            if wait.get("deadline"):
                ops.append((keys.timer(wait["deadline"], header.id, wait["task"], wait["step"]), None))
        await self._leave_unanswered(header, batch, now)
        await self._cancel_reviews(header, batch, now)
        for prefix in (keys.mail_prefix(header.id), keys.token_prefix(header.id)):
            ops.extend([(key, None) for key, _ in await scan_all(self._storage, prefix)])
        if header.deadline:
            ops.append((keys.timer(header.deadline, header.id, *keys.WHOLE_RUN), None))
        notes = records.notes_of(summary) if summary is not None else await traces_of(self._storage, header)
        ops.extend((scopes.timer(header.id, scope), None) for scope in scopes.running(notes))
        ended: Status = "cancelled" if isinstance(message, CancelRequested) else "terminated"
        header.status, header.finished_at, header.updated_at = ended, now, now
        batch.ops += [*ops, *await self._live.end(header)]
        header.cancel_requested, header.cancel_reason = True, message.reason
        farewell_ops, posts = farewell(header, notes, f"{header.id}.{header.next_seq:012x}")
        batch.ops.extend(farewell_ops)
        batch.effects.extend(posts)
        for key, data in await scan_all(self._storage, keys.posts(header.id)):  # they are refused now
            with contextlib.suppress(CorruptRecordError):
                batch.effects.append(Post(key, unseal_plain(key, data)))
        self._log(header, batch, now, f"run_{ended}", reason=message.reason)
        batch.ended.append(header)
