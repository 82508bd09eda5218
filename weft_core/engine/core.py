"""What every verb of the engine stands on: its life, its parts, and how a message reaches a run."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any, Self

from weft_core.engine import code
from weft_core.engine.attempts import Attempts, Tokens, Transactions
from weft_core.engine.batch import Batch, Envelope
from weft_core.engine.blobs import Blobs
from weft_core.engine.bulk.runner import BulkRunner
from weft_core.engine.bulk.verbs import Actions
from weft_core.engine.commit import Committer
from weft_core.engine.events import EventBus
from weft_core.engine.handoff.mover import Mover
from weft_core.engine.handoff.placing import Placer
from weft_core.engine.inbox import InboxReader
from weft_core.engine.interceptors import Interceptors
from weft_core.engine.live import LiveRuns
from weft_core.engine.looking import Onlooker
from weft_core.engine.patience import RETRY_DELAYS_S, PatientReads
from weft_core.engine.posts import PostOffice
from weft_core.engine.pump import Pump
from weft_core.engine.queues import Queues
from weft_core.engine.reader import StoreReader
from weft_core.engine.registry import Registry
from weft_core.engine.retention.keeper import Keeper
from weft_core.engine.retention.purger import Purger
from weft_core.engine.retention.sweeps import Sweeps
from weft_core.engine.schedules import ScheduleKeeper
from weft_core.engine.search.keeping import IndexKeeper
from weft_core.engine.services import Resolver, ServiceBook
from weft_core.engine.starts import Starts
from weft_core.engine.transfer.placing import settle
from weft_core.errors import (
    EngineClosedError,
    EngineFencedError,
    RunNotFoundError,
    WorkflowNotRegisteredError,
)
from weft_core.machine.attention import RunAttention
from weft_core.machine.life import RunLife
from weft_core.machine.operations import HOOKS
from weft_core.machine.sealed import seal_plain
from weft_core.machine.shared import OUTSIDE
from weft_core.machine.turn import Rules
from weft_core.model import keys
from weft_core.model.limits import DEFAULT_LIMITS, Limits
from weft_core.model.messages import CancelRequested, Message, Recover, SignalArrived, StepMessage
from weft_core.model.placement import Device
from weft_core.model.queues import Queue
from weft_core.model.retention import KEEP, Retention
from weft_core.ports import Archive, Clock, HandoffTransport, Host, Op, Storage, default_host
from weft_core.workflow import Activity, Interceptor, Schedule, Workflow
from weft_core.workflow.definition import check_retained

log = logging.getLogger("weft")
OpList = list[Op]


class EngineCore:
    """The engine without its verbs."""

    retry_delays_s = RETRY_DELAYS_S
    """Waits between tries of a store that is in trouble; after the last one the engine is degraded (G17)."""
    attempts_class = Attempts

    def __init__(
        self,
        *,
        storage: Storage,
        workflows: Iterable[Workflow] = (),
        activities: Iterable[Activity[..., Any]] = (),
        schedules: Iterable[Schedule] = (),
        queues: Iterable[Queue] = (),
        host: Host | None = None,
        limits: Limits = DEFAULT_LIMITS,
        retention: Retention = KEEP,
        interceptors: Iterable[Interceptor] = (),
        services: Mapping[str, Any] | None = None,
        resolve_services: Resolver | None = None,
        recover: bool = True,
        close_storage: bool = True,
        retain_checkpoints: int = 0,
        archive: Archive | None = None,
        transport: HandoffTransport | None = None,
        device: Device | None = None,
        distrusted: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self._rebind(storage)
        self._distrusted = dict(distrusted or {})
        """Runs that have hung an engine, which could not write so itself: they are held. With facts for the error."""
        self.limits, self.retention = limits, retention
        self.interceptors = Interceptors(interceptors, limits)
        self._services = ServiceBook(services, resolve_services)
        self.registry = Registry()
        self.status = "not open yet"
        """Of the engine itself: "open", "closed", "fenced", "degraded", ... What is kept for runs is ``state``."""
        self._host, self._archive, self._transport, self._device = host, archive, transport, device
        self._recover, self._close_storage = recover, close_storage
        self._retain_checkpoints = check_retained(retain_checkpoints) or 0
        self._task: asyncio.Task[None] | None = None
        self._mover: Mover
        self._placer: Placer
        self._trouble: BaseException | None = None
        self.events = EventBus(self._listener_failed)
        self.registry.add_activities(activities)
        for workflow in workflows:
            self.register(workflow)
        self._declared_queues = list(queues)
        self._declared = list(schedules)
        for declared in self._declared:
            if isinstance(declared.workflow, Workflow):
                self.register(declared.workflow)

    @classmethod
    async def create(cls, **options: Any) -> Self:
        """An open engine, for code that cannot use ``async with``; the caller closes it."""
        engine = cls(**options)
        await engine.open()
        return engine

    def register(self, workflow: Workflow) -> None:
        """Make a workflow known. A second definition of the same name and version: ``DuplicateDefinitionError``."""
        self.registry.add_workflow(workflow)

    # -- life

    async def __aenter__(self) -> Self:
        try:
            await self.open()
        except BaseException:
            if self._close_storage:
                await self.storage.close()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Take ownership of the store and, unless ``recover=False``, take up every run where it stands."""
        if self._task is not None:
            raise EngineClosedError(state=self.status)
        host = self._host = self._host or default_host()
        await settle(self.storage)
        self._committer = Committer(self.storage, self.retry_delays_s)
        await self._committer.take_ownership(host.ids)
        reads = self._reads
        self._live = LiveRuns(
            reads, self.registry, host.clock, host.ids, self.limits, self._policy, self._services,
        )  # fmt: skip
        queues = self._queues = Queues(self._declared_queues, host.clock)
        rules = Rules(
            self.registry, HOOKS, RunLife(), RunAttention(), self.limits, host.ids.random, host.clock.now_ms,
            queues.names, queues.ticket, self._can_transact, host.stretch, self.interceptors.operation,
        )  # fmt: skip
        self._onlooker = Onlooker(host.clock, host.ids, self.registry.functions)
        self._pump = Pump(
            reads, self._committer, self._live, rules, host.clock, self._onlooker.validate, self._committed,
            self._pump_stopped,
        )  # fmt: skip
        queues.submit, self._pump.queues = self._pump.submit, queues
        self._tokens = Tokens(host.ids, self._pump.submit)
        self._blobs = Blobs(reads, self._pump.submit, self.limits)
        self._pump.attempts = self.attempts_class(
            self.registry, host, self.limits, self._committer.store_id, self._outcome, self._tokens,
            self.interceptors, self._services.of, self._blobs, self._archive,
        )  # fmt: skip
        self._pump.transactions = Transactions(
            self.storage, self._committer, self._live, self.registry, self.limits, self.interceptors,
            self._pump.attempts, self._pump.submit, self._services.of,
        )  # fmt: skip
        self._starts = Starts(
            reads, self.registry, self._live, self._pump.submit, host, self.limits, self._retain_checkpoints
        )
        self._pump.decider.posts = PostOffice(reads, self._pump.submit, self._starts)
        self._pump.decider.posts.check_signal = self._check_signal_to
        self._pump.decider.distrusted = self._distrusted
        self._schedules = ScheduleKeeper(reads, self._starts, self._pump, host.clock, self)
        self._inbox = InboxReader(
            reads, self.deliver_start, self.deliver_signal, self.deliver_cancel, self._purge, self.deliver_to_schedule,
            self.deliver_review, self.deliver_order, self.discard, self._check_owner,
        )  # fmt: skip
        self._indexes = IndexKeeper(reads, self._decide_alone)
        self._make_keeper()
        self._make_handoffs()
        self._assembled()
        await self._purger.open()
        await self._sweeps.open()
        await queues.open(reads)
        await self._store_code()
        if stale := await self._pump.feed.open(reads):
            await self._committer.commit(stale)
        self.status = "open"
        self.events.start(self._pump.feed.position)
        self._task = asyncio.get_running_loop().create_task(self._pump.run(), name="weft-pump")
        try:
            await self._indexes.open()
            if self._recover:
                await self._hold_what_may_be_elsewhere()
                await self.recover_all()
                await self._mover.open()
                await self._placer.open()
            queues.begin()
            for declared in self._declared:
                await self._declare(declared)
            await self._inbox.take()
        except BaseException:
            await self._abandon()
            raise
        self._keeper.wake()
        self._bulk_keeper.wake()
        if self.storage.capabilities.shared:
            self._inbox.watch()

    def _can_transact(self, activity: str) -> bool:
        return self._pump.transactions.possible(activity)

    def _assembled(self) -> None:
        """Every part is made and none has begun: here a test engine puts itself between them."""

    def _make_keeper(self) -> None:
        assert self._host is not None
        reads, clock = self._reads, self._host.clock
        self._sweeps = Sweeps(reads, self.registry, self._policy, self._starts, self._ask)
        self._purger = self._sweeps.purger = Purger(
            reads, self._starts, self._ask, clock, self.retention.keys_ms, self._sweeps.gone
        )
        self._pump.rows_of_ended, self._starts.revived = self._sweeps.rows, self._sweeps.gone
        self._keeper = Keeper(clock, [self._purger.finish_left, self._sweeps.sweep])
        self._bulk_runner = BulkRunner(self._actions(), reads, self._ask, clock)
        self._bulk_keeper = Keeper(clock, [self._bulk_runner.work])  # its own: sweeps may be long, and people wait

    async def _purge(self, run_id: str, force: bool) -> None:
        await self._purger.purge(run_id, force=force)

    def _actions(self) -> Actions:
        """The verbs that bulk operations use."""
        raise NotImplementedError

    def _make_handoffs(self) -> None:
        """The parts that hand runs to other engines."""
        raise NotImplementedError

    async def _hold_what_may_be_elsewhere(self) -> None:
        """Before any run is taken up."""
        raise NotImplementedError

    async def _close_keepers(self) -> None:
        await self._placer.close()
        await self._mover.close()
        await self._keeper.close()
        await self._bulk_keeper.close()
        self._bulk_runner.close(self._trouble or EngineClosedError(state="closed"))

    def _new_id(self) -> str:
        assert self._host is not None
        return self._host.ids.new_id()

    def _policy(self, workflow: str) -> Retention:
        """What is kept of runs of a workflow: its own retention, or else the engine's."""
        try:
            return self.registry.newest(workflow).retention or self.retention
        except WorkflowNotRegisteredError:
            return self.retention

    async def close(self) -> None:
        """Finish the turn under way, cancel attempts in flight, and let go of everything. Runs stay where they are."""
        if self._task is None or self.status == "closed":
            return
        was, self.status = self.status, "closed"
        await self._inbox.close()
        await self._close_keepers()
        self._indexes.close()
        self._queues.close()
        self._pump.attempts.flush()
        self._pump.finish()
        await self._task
        await self._let_go()
        self.events.stop(self._trouble or EngineClosedError(state="closed"))
        if was == "degraded":
            log.warning("engine closed while its store was failing: %s", self._trouble)
        if self._close_storage:
            await self.storage.close()

    async def crash(self) -> None:
        """Stop dead: nothing is finished, nothing is written, none of the authors' code runs. For tests."""
        if self._task is None:
            return
        await self._abandon()
        self.status = "crashed"

    async def _abandon(self) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task])
        self._indexes.close()
        await self._inbox.close()
        await self._let_go()
        self._task, self.status = None, "not open yet"

    def _rebind(self, storage: Storage) -> None:
        self.storage = storage
        self._reads = PatientReads(storage, self.retry_delays_s)
        self.reader = StoreReader(self._reads)

    async def _let_go(self) -> None:
        await self._close_keepers()
        self._pump.timers.close()
        self._queues.close()
        await self._pump.decider.posts.close()
        await self._schedules.close()
        await self._pump.attempts.close()
        self._live.evict_all()

    def _pump_stopped(self, trouble: BaseException) -> None:
        """The pump ended by itself: fenced, or its store fails."""
        if isinstance(trouble, asyncio.CancelledError):
            return
        self._trouble = trouble
        self.status = "fenced" if isinstance(trouble, EngineFencedError) else "degraded"
        self._queues.close()
        level = logging.ERROR if isinstance(trouble, Exception) else logging.DEBUG  # the others are raised, or meant
        log.log(level, "engine stopped (%s): %s", self.status, trouble)
        self._pump.timers.close()
        self._bulk_runner.close(trouble)
        self.events.stop(trouble)
        asyncio.get_running_loop().create_task(self._let_go())

    async def recover_all(self) -> None:
        """Take up every run that had an attempt in flight or was held, and every timer. Doing it twice is harmless.

        When this returns each of them is durable again, and its attempt is under way.
        """
        after: str | None = None
        while rows := await self._reads.scan(keys.ACTIVE, after=after):
            after = rows[-1][0]
            for key, _ in rows:
                run_id = key.removeprefix(keys.ACTIVE)
                if run_id not in self._live:
                    self._pump.submit(Envelope(run_id, Recover(opening=True)))
        for run_id in list(self._distrusted):
            self._pump.submit(Envelope(run_id, Recover(opening=True)))
        await self._pump.decider.posts.recover()
        await self._schedules.recover()
        self._pump.timers.due = True
        await self.discard([])  # what was queued before it has been decided when this returns

    async def discard(self, ops: OpList) -> None:
        """Write records that concern no run, in the next batch."""
        await self._deliver("", None, ops)

    async def _decide_alone(self, decide: Callable[[], Awaitable[OpList]]) -> None:
        """Write what is decided from the store as it is then; nothing else is in that batch or before it unwritten."""
        await self._ask(Envelope("", alone=decide))

    def diagnostics(self) -> dict[str, Any]:
        """What an operator wants to know of an open engine, from memory; JSON-safe, times in epoch ms. What is in the
        store tells :func:`weft_core.observe.examine` (``weft doctor``)."""
        return {
            "state": self.status,
            "epoch": self._committer.epoch,
            "store_id": self._committer.store_id,
            "commits": self._committer.commits,
            "attempts_in_flight": len(self._pump.attempts),
            "now": self._clock.now_ms(),
            "idle": self._pump.idle,
            "queued": self._pump.queued,
            "committing": self._pump.committing,
            "last_commit_ms": self._committer.last_ms,
            "next_timer": self._pump.timers.next,
            "storage": {"kind": type(self.storage).__name__, **asdict(self.storage.capabilities)},
            "retention": {
                "policy": self.retention.to_json(),
                "purged": self._purger.purged,
                **self._keeper.diagnostics(),
            },
            "bulk": {"busy": not self._bulk_keeper.idle},
            "durability": self.storage.capabilities.durability,
            "persistence": self.storage.capabilities.persistence,
            "trouble": str(self._trouble) if self._trouble else None,
            **self._live.diagnostics(),
        }

    @property
    def _clock(self) -> Clock:
        assert self._host is not None
        return self._host.clock

    @property
    def trouble(self) -> BaseException | None:
        """What stopped the engine, if it did not stop by being closed."""
        return self._trouble

    async def deliver_signal(self, run_id: str, message: SignalArrived, extra: OpList | None = None) -> None:
        """Accept a signal that is encoded already; ``extra`` is written in the same batch."""
        raise NotImplementedError

    async def deliver_review(self, review_id: str, submitted: dict[str, Any], extra: OpList | None = None) -> None:
        """Accept a decision in its plain form; ``extra`` is written in the same batch."""
        raise NotImplementedError

    async def deliver_start(self, workflow: str, data: bytes, facts: dict[str, Any], extra: OpList) -> None:
        """Start a run that was left to be started; ``extra`` is written in the batch of its first turn."""
        raise NotImplementedError

    async def _check_signal_to(self, run_id: str, message: SignalArrived) -> None:
        """Raises what is wrong with a signal for a run."""
        raise NotImplementedError

    async def deliver_cancel(self, run_id: str, message: CancelRequested, extra: OpList | None = None) -> None:
        """Accept a request to cancel; ``extra`` is written in the same batch."""
        raise NotImplementedError

    async def deliver_order(self, verb: str, run_id: str, reason: str | None) -> None:
        """Terminate, suspend or resume a run, as was left to be done."""
        raise NotImplementedError

    async def deliver_to_schedule(self, verb: str, schedule_id: str, argument: Any, extra: OpList) -> None:
        """Do what was left to be done with a schedule; ``extra`` is written when it is done, once."""
        raise NotImplementedError

    @property
    def idle(self) -> bool:
        """Every run is parked: nothing is queued, decided or in flight."""
        keepers = self._keeper.idle and self._bulk_keeper.idle
        handoffs = self._mover.idle and self._placer.idle
        return self._pump.idle and keepers and self._schedules.idle and handoffs

    # -- inside

    async def _declare(self, declared: Schedule) -> None:
        """Bring the store in line with a schedule that the program declares."""
        raise NotImplementedError

    async def _check_owner(self) -> None:
        """An engine with nothing to commit does not meet its fence: look, and if it is there, run into it."""
        if await self._committer.is_fenced():
            await self.discard([(keys.inbox("-"), None)])

    def _check_open(self) -> None:
        if self.status != "open":
            raise self._trouble or EngineClosedError(state=self.status)

    @staticmethod
    def _check_run_id(run_id: str) -> None:
        if not isinstance(run_id, str) or not run_id:
            raise RunNotFoundError(run_id=run_id)

    async def _deliver(self, run_id: str, message: Message | None, extra: OpList | None = None) -> None:
        await self._ask(Envelope(run_id, message, extra=extra or []))

    async def _ask_shared(self, kind: str, name: str, request: list[Any]) -> Any:
        """Ask a shared object from outside of any run; durable when this returns."""
        assert self._host is not None
        asking = [request, *OUTSIDE]
        return await self._ask(Envelope("", shared=(kind, name), request=asking, post_id=self._host.ids.new_id()))

    async def _ask(self, envelope: Envelope) -> Any:
        self._check_open()
        envelope.reply = asyncio.get_running_loop().create_future()
        self._pump.submit(envelope)
        await envelope.reply
        return envelope.answer

    def _outcome(self, run_id: str, message: StepMessage) -> None:
        self._pump.submit(Envelope(run_id, message))

    def _committed(self, batch: Batch) -> None:
        self._mover.committed(batch)
        self._placer.committed(batch)
        self.events.publish(batch.position, batch.events)
        for run_id in batch.written:
            self.events.wake(run_id)
        for event in batch.announced:
            self.events.announce(event)
        for header in batch.ended:
            self.events.ended(header)
            self._keeper.due(self._sweeps.ended(header))
            if header.lineage:
                self._schedules.run_ended(header)

    def _listener_failed(self, error: BaseException) -> None:
        log.error("a listener raised", exc_info=error)

    async def _store_code(self) -> None:
        """Keep the source of every durable function beside the runs, for tools that show them without the code."""
        name, ops = self._code()
        if await self.storage.get(keys.code(name)) is None:
            await self._committer.commit(ops)
        self._pump.decider.code = name

    async def _renew_code(self) -> None:
        """Workflows may have been registered since the engine opened."""
        name, ops = self._code()
        if name != self._pump.decider.code:
            await self.discard(ops)
            self._pump.decider.code = name

    def _code(self) -> tuple[str, OpList]:
        """Name and record of the source of all durable functions that are there now."""
        sources = code.registered_sources(self.registry.functions.values())
        name = hashlib.sha256(repr(sources).encode()).hexdigest()[:16]
        return name, [(keys.code(name), seal_plain(keys.code(name), sources))]
