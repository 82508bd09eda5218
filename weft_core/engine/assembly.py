"""The parts of an engine and how they are joined: all are made here, anew at each opening, and none knows the engine by
more than ``whole.py`` says."""

from __future__ import annotations

from typing import Any

from weft_core.engine.attempts import Tokens, Transactions
from weft_core.engine.batch import Batch, Envelope, Job
from weft_core.engine.blobs import Blobs
from weft_core.engine.bulk.runner import BulkRunner
from weft_core.engine.code import SourceKeeper
from weft_core.engine.commit import Committer
from weft_core.engine.handoff.answering import Answering
from weft_core.engine.handoff.doubting import doubt
from weft_core.engine.handoff.line import Line
from weft_core.engine.handoff.mover import Mover
from weft_core.engine.handoff.outbox import Form, Outbox
from weft_core.engine.handoff.parts import HandoffParts
from weft_core.engine.handoff.placing import Placer
from weft_core.engine.inbox import InboxReader
from weft_core.engine.live import LiveRuns
from weft_core.engine.looking import Onlooker
from weft_core.engine.posts import PostOffice
from weft_core.engine.pump import Pump
from weft_core.engine.queues import Queues
from weft_core.engine.repair.parts import RepairParts
from weft_core.engine.retention.keeper import Keeper
from weft_core.engine.retention.purger import Purger
from weft_core.engine.retention.sweeps import Sweeps
from weft_core.engine.schedules import ScheduleKeeper
from weft_core.engine.search.keeping import Decide, IndexKeeper
from weft_core.engine.starts import Starts
from weft_core.engine.whole import OpList, Whole
from weft_core.errors import EngineClosedError, WorkflowNotRegisteredError
from weft_core.machine.attention import RunAttention
from weft_core.machine.life import RunLife
from weft_core.machine.operations import HOOKS
from weft_core.machine.turn import Rules
from weft_core.model.retention import Retention
from weft_core.ports import Host


