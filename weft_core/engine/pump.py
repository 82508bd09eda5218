"""The pump: takes messages, lets the machine decide, commits one batch, and only then acts.

All turns that are ready at the same moment share one commit (group commit), and while one commit is on its way the
next batch is decided; commits land in the order of their batches. This is the only place where a decision becomes
durable and the only place from which effects start (G1).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from weft_core.engine.attempts import Attempts, Transactions
from weft_core.engine.batch import Batch, Envelope, Job, Write
from weft_core.engine.commit import Committer
from weft_core.engine.feed import FeedWriter
from weft_core.engine.live import LiveRuns
from weft_core.engine.patience import PatientReads
from weft_core.engine.posts import PostOffice
from weft_core.engine.queues import Queues
from weft_core.engine.shared import SharedObjects, leave
from weft_core.engine.started import Started
from weft_core.engine.stopped import StoppedRuns
from weft_core.engine.timers import TimerQueue
from weft_core.engine.writing import write_records
from weft_core.errors import (
    CodecError,
    EngineClosedError,
    EngineDegradedError,
    EngineError,
    LimitExceededError,
    RunFinishedError,
    RunNotFinishedError,
    RunNotFoundError,
    StorageError,
    StorageKeyError,
    UpdateValidationError,
    WeftError,
)  # fmt: skip
from weft_core.machine import failure, marks, records
from weft_core.machine.effects import ArmTimer, JoinQueue, LeaveQueue, Post, StartAttempt, StartTransaction, StopAttempt
from weft_core.machine.operations.activity import put_off
from weft_core.machine.outcomes import outcome_of
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
    StateAsked,
    SuspendRequested,
    TerminateRequested,
    TimerFired,
    UpdateArrived,
    Watch,
)
from weft_core.model.operations import RunActivity
from weft_core.model.run import STOPPED, RunHeader, RunState
from weft_core.ports import Clock, Op

log = logging.getLogger("weft")
_STRETCH_S = 0.005
"""How long the pump may keep the event loop to itself while nothing it awaits really waits."""

_REFUSALS = (RunNotFoundError, LimitExceededError, CodecError, StorageKeyError, UpdateValidationError)
"""What is wrong with one message or one run, and no reason to stop."""


_ACTIONS: dict[type, str] = {
    SignalArrived: "a signal", UpdateArrived: "an update", CancelRequested: "cancelling it",
    TerminateRequested: "terminating it", SuspendRequested: "suspending it",
    StateAsked: "changing its state",
}  # fmt: skip
_MAIL = (SignalArrived, UpdateArrived)
_TAKEN_WHEN_STOPPED = (*_MAIL, CancelRequested, TerminateRequested, Annotate, ReviewSubmitted)


async def _nothing() -> None:
    """The commit of a batch that writes nothing."""


class Pump:
    """One per engine; runs as one asyncio task."""

    def __init__(
        self,
        storage: PatientReads,
        committer: Committer,
        live: LiveRuns,
        rules: Rules,
        clock: Clock,
        validate: Callable[[RunState, UpdateArrived], None],
        on_commit: Callable[[Batch], None],
        on_stop: Callable[[BaseException], None],
    ) -> None:
        self._storage, self._committer, self._live = storage, committer, live
        self._rules, self._clock, self._validate = rules, clock, validate
        self._on_commit, self._on_stop = on_commit, on_stop
        self._inbox: deque[Envelope] = deque()
        self._wake = asyncio.Event()
        self._closing = False
        self._deciding = False
        self._firing = 0
        """Timers that were taken and are not decided yet."""
        self._flying: tuple[Batch, Started] | None = None
        """The batch whose commit is on its way."""
        self._put_off: list[StartAttempt] = []
        """Attempts that were decided while closing."""
        self._over: BaseException | None = None
        """Why nothing is taken in any more."""
        self.feed = FeedWriter(rules.limits.feed_commits)
        self.timers = TimerQueue(storage, clock, self._wake.set)
        self._stopped = StoppedRuns(storage, live, rules.limits)
        self._shared = SharedObjects(storage, rules.limits)
        self.attempts: Attempts
        self.transactions: Transactions
        self.posts: PostOffice
        self.queues: Queues
        self.on_schedules_due: Callable[[list[tuple[int, str]]], None]
        """Takes (deadline, schedule id) of schedules, and calls ``schedule_decided`` for each."""
        self.code: str | None = None
        """Name of the stored source of the code this engine drives runs with."""
        self.rows_of_ended: Callable[[list[RunHeader]], list[Op]] = lambda headers: []
        """Index rows of runs that ended in a batch."""

    def submit(self, envelope: Envelope) -> None:
        """Queue an envelope; it is decided on the pump's next round, or rejected when there is none."""
        if self._over is not None:
            self._turn_away(envelope, self._over)
            return
        self._inbox.append(envelope)
        self._wake.set()

    def arm(self, deadline_ms: int) -> None:
        """A timer with this deadline has been stored by somebody else than a turn."""
        if deadline_ms > self._clock.now_ms():
            self.timers.arm(deadline_ms)
        else:
            self.timers.due = True
            self._wake.set()

    def schedule_decided(self) -> None:
        """A schedule that was due has been seen to; whether it is due again at once is looked up."""
        self._firing -= 1
        self._wake.set()

    @property
    def idle(self) -> bool:
        """Nothing to decide, nothing in flight."""
        return self.posts.idle and not (
            self._inbox
            or self._flying
            or len(self.attempts)
            or self._wake.is_set()
            or self._deciding
            or self.queues.stale
        )

    @property
    def queued(self) -> int:
        """Messages that wait to be decided."""
        return len(self._inbox)

    @property
    def committing(self) -> bool:
        """A commit is on its way."""
        return self._flying is not None

    def finish(self) -> None:
        """Stop after what is queued now."""
        self._closing = True
        self._wake.set()

    async def run(self) -> None:
        """Pump until closed, fenced, or degraded."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            while True:
                if not self._inbox and self._flying is not None:
                    await self._land()
                    continue
                if not self._inbox:
                    if self._closing:
                        await self._put_off_attempts()
                        self._over = EngineClosedError(state="closed")
                        return
                    await self._wake.wait()
                self._wake.clear()
                self._deciding = True
                await self._round()
                self._deciding = False
                now = loop.time()
                if now - started > _STRETCH_S:
                    await asyncio.sleep(0)
                    started = loop.time()
        except BaseException as trouble:
            if isinstance(trouble, Exception) and not isinstance(trouble, (EngineError, StorageError)):
                log.exception("the engine broke")
            self._over = trouble
            self._reject_all(trouble)
            self._on_stop(trouble)
            if isinstance(trouble, (asyncio.CancelledError, KeyboardInterrupt, SystemExit)):
                raise

    async def _round(self) -> None:
        if self.timers.due and not self._firing:
            await self._land()  # it may remove timers that would be found again
            await self._take_timers()
        batch = Batch()
        now = self._clock.now_ms()
        try:
            for _ in range(min(len(self._inbox), self._rules.limits.max_batch_turns)):
                envelope = self._inbox.popleft()
                exclusive = envelope.alone is not None or envelope.job is not None
                if envelope.run_id in batch.stopped or (exclusive and batch.envelopes):
                    self._inbox.appendleft(envelope)
                    break
                batch.envelopes.append(envelope)
                if type(envelope.message) is TimerFired:
                    self._firing -= 1
                await self._decide(envelope, batch, now)
                if envelope.alone is not None or batch.through is not None:
                    break
            if batch.ended:
                batch.ops.extend(self.rows_of_ended(batch.ended))
            await self._land()
            if batch.events:
                self.feed.add(batch)
            commit = self._committer.commit(batch.ops, batch.through) if batch.ops else _nothing()
            self._flying = batch, Started(commit)
        except BaseException as error:
            if batch.through is not None:
                batch.through.abandon()
            for envelope in batch.envelopes:
                envelope.reject(error)
            raise
        if self._flying[1].done:
            await self._land()
        if self._inbox or (self.timers.due and not self._firing):
            self._wake.set()

    async def _land(self) -> None:
        """Wait for the commit that is on its way, and act on its batch."""
        if self._flying is None:
            return
        batch, commit = self._flying
        try:
            await commit.finish()
        except BaseException as error:
            for envelope in batch.envelopes:
                envelope.reject(error)
            raise
        finally:
            self._flying = None
        self._act(batch)

    async def _take_timers(self) -> None:
        """Queue what is due. Until all of it is decided no more is taken: its records would be found again."""
        fired, schedules, damaged = await self.timers.take_due()
        self._firing = len(fired) + len(schedules)
        self._inbox.extend(Envelope(run_id, TimerFired(*rest)) for run_id, *rest in fired)
        if schedules:
            self.on_schedules_due(schedules)
        if damaged:
            log.warning("removed %d timer records that name no timer, the first is %r", len(damaged), damaged[0])
            self._inbox.append(Envelope("", extra=[(key, None) for key in damaged]))

    # -- deciding

    async def _decide(self, envelope: Envelope, batch: Batch, now: int) -> None:
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
                self._after_the_end(run.header, envelope, batch, now)
            elif envelope.visit is not None:
                self._visit(run, envelope)
            elif envelope.write is not None:
                self._write(run, envelope, envelope.write, batch, now)
            elif not (was_live and isinstance(envelope.message, Recover)):  # else it has been taken up already
                self._check_message(run, envelope.message)
                obstacle = self._turn(run, envelope, batch, now)
                if obstacle is not None:
                    await self._give_up(run, envelope, obstacle, batch, now)
                elif envelope.reply_to is not None:
                    leave(batch, envelope.reply_to, True, None, f"{envelope.post_id}.r")
        except _REFUSALS as refusal:
            self._refuse(envelope, batch, refusal)

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
            await self._decide(message, batch, now)
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
        if place not in self._shared:
            await self._land()  # what is on its way may be about this object
            await self._shared.read(place)
        self._shared.decide(envelope, batch, now)

    @staticmethod
    def _visit(run: RunState, envelope: Envelope) -> None:
        assert envelope.visit is not None
        try:
            envelope.answer = envelope.visit(run)
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
            self._after_the_end(header, envelope, batch, now)
            return None
        if header.status in STOPPED and not isinstance(envelope.message, Recover):
            batch.stopped.add(header.id)
            await self._stopped.deliver(header, envelope, batch, now)
            return None
        try:
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

    def _after_the_end(self, header: RunHeader, envelope: Envelope, batch: Batch, now: int) -> None:
        """A message for a run that is finished: only what searches know of it can change."""
        if isinstance(envelope.message, Annotate):
            self._stopped.annotate(header, envelope.message, batch, now)
        else:
            self._refuse(envelope, batch, self._already(header, envelope), header)

    @staticmethod
    def _already(header: RunHeader, envelope: Envelope) -> RunFinishedError:
        action = _ACTIONS.get(type(envelope.message), "this")
        return RunFinishedError(run_id=header.id, status=header.status, action=action)

    def _refuse(self, envelope: Envelope, batch: Batch, error: WeftError, finished: RunHeader | None = None) -> None:
        """The message has no run to go to: its sender is told, and a record that would bring it again is removed."""
        envelope.reject(error)
        batch.ops.extend(envelope.extra)
        if isinstance(envelope.message, Watch):
            self._tell_watcher(envelope, envelope.message, batch, error, finished)
        elif envelope.reply_to is not None:
            leave(batch, envelope.reply_to, False, failure.record(error), f"{envelope.post_id}.r")
        if isinstance(envelope.message, TimerFired):
            batch.ops.append(self._timer_record(envelope.run_id, envelope.message))

    @staticmethod
    def _tell_watcher(
        envelope: Envelope, watch: Watch, batch: Batch, error: WeftError, finished: RunHeader | None
    ) -> None:
        if not watch.no_more:
            told = outcome_of(finished) if finished is not None else {**failure.record(error), "run": envelope.run_id}
            leave(batch, watch.watcher, finished is not None, told, f"{envelope.post_id}.r")

    @staticmethod
    def _timer_record(run_id: str, fired: TimerFired) -> Op:
        return keys.timer(fired.deadline_ms, run_id, fired.task, fired.step), None

    def _turn(self, run: RunState, envelope: Envelope, batch: Batch, now: int) -> Exception | None:
        """Decide one message and add it to the batch; or return what keeps its outcome from being stored."""
        message = envelope.message
        assert message is not None
        turn = Turn(run, now, self._rules)
        was_active, first_seq = run.active, run.next_seq
        try:
            if isinstance(message, TimerFired):
                self._check_timer(turn, message)
            elif isinstance(message, (Begin, Recover)):
                turn.header_changed = True
            turn.deliver(message)
            run.next_seq += len(turn.events)
            write_records(turn, first_seq, self._committer.epoch, self.code)
        except Exception as obstacle:
            if not isinstance(obstacle, WeftError):
                log.exception("a turn of run %s broke; the run stays at its last checkpoint", run.id)
            run.active, run.next_seq = was_active, first_seq
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
            turn.ops.append(self._timer_record(turn.run.id, fired))

    async def _give_up(self, run: RunState, envelope: Envelope, obstacle: Exception, batch: Batch, now: int) -> None:
        """A turn that cannot be stored: its run stays at the checkpoint before it, a signal stays in its mailbox.

        A new run is refused.
        """
        await self._land()  # what is stored of the run must be the checkpoint before this turn
        if envelope.new is not None:
            records.evict(run)
            envelope.reject(obstacle)
            return
        self._live.drop(run.id)
        batch.stopped.add(run.id)
        header = await self._stopped.mark(run, obstacle, batch, now)
        if isinstance(envelope.message, _TAKEN_WHEN_STOPPED):
            await self._stopped.deliver(header, envelope, batch, now)
        else:
            envelope.reject(obstacle)

    # -- acting

    def _act(self, batch: Batch) -> None:
        for run in batch.runs:
            run.uncommitted -= 1
            if run.finished:
                self._live.finished(run.id)
        self._on_commit(batch)
        for envelope in batch.envelopes:
            envelope.resolve()
        for effect in batch.effects:
            if type(effect) is StartAttempt:
                # Not while closing: an attempt that ends at once would bring the next one, for ever.
                if self._closing:
                    self._put_off.append(effect)
                else:
                    self.attempts.start(effect)
            elif type(effect) is StartTransaction:
                if self._closing:
                    self._put_off.append(effect)
                else:
                    self.transactions.start(effect)
            elif type(effect) is Post:
                # Not while closing: two runs that speak to each other would do so for ever. It is found again.
                if not self._closing:
                    self.posts.forward(effect.key, effect.content)
            elif type(effect) is StopAttempt:
                self.attempts.stop(effect)
            elif type(effect) is JoinQueue or type(effect) is LeaveQueue:
                self.queues.act(effect)
            else:
                self.timers.arm(effect.deadline_ms)  # type: ignore[union-attr]
        self._live.evict_surplus()

    async def _put_off_attempts(self) -> None:
        """Write down which attempts never began, so that the next owner does not take them for cut off."""
        ops: list[Op] = []
        for effect in self._put_off:
            run = self._live.get(effect.run_id)
            task = run.tasks.get(effect.task) if run is not None else None
            if run is not None and task is not None and task.step == effect.step and type(task.op) is RunActivity:
                put_off(task)
                written = records.write_checkpoint(run, self._clock.now_ms(), True)
                ops.extend(written if run.past is None else run.past.follow(run, written, False))
        if ops:
            await self._committer.commit(ops)

    def _reject_all(self, trouble: BaseException) -> None:
        if self._flying is not None:
            for envelope in self._flying[0].envelopes:
                envelope.reject(trouble)
            self._flying = None
        while self._inbox:
            self._turn_away(self._inbox.popleft(), trouble)

    @staticmethod
    def _turn_away(envelope: Envelope, trouble: BaseException) -> None:
        if envelope.new is not None:
            records.evict(envelope.new)
        envelope.reject(trouble)
