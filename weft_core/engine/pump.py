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
from weft_core.engine.batch import Batch, Envelope
from weft_core.engine.commit import Committer
from weft_core.engine.deciding import Decider
from weft_core.engine.feed import FeedWriter
from weft_core.engine.live import LiveRuns
from weft_core.engine.patience import PatientReads
from weft_core.engine.queues import Queues
from weft_core.engine.started import Started
from weft_core.engine.timers import TimerQueue
from weft_core.errors import (
    EngineClosedError,
    EngineError,
    StorageError,
)  # fmt: skip
from weft_core.machine import records
from weft_core.machine.effects import JoinQueue, LeaveQueue, Post, StartAttempt, StartTransaction, StopAttempt
from weft_core.machine.operations.activity import put_off
from weft_core.machine.turn import Rules
from weft_core.model.messages import (
    TimerFired,
    UpdateArrived,
)
from weft_core.model.operations import RunActivity
from weft_core.model.run import RunHeader, RunState
from weft_core.ports import Clock, Op

log = logging.getLogger("weft")
_STRETCH_S = 0.005
"""How long the pump may keep the event loop to itself while nothing it awaits really waits."""


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
        self._rules, self._clock = rules, clock
        self._on_commit, self._on_stop = on_commit, on_stop
        self._inbox: deque[Envelope] = deque()
        self._wake = asyncio.Event()
        self._closing = self.draining = False
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
        self.decider = Decider(storage, live, rules, committer, validate, self._land)
        self.attempts: Attempts
        self.transactions: Transactions
        self.queues: Queues
        self.on_schedules_due: Callable[[list[tuple[int, str]]], None]
        """Takes (deadline, schedule id) of schedules, and calls ``schedule_decided`` for each."""
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
        """Nothing to decide, nothing in flight, and all timers that are due were taken."""
        return self.decider.posts.idle and not (
            self._inbox
            or self.timers.due
            or self._firing
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
                await self.decider.decide(envelope, batch, now)
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
                if self._closing or self.draining:
                    self._put_off.append(effect)
                else:
                    self.attempts.start(effect)
            elif type(effect) is StartTransaction:
                if self._closing or self.draining:
                    self._put_off.append(effect)
                else:
                    self.transactions.start(effect)
            elif type(effect) is Post:
                # Not while closing: two runs that speak to each other would do so for ever. It is found again.
                if not self._closing:
                    self.decider.posts.forward(effect.key, effect.content)
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