class Parts:
    """The parts of one open engine. They are made and joined here; none has begun."""

    def __init__(self, engine: Whole, host: Host, committer: Committer) -> None:
        self._engine, self._host, self.committer = engine, host, committer
        self._make_pump()
        self._make_attempts()
        self._make_starts()
        self._make_keepers()
        self._make_repairs()
        self._make_handoffs()
        self.inbox = InboxReader(engine._reads, engine, self.purger)

    # -- made

    def _make_pump(self) -> None:
        """What decides and commits."""
        engine, host, reads = self._engine, self._host, self._engine._reads
        self.live = LiveRuns(
            reads, engine.registry, host.clock, host.ids, engine.limits, self._policy, engine._services
        )  # fmt: skip
        self.queues = Queues(engine._declared_queues, host.clock)
        rules = Rules(
            engine.registry, HOOKS, RunLife(), RunAttention(), engine.limits, host.ids.random, host.clock.now_ms,
            self.queues.names, self.queues.ticket, self._can_transact, host.stretch, engine.interceptors.operation,
        )  # fmt: skip
        self.onlooker = Onlooker(host.clock, host.ids, engine.registry.functions)
        self.pump = Pump(
            reads, self.committer, self.live, rules, host.clock, self.onlooker.validate, self._committed,
            engine._pump_stopped,
        )  # fmt: skip
        self.queues.submit, self.pump.queues = self.pump.submit, self.queues
        self.pump.decider.distrusted = engine._distrusted
        self.sources = SourceKeeper(engine.registry, self.pump.decider, engine.discard)

    def _make_attempts(self) -> None:
        """What calls activities."""
        engine, host, pump = self._engine, self._host, self.pump
        self.tokens = Tokens(host.ids, pump.submit)
        self.blobs = Blobs(engine._reads, pump.submit, engine.limits)
        pump.attempts = engine.attempts_class(
            engine.registry, host, engine.limits, self.committer.store_id, engine._outcome, self.tokens,
            engine.interceptors, engine._services.of, self.blobs, engine._archive,
        )  # fmt: skip
        pump.transactions = Transactions(
            engine.storage, self.committer, self.live, engine.registry, engine.limits, engine.interceptors,
            pump.attempts, pump.submit, engine._services.of,
        )  # fmt: skip

    def _make_starts(self) -> None:
        """What begins runs: calls, other runs, schedules."""
        engine, host, reads = self._engine, self._host, self._engine._reads
        self.starts = Starts(
            reads, engine.registry, self.live, self.pump.submit, host, engine.limits, engine._retain_checkpoints
        )
        posts = self.pump.decider.posts = PostOffice(reads, self.pump.submit, self.starts)
        posts.check_signal = engine._check_signal_to
        self.schedules = ScheduleKeeper(reads, self.starts, self.pump, host.clock, engine)

    def _make_keepers(self) -> None:
        """What puts the store in order between other work."""
        engine, clock, reads = self._engine, self._host.clock, self._engine._reads
        self.indexes = IndexKeeper(reads, self.decide_alone)
        self.sweeps = Sweeps(reads, engine.registry, self._policy, self.starts, engine._ask)
        self.purger = self.sweeps.purger = Purger(
            reads, self.starts, engine._ask, clock, engine.retention.keys_ms, self.sweeps.gone
        )
        self.pump.rows_of_ended, self.starts.revived = self.sweeps.rows, self.sweeps.gone
        self.keeper = Keeper(clock, [self.purger.finish_left, self.sweeps.sweep])
        self.bulk_runner = BulkRunner(engine._actions(), reads, engine._ask, clock)
        self.bulk_keeper = Keeper(clock, [self.bulk_runner.work])  # its own: sweeps may be long, and people wait

    def _make_repairs(self) -> None:
        """What puts runs right."""
        engine, decider = self._engine, self.pump.decider
        self.repairing = RepairParts(
            engine._reads, self.live, engine.registry, engine.limits, decider.go_on, decider.posts.call_again,
            self.sweeps.gone,
        )  # fmt: skip

    def _make_handoffs(self) -> None:
        """What hands runs to other engines."""
        engine, host = self._engine, self._host

        async def work(run_id: str, job: Job) -> None:
            await engine._ask(Envelope(run_id, job=job))

        async def here(run_id: str, form: Form, extra: OpList) -> None:
            await engine._said(run_id, form, extra)

        async def said(run_id: str, form: Form) -> Any:
            return await engine._said(run_id, form, [])

        self.handing = HandoffParts(
            engine._reads, self.live, engine.registry, engine.limits, host.clock, host.ids, self.committer.store_id,
            self.committer.epoch, work, engine._deliver, self.pump.arm,
        )  # fmt: skip
        self.line = Line(engine.registry, engine._transport, engine._device)
        self.mover = Mover(self.handing, self.line)
        self.placer = Placer(self.handing, self.mover, self.line, engine._leave_for_server)
        self.starts.keep_back, self.starts.kept_back = self.placer.keep_back, self.placer.kept_back
        self.outbox = self.mover.outbox = Outbox(self.handing, self.mover, self.line, here)
        self.answering = Answering(self.handing, self.mover, engine.events, said)

    # -- joined

    def _policy(self, workflow: str) -> Retention:
        """What is kept of runs of a workflow: its own retention, or else the engine's."""
        try:
            return self._engine.registry.newest(workflow).retention or self._engine.retention
        except WorkflowNotRegisteredError:
            return self._engine.retention

    def _can_transact(self, activity: str) -> bool:
        return self.pump.transactions.possible(activity)

    async def decide_alone(self, decide: Decide) -> None:
        """Write what is decided from the store as it is then; nothing else is in that batch or before it unwritten."""
        await self._engine._ask(Envelope("", alone=decide))

    def _committed(self, batch: Batch) -> None:
        self.mover.committed(batch)
        self.placer.committed(batch)
        events = self._engine.events
        events.publish(batch.position, batch.events)
        for run_id in batch.written:
            events.wake(run_id)
        for event in batch.announced:
            events.announce(event)
        for header in batch.ended:
            events.ended(header)
            self.keeper.due(self.sweeps.ended(header))
            if header.lineage:
                self.schedules.run_ended(header)

    # -- their life

    async def open(self) -> None:
        """Have them read what they go by, before any message is decided."""
        reads = self._engine._reads
        await self.purger.open()
        await self.sweeps.open()
        await self.queues.open(reads)
        await self.sources.open(self._engine.storage, self.committer)
        if stale := await self.pump.feed.open(reads):
            await self.committer.commit(stale)

    async def hold_what_may_be_elsewhere(self) -> None:
        """Before any run is taken up."""
        device = self._engine._device
        if device is not None and self._engine._transport is not None:
            await doubt(self.handing, device.server)

    @property
    def idle(self) -> bool:
        """Nothing is queued, decided or in flight."""
        keepers = self.keeper.idle and self.bulk_keeper.idle
        handoffs = self.mover.idle and self.placer.idle
        return self.pump.idle and keepers and self.schedules.idle and handoffs

    async def close_keepers(self) -> None:
        """End what begins work by itself."""
        await self.placer.close()
        await self.mover.close()
        await self.keeper.close()
        await self.bulk_keeper.close()
        self.bulk_runner.close(self._engine.trouble or EngineClosedError(state="closed"))

    async def let_go(self) -> None:
        """The pump has ended: let go of everything that is under way, and of the runs."""
        await self.close_keepers()
        self.pump.timers.close()
        self.queues.close()
        await self.pump.decider.posts.close()
        await self.schedules.close()
        await self.pump.attempts.close()
        self.live.evict_all()
