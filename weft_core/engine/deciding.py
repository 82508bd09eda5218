"""Deciding: one envelope, and what it adds to the batch that is being gathered.

A message goes to its run, which is brought into memory if need be; what concerns no run goes where it belongs. Nothing
is written here, and no effect begins: see ``pump.py``.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from weft_core.engine.batch import Batch, Envelope, Job, Write
from weft_core.engine.commit import Committer
from weft_core.engine.live import LiveRuns
from weft_core.engine.patience import PatientReads
from weft_core.engine.posts import PostOffice
from weft_core.engine.refusing import Refusals, moved, timer_record
from weft_core.engine.shared import SharedObjects, leave
from weft_core.engine.stopped import StoppedRuns
from weft_core.engine.writing import write_records
from weft_core.errors import (
    CodecError,
    ComputedTooLong,
    EngineDegradedError,
    LimitExceededError,
    LoopingRunError,
    RunMovedError,
    RunNotFinishedError,
    RunNotFoundError,
    StorageError,
    StorageKeyError,
    UpdateValidationError,
    WeftError,
)  # fmt: skip
from weft_core.machine import marks, records
from weft_core.machine.effects import ArmTimer
from weft_core.machine.shared import Admission
from weft_core.machine.turn import Rules, Turn
from weft_core.model import keys
from weft_core.model.messages import (
    Annotate,
    Begin,
    CancelRequested,
    Message,
    Recover,
    ReviewSubmitted,
    SignalArrived,
    TerminateRequested,
    TimerFired,
    UpdateArrived,
)
from weft_core.model.run import AWAY, STOPPED, RunHeader, RunState
from weft_core.ports import enters_authors_code

log = logging.getLogger("weft")
_REFUSALS = (RunNotFoundError, RunMovedError, LimitExceededError, CodecError, StorageKeyError, UpdateValidationError)
"""What is wrong with one message or one run, and no reason to stop."""


_REMEDY = "The run stands at its checkpoint before that: it goes on when its code has changed, or when it is resumed"
_MAIL = (SignalArrived, UpdateArrived)
_TAKEN_WHEN_STOPPED = (*_MAIL, CancelRequested, TerminateRequested, Annotate, ReviewSubmitted)


class Decider:
    """Decides the envelopes of one engine, one after the other."""

    def __init__(
        self,
        storage: PatientReads,
        live: LiveRuns,
        rules: Rules,
        committer: Committer,
        validate: Callable[[RunState, UpdateArrived], None],
        land: Callable[[], Awaitable[None]],
    ) -> None:
        self._storage, self._live, self._rules, self._committer = storage, live, rules, committer
        self._validate, self._land = validate, land
        self._stopped = StoppedRuns(storage, live, rules.limits)
        self._shared = SharedObjects(storage, rules.limits)
        self._refusals = Refusals(self._stopped)
        self.posts: PostOffice
        self.code: str | None = None
        """Name of the stored source of the code this engine drives runs with."""
        self.distrusted: dict[str, Mapping[str, Any]] = {}
        """Runs that are held when they are next met, before any of their code runs; with facts for the error."""

    async def decide(self, envelope: Envelope, batch: Batch, now: int) -> None:
        if not envelope.run_id:
            await self._decide_shared(envelope, batch, now)
            return
        if envelope.plan is not None:
            await self._planned(envelope, batch)
            return
        if envelope.job is not None:
            await self._work(envelope, envelope.job, batch, now)
            return
        try:
            run = envelope.new or self._live.get(envelope.run_id)
            was_live = run is not None
            if run is None:
                run = await self._load(envelope, batch, now)
            if run is None:
                return
            if run.finished:
                self._refusals.after_the_end(run.header, envelope, batch, now)
            elif envelope.visit is not None:
                self._visit(run, envelope)
            elif envelope.write is not None:
                self._write(run, envelope, envelope.write, batch, now)
            elif not (was_live and isinstance(envelope.message, Recover)):  # else it has been taken up already
                self._check_message(run, envelope.message)
                entering = await self._entering(run, envelope, now) if envelope.new is not None else None
                obstacle = self._turn(run, envelope, batch, now)
                if obstacle is not None:
                    await self._give_up(run, envelope, obstacle, batch, now)
                    return
                if entering is not None:
                    self._shared.decide(entering, batch, now)
                if envelope.reply_to is not None:
                    leave(batch, envelope.reply_to, True, None, f"{envelope.post_id}.r")
        except _REFUSALS as refusal:
            self._refusals.refuse(envelope, batch, refusal)

    async def _entering(self, run: RunState, envelope: Envelope, now: int) -> Envelope | None:
        """Whether a run may begin beside others of its workflow: then the request by which it counts as one of them,
        which is decided in the batch that begins it; else it asks when it waits.
        ``WorkflowConcurrencyLimitExceededError``."""
        begin = envelope.message
        if not isinstance(begin, Begin) or begin.admission is None:
            return None
        if begin.start_at > now or begin.elsewhere is not None:
            return None
        name, limit, on_limit = begin.admission
        place = (Admission.kind, name)
        await self._bring(place)
        if not self._shared.has_room(name, limit, on_limit):
            envelope.message = replace(begin, waits=True)
            return None
        address = run.header.address(0)
        return Envelope("", shared=place, request=[["enter", limit, on_limit, True], run.id, 0, address],
                        post_id=f"{run.id}.{address:x}.e")  # fmt: skip

    async def _planned(self, envelope: Envelope, batch: Batch) -> None:
        """Write what a plan says of a run that is stored and not live."""
        await self._land()  # what is on its way may be about this run
        run = self._live.get(envelope.run_id)
        if run is not None:
            envelope.reject(RunNotFinishedError.of(run.id, run.header.status))
            return
        assert envelope.plan is not None
        try:
            batch.ops.extend(await envelope.plan())
        except StorageError:
            raise
        except WeftError as refusal:
            envelope.reject(refusal)
        batch.stopped.add(envelope.run_id)

    async def _work(self, envelope: Envelope, job: Job, batch: Batch, now: int) -> None:
        """All before it is durable: what it reads is how things stand."""
        await self._land()
        try:
            message = await job(batch, now)
        except (StorageError, EngineDegradedError):
            raise
        except (Exception, SystemExit) as refusal:  # perhaps of the author's code that an edit calls
            envelope.reject(refusal)
            return
        if message is not None:
            message.reply = envelope.reply
            await self.decide(message, batch, now)
        if batch.through is not None and all(run.id != envelope.run_id for run in batch.runs):
            batch.through.abandon()  # its outcome cannot be stored, so its effect must not be
            batch.through = None

    async def _decide_shared(self, envelope: Envelope, batch: Batch, now: int) -> None:
        """What concerns no run: a request for a shared object, or records that are only to be written."""
        place = envelope.shared
        if place is None:
            batch.ops.extend(envelope.extra)
            if envelope.alone is not None:
                await self._land()
                batch.ops.extend(await envelope.alone())
            return
        await self._bring(place)
        self._shared.decide(envelope, batch, now)

    async def _bring(self, place: tuple[str, str]) -> None:
        """Have a shared object in memory."""
        if place not in self._shared:
            await self._land()  # what is on its way may be about it
            await self._shared.read(place)

    def _visit(self, run: RunState, envelope: Envelope) -> None:
        assert envelope.visit is not None
        self._rules.stretch.begins(run.id, "query")
        try:
            envelope.answer = envelope.visit(run)
        except ComputedTooLong as stopped:
            envelope.reject(self._looping(run.id, "a query", stopped, "The run goes on as it did"))
        except SystemExit as error:  # of the author's handler; it must stop neither us nor who asked
            envelope.reject(RuntimeError(f"the query's handler raised SystemExit({error})"))
        except Exception as error:
            envelope.reject(error)

    @staticmethod
    def _write(run: RunState, envelope: Envelope, write: Write, batch: Batch, now: int) -> None:
        try:
            batch.ops.extend(write(run, now))
        except WeftError as refusal:
            envelope.reject(refusal)
            return
        batch.written.add(run.id)
        batch.runs.append(run)
        run.uncommitted += 1

    def _check_message(self, run: RunState, message: Message | None) -> None:
        """What is wrong with a message is no obstacle to its run, so it is found out before the turn."""
        if type(message) is Annotate:
            marks.check_change(run.header, message, self._rules.limits)
        elif type(message) is SignalArrived or type(message) is UpdateArrived:
            self._check_mail(run, message)

    def _check_mail(self, run: RunState, message: SignalArrived | UpdateArrived) -> None:
        """Refuse before anything is written: a full mailbox, an update that the run's validator does not want."""
        limit, lying = self._rules.limits.max_mailbox, len(run.mailbox) + len(run.unanswered)
        if lying >= limit:
            raise LimitExceededError(what=f"the mailbox of run {run.id}", actual=lying + 1, limit=limit)
        if type(message) is UpdateArrived:
            self._validate(run, message)

    async def _load(self, envelope: Envelope, batch: Batch, now: int) -> RunState | None:
        """Bring a run into memory. None: it is stopped or cannot be loaded, and that has been dealt with."""
        await self._land()  # what is on its way may be about this run
        data = await self._storage.get(keys.run(envelope.run_id))
        if data is None:
            raise RunNotFoundError(run_id=envelope.run_id)
        header = records.read_header(envelope.run_id, data)
        if header.finished_at is not None:
            batch.stopped.add(header.id)
            self._refusals.after_the_end(header, envelope, batch, now)
            return None
        if header.status in AWAY:
            batch.stopped.add(header.id)
            raise moved(header)
        if header.status in STOPPED and not isinstance(envelope.message, Recover):
            batch.stopped.add(header.id)
            await self._stopped.deliver(header, envelope, batch, now)
            return None
        if isinstance(envelope.message, Recover) and envelope.message.opening and self._loops_still(header):
            batch.stopped.add(header.id)
            return None
        try:
            if (facts := self.distrusted.pop(header.id, None)) is not None:
                raise LoopingRunError(run_id=header.id, remedy=_REMEDY, source=self.code, **facts)
            run = await self._live.load(header)
        except StorageError:
            raise
        except Exception as obstacle:
            batch.stopped.add(header.id)
            await self._stopped.stop(header, obstacle, batch, now)
            if envelope.message is None or isinstance(envelope.message, _TAKEN_WHEN_STOPPED):
                await self._stopped.deliver(header, envelope, batch, now)
            else:
                envelope.reject(obstacle)
            return None
        if header.status in STOPPED:
            await self.go_on(run)
        self._live.keep(run)
        return await self._taken_up(run, envelope, batch, now)

    def _loops_still(self, header: RunHeader) -> bool:
        """It is held because it looped, under the code that this engine has, too: it would loop again."""
        error = header.error or {}
        looped = header.status == "held" and error.get("code") == LoopingRunError.__name__
        return looped and (error.get("facts") or {}).get("source") == self.code

    def _looping(self, run_id: str, what: str, stopped: ComputedTooLong, remedy: str) -> LoopingRunError:
        return LoopingRunError(
            run_id=run_id, what=what, seconds=stopped.seconds, where=stopped.where, remedy=remedy, source=self.code
        )

    async def go_on(self, run: RunState) -> None:
        """A run that was stopped is to be driven again."""
        run.active = run.header.status == "held"  # as the index has it, whatever the checkpoint says
        run.header.status, run.header.was, run.header.error = run.header.was, "running", None
        await self.posts.call_again(run.id)

    async def _taken_up(self, run: RunState, envelope: Envelope, batch: Batch, now: int) -> RunState | None:
        """A message may come before the Recover of its run; then the attempts that were in flight are begun first, and
        that it has been migrated is made durable."""
        if (run.active or run.migrated is not None) and not isinstance(envelope.message, Recover):
            obstacle = self._turn(run, Envelope(run.id, Recover()), batch, now)
            if obstacle is not None:
                await self._give_up(run, envelope, obstacle, batch, now)
                return None
        return run

    @enters_authors_code
    def _turn(self, run: RunState, envelope: Envelope, batch: Batch, now: int) -> Exception | None:
        """Decide one message and add it to the batch; or return what keeps its outcome from being stored."""
        message = envelope.message
        assert message is not None
        turn = Turn(run, now, self._rules)
        was_active, first_seq = run.active, run.next_seq
        stretch = self._rules.stretch
        stretch.begins(run.id, "workflow", run.header.workflow)
        try:
            if isinstance(message, TimerFired):
                self._check_timer(turn, message)
            elif isinstance(message, (Begin, Recover)):
                turn.header_changed = True
            turn.deliver(message)
            run.next_seq += len(turn.events)
            write_records(turn, first_seq, self._committer.epoch, self.code)
            if stretch.ended is not None:
                raise stretch.ended  # whatever the author's code has made of it
        except (Exception, ComputedTooLong) as obstacle:
            run.active, run.next_seq = was_active, first_seq
            if stretch.ended is not None:
                return self._looping(run.id, f"workflow {run.header.workflow!r}", stretch.ended, _REMEDY)
            assert isinstance(obstacle, Exception)
            if not isinstance(obstacle, WeftError):
                log.exception("a turn of run %s broke; the run stays at its last checkpoint", run.id)
            return obstacle
        batch.ops.extend(envelope.extra)
        batch.ops.extend(turn.ops)
        batch.effects.extend(turn.effects)
        batch.runs.append(run)
        run.uncommitted += 1
        if turn.events:
            batch.events.append((run.id, first_seq, now, turn.events))
        if run.streams is not None:
            batch.written.add(run.id)
        if run.finished:
            batch.ended.append(run.header)
        self._live.keep(run)
        return None

    def _check_timer(self, turn: Turn, fired: TimerFired) -> None:
        """Drop the record of a step that is over; keep waiting if the clock has jumped back since it fired."""
        if fired.deadline_ms > turn.now:
            turn.effects.append(ArmTimer(fired.deadline_ms))
            if fired.task < 0:  # of the whole run; else its record goes, and a recovery brings it again
                return
        task = turn.run.tasks.get(fired.task)
        if task is None or task.step != fired.step or task.op is None:
            turn.ops.append(timer_record(turn.run.id, fired))

    async def _give_up(self, run: RunState, envelope: Envelope, obstacle: Exception, batch: Batch, now: int) -> None:
        """A turn that cannot be stored: its run stays at the checkpoint before it, a signal stays in its mailbox.

        A new run is refused.
        """
        await self._land()  # what is stored of the run must be the checkpoint before this turn
        if envelope.new is not None:
            records.evict(run)
            if isinstance(obstacle, LoopingRunError):
                obstacle = LoopingRunError(**{**obstacle.facts, "remedy": "It was not started"})
            envelope.reject(obstacle)
            return
        self._live.drop(run.id)
        batch.stopped.add(run.id)
        header = await self._stopped.mark(run, obstacle, batch, now)
        if isinstance(envelope.message, _TAKEN_WHEN_STOPPED):
            await self._stopped.deliver(header, envelope, batch, now)
        else:
            envelope.reject(obstacle)
