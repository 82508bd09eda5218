"""What every verb of the engine stands on: its life, and how a message reaches a run. The parts are made in
``assembly.py``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, Self

from weft_core.engine.assembly import Parts
from weft_core.engine.attempts import Attempts
from weft_core.engine.batch import Envelope
from weft_core.engine.commit import Committer
from weft_core.engine.events import EventBus
from weft_core.engine.interceptors import Interceptors
from weft_core.engine.patience import RETRY_DELAYS_S, PatientReads
from weft_core.engine.reader import StoreReader
from weft_core.engine.registry import Registry
from weft_core.engine.services import Resolver, ServiceBook
from weft_core.engine.transfer.placing import settle
from weft_core.engine.whole import OpList, Whole
from weft_core.errors import EngineClosedError, EngineFencedError, RunNotFoundError
from weft_core.machine.shared import OUTSIDE
from weft_core.model import keys
from weft_core.model.limits import DEFAULT_LIMITS, Limits
from weft_core.model.messages import Message, Recover, StepMessage
from weft_core.model.placement import Device
from weft_core.model.queues import Queue
from weft_core.model.retention import KEEP, Retention
from weft_core.ports import Archive, Clock, HandoffTransport, Host, Storage, default_host
from weft_core.workflow import Activity, Interceptor, Schedule, Workflow
from weft_core.workflow.definition import check_retained

log = logging.getLogger("weft")


class EngineCore(Whole):
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
        self._parts: Parts
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
        committer = Committer(self.storage, self.retry_delays_s)
        await committer.take_ownership(host.ids)
        parts = self._parts = Parts(self, host, committer)
        self._assembled()
        await parts.open()
        self.status = "open"
        self.events.start(parts.pump.feed.position)
        self._task = asyncio.get_running_loop().create_task(parts.pump.run(), name="weft-pump")
        try:
            await parts.indexes.open()
            if self._recover:
                await parts.hold_what_may_be_elsewhere()
                await self.recover_all()
                await parts.mover.open()
                await parts.placer.open()
            parts.queues.begin()
            for declared in self._declared:
                await self._declare(declared)
            await parts.inbox.take()
        except BaseException:
            await self._abandon()
            raise
        parts.keeper.wake()
        parts.bulk_keeper.wake()
        if self.storage.capabilities.shared:
            parts.inbox.watch()

    def _assembled(self) -> None:
        """Every part is made and none has begun: here a test engine puts itself between them."""

    def _new_id(self) -> str:
        assert self._host is not None
        return self._host.ids.new_id()

    async def close(self) -> None:
        """Finish the turn under way, cancel attempts in flight, and let go of everything. Runs stay where they are."""
        if self._task is None or self.status == "closed":
            return
        was, self.status = self.status, "closed"
        parts = self._parts
        await parts.inbox.close()
        await parts.close_keepers()
        parts.indexes.close()
        parts.queues.close()
        parts.pump.attempts.flush()
        parts.pump.finish()
        await self._task
        await parts.let_go()
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
        self._parts.indexes.close()
        await self._parts.inbox.close()
        await self._parts.let_go()
        self._task, self.status = None, "not open yet"

    def _rebind(self, storage: Storage) -> None:
        self.storage = storage
        self._reads = PatientReads(storage, self.retry_delays_s)
        self.reader = StoreReader(self._reads)

    def _pump_stopped(self, trouble: BaseException) -> None:
        """The pump ended by itself: fenced, or its store fails."""
        if isinstance(trouble, asyncio.CancelledError):
            return
        self._trouble = trouble
        self.status = "fenced" if isinstance(trouble, EngineFencedError) else "degraded"
        parts = self._parts
        parts.queues.close()
        level = logging.ERROR if isinstance(trouble, Exception) else logging.DEBUG  # the others are raised, or meant
        log.log(level, "engine stopped (%s): %s", self.status, trouble)
        parts.pump.timers.close()
        parts.bulk_runner.close(trouble)
        self.events.stop(trouble)
        asyncio.get_running_loop().create_task(parts.let_go())

    async def recover_all(self) -> None:
        """Take up every run that had an attempt in flight or was held, and every timer. Doing it twice is harmless.

        When this returns each of them is durable again, and its attempt is under way.
        """
        parts = self._parts
        after: str | None = None
        while rows := await self._reads.scan(keys.ACTIVE, after=after):
            after = rows[-1][0]
            for key, _ in rows:
                run_id = key.removeprefix(keys.ACTIVE)
                if run_id not in parts.live:
                    parts.pump.submit(Envelope(run_id, Recover(opening=True)))
        for run_id in list(self._distrusted):
            parts.pump.submit(Envelope(run_id, Recover(opening=True)))
        await parts.pump.decider.posts.recover()
        await parts.schedules.recover()
        parts.pump.timers.due = True
        await self.discard([])  # what was queued before it has been decided when this returns

    async def discard(self, ops: OpList) -> None:
        """Write records that concern no run, in the next batch."""
        await self._deliver("", None, ops)

    def diagnostics(self) -> dict[str, Any]:
        """What an operator wants to know of an open engine, from memory; JSON-safe, times in epoch ms. What is in the
        store tells :func:`weft_core.observe.examine` (``weft doctor``)."""
        parts = self._parts
        return {
            "state": self.status,
            "epoch": parts.committer.epoch,
            "store_id": parts.committer.store_id,
            "commits": parts.committer.commits,
            "attempts_in_flight": len(parts.pump.attempts),
            "now": self._clock.now_ms(),
            "idle": parts.pump.idle,
            "queued": parts.pump.queued,
            "committing": parts.pump.committing,
            "last_commit_ms": parts.committer.last_ms,
            "next_timer": parts.pump.timers.next,
            "storage": {"kind": type(self.storage).__name__, **asdict(self.storage.capabilities)},
            "retention": {
                "policy": self.retention.to_json(),
                "purged": parts.purger.purged,
                **parts.keeper.diagnostics(),
            },
            "bulk": {"busy": not parts.bulk_keeper.idle},
            "durability": self.storage.capabilities.durability,
            "persistence": self.storage.capabilities.persistence,
            "trouble": str(self._trouble) if self._trouble else None,
            **parts.live.diagnostics(),
        }

    @property
    def _clock(self) -> Clock:
        assert self._host is not None
        return self._host.clock

    @property
    def trouble(self) -> BaseException | None:
        """What stopped the engine, if it did not stop by being closed."""
        return self._trouble

    @property
    def idle(self) -> bool:
        """Every run is parked: nothing is queued, decided or in flight."""
        return self._parts.idle

    # -- inside

    async def _check_owner(self) -> None:
        """An engine with nothing to commit does not meet its fence: look, and if it is there, run into it."""
        if await self._parts.committer.is_fenced():
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
        self._parts.pump.submit(envelope)
        await envelope.reply
        return envelope.answer

    def _outcome(self, run_id: str, message: StepMessage) -> None:
        self._parts.pump.submit(Envelope(run_id, message))

    def _listener_failed(self, error: BaseException) -> None:
        log.error("a listener raised", exc_info=error)
