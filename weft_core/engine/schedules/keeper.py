"""The schedules of a store: acts on those that are due, and changes them one batch at a time.

Everything that concerns one schedule happens under its lock, so that its record is read, decided upon and written by
one of us only; other engines are kept out by the fence (G11). A fire's batch holds the record, the next timer and the
first turn of the run, so that none is lost and none is started twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from typing import Any, Protocol, TypeVar
from weakref import WeakValueDictionary

from weft_core.engine.events import EventBus
from weft_core.engine.patience import PatientReads, scan_all
from weft_core.engine.pump import Pump
from weft_core.engine.schedules.overlap import OVERLAPPING
from weft_core.engine.starts import StartOptions, Starts
from weft_core.errors import (
    EngineError,
    RunExistsError,
    RunFinishedError,
    RunNotFoundError,
    ScheduleNotFoundError,
    StorageError,
    WeftError,
)  # fmt: skip
from weft_core.machine import failure, records
from weft_core.machine.schedules import ScheduleTurn, fire_id, read_schedule
from weft_core.model import keys
from weft_core.model.messages import CancelRequested
from weft_core.model.run import RunHeader
from weft_core.model.schedule import ScheduleRecord
from weft_core.ports import Clock, Op

log = logging.getLogger("weft")
T = TypeVar("T")
_AGAIN_MS = 30_000
_STOPPING = (EngineError, StorageError)
"""The engine stops; its next owner goes on from what is stored."""


class Shell(Protocol):
    """What schedules need of their engine."""

    async def discard(self, ops: list[Op]) -> None: ...

    async def deliver_cancel(self, run_id: str, message: CancelRequested, extra: list[Op] | None = None) -> None: ...

    @property
    def events(self) -> EventBus: ...


class ScheduleKeeper:
    """One per open engine."""

    def __init__(self, reads: PatientReads, starts: Starts, pump: Pump, clock: Clock, shell: Shell) -> None:
        self.reads, self._starts = reads, starts
        self._pump, self._clock, self._shell = pump, clock, shell
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._background: set[asyncio.Task[None]] = set()
        self._asked: set[asyncio.Task[Any]] = set()
        self._waiting: set[str] = set()
        """Schedules that have starts queued: the end of a run may be what they wait for."""
        pump.on_schedules_due = self._take_due

    # -- life

    async def recover(self) -> None:
        """Derive what a crash may have lost, and see that every schedule has its timer."""
        for key, data in await scan_all(self.reads, keys.SCHEDULES):
            schedule_id = key.removeprefix(keys.SCHEDULES)
            try:
                await self._recover(read_schedule(schedule_id, data))
            except _STOPPING:
                raise
            except WeftError as damage:
                log.error("schedule %s cannot be taken up: %s", schedule_id, damage)

    async def _recover(self, record: ScheduleRecord) -> None:
        if record.queued:
            self.look_after(record.id)
        if record.due_at is not None:
            timer = keys.schedule_timer(record.due_at, record.id)
            if not await self.reads.has(timer):
                await self._shell.discard([(timer, b"")])
                self._pump.arm(record.due_at)
        elif record.stopped:
            turn = ScheduleTurn(record, self.now)
            record.aim(record.updated_at)
            await self.commit(turn)

    async def close(self) -> None:
        """Let go of what is under way. What the pump has been given already may still become durable."""
        tasks = list(self._background)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    @property
    def idle(self) -> bool:
        return not self._background and not self._asked

    @property
    def now(self) -> int:
        return self._clock.now_ms()

    # -- what verbs stand on

    async def ask(self, work: Coroutine[Any, Any, T]) -> T:
        """Await work on a schedule. If the caller stops waiting it goes on to its end: it may become durable."""
        task = asyncio.get_running_loop().create_task(work)
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)
        return await asyncio.shield(task)

    def lock(self, schedule_id: str) -> asyncio.Lock:
        return self._locks.setdefault(schedule_id, asyncio.Lock())

    async def load(self, schedule_id: str) -> ScheduleRecord | None:
        data = await self.reads.get(keys.schedule(schedule_id))
        return read_schedule(schedule_id, data) if data is not None else None

    async def need(self, schedule_id: str) -> ScheduleRecord:
        """Its record, with nothing overdue. ``ScheduleNotFoundError``."""
        while True:
            record = await self.load(schedule_id) if schedule_id else None
            if record is None:
                raise ScheduleNotFoundError(schedule=schedule_id)
            if record.due_at is None or record.due_at > self.now:
                return record
            await self._act_on(record)

    async def commit(self, turn: ScheduleTurn, more: Iterable[Op] = ()) -> None:
        await self._shell.discard([*turn.ops(), *more])
        self.committed(turn)

    def committed(self, turn: ScheduleTurn) -> None:
        """Act on a change that is durable."""
        record = turn.record
        self.announce(turn)
        if record.due_at is not None:
            self._pump.arm(record.due_at)
        if record.queued:
            self.look_after(record.id)

    def announce(self, turn: ScheduleTurn) -> None:
        for event in turn.told():
            self._shell.events.announce(event)

    # -- due

    def _take_due(self, due: list[tuple[int, str]]) -> None:
        for deadline, schedule_id in due:
            self._spawn(self._due(deadline, schedule_id))

    async def _due(self, deadline: int, schedule_id: str) -> None:
        try:
            async with self.lock(schedule_id):
                record = await self.load(schedule_id)
                if record is None or record.due_at != deadline:
                    await self._shell.discard([(keys.schedule_timer(deadline, schedule_id), None)])
                else:
                    await self._act_on(record)
        except EngineError:
            raise
        except StorageError as trouble:
            log.warning("schedule %s is due and its store fails; it is tried again: %s", schedule_id, trouble)
            self._pump.arm(self.now + _AGAIN_MS)
        except Exception as error:
            await self._give_up(deadline, schedule_id, error)
        finally:
            self._pump.schedule_decided()

    async def _act_on(self, record: ScheduleRecord) -> None:
        """One time of a schedule that is due: make up for it, or record why not."""
        turn = ScheduleTurn(record, self.now)
        at = turn.take_due()
        if at is None:
            await self.commit(turn)
            return
        alive = await self.alive(record)
        before = alive or self._queued(record)
        if before:
            OVERLAPPING[record.spec.overlap](turn, at, before)
            await self.commit(turn)
        else:
            await self.start(turn, at, alive)

    async def start(self, turn: ScheduleTurn, at: int, alive: list[str]) -> None:
        """Start the run of one time; if that cannot be done, record it and go on."""
        schedule_id = turn.record.id
        run_id = fire_id(schedule_id, at)
        otherwise = turn.again()
        turn.started(at, run_id, alive)
        try:
            await self.fire(turn.record, run_id, turn.ops())
        except _STOPPING:
            raise
        except RunExistsError:
            otherwise.skipped(at, "its run exists")
        except Exception as error:
            log.warning("schedule %s: no run could be started: %s", schedule_id, error)
            otherwise.failed(at, error)
        else:
            self.committed(turn)
            return
        await self.commit(otherwise)

    async def fire(self, record: ScheduleRecord, run_id: str, rows: Iterable[Op] = (), **lineage: Any) -> None:
        """Start a run of a schedule, with ``rows`` in the same batch."""
        lineage["schedule"] = record.id
        options = StartOptions(id=run_id, tags=list(record.spec.tags), lineage=lineage)
        await self._starts.fire(record.spec.workflow, record.spec.input, options, [*rows])

    async def alive(self, record: ScheduleRecord) -> list[str]:
        """Those of its runs that are unfinished, held ones among them; nobody asks where runs may overlap."""
        return [] if record.spec.overlap == "allow" else await self._unfinished(record)

    @staticmethod
    def _queued(record: ScheduleRecord) -> list[str]:
        """Those that are to start first, though nothing runs at this moment."""
        return [] if record.spec.overlap == "allow" else [fire_id(record.id, at) for at in record.queued]

    async def _unfinished(self, record: ScheduleRecord) -> list[str]:
        return [run_id for run_id in record.running if await self._is_unfinished(run_id)]

    async def _is_unfinished(self, run_id: str) -> bool:
        data = await self.reads.get(keys.run(run_id))
        if data is None:
            return False
        try:
            return records.read_header(run_id, data).finished_at is None
        except WeftError:  # damaged; nobody can wait for its end
            return False

    async def _give_up(self, deadline: int, schedule_id: str, error: Exception) -> None:
        """A schedule that cannot be driven stops, others go on (G15, G18). The next engine tries it again."""
        log.error("schedule %s has stopped: %s", schedule_id, error)
        timer: Op = (keys.schedule_timer(deadline, schedule_id), None)
        try:
            record = await self.load(schedule_id)
        except WeftError:  # its record cannot be read, and stays as it is
            record = None
        if record is None:
            await self._shell.discard([timer])
            return
        turn = ScheduleTurn(record, self.now)
        if record.next_at is not None:
            turn.failed(record.next_at, error)
        record.next_at = record.due_at = None
        record.stopped = True
        turn.event("schedule_stopped", schedule=schedule_id, error=failure.brief(error))
        await self.commit(turn, [timer])

    # -- queued starts

    def run_ended(self, header: RunHeader) -> None:
        """A run has ended that a schedule had started."""
        schedule_id = header.lineage.get("schedule")
        if schedule_id in self._waiting:
            self._spawn(self._drain(schedule_id))

    def look_after(self, schedule_id: str) -> None:
        """It has starts queued; perhaps the first of them can be made."""
        self._waiting.add(schedule_id)
        self._spawn(self._drain(schedule_id))

    async def _drain(self, schedule_id: str) -> None:
        """Make the starts whose time has come, one after the other."""
        async with self.lock(schedule_id):
            while True:
                record = await self.load(schedule_id)
                if record is None or record.paused or not record.queued:
                    self._waiting.discard(schedule_id)
                    return
                alive = await self._unfinished(record)
                if alive:
                    if record.spec.overlap == "cancel_running":
                        await self._cancel(alive)
                    return
                await self.start(ScheduleTurn(record, self.now), record.queued.pop(0), alive)

    async def _cancel(self, run_ids: list[str]) -> None:
        for run_id in run_ids:
            try:
                await self._shell.deliver_cancel(run_id, CancelRequested("its schedule starts the next run"))
            except (RunFinishedError, RunNotFoundError):
                pass  # meanwhile; its end is being seen to

    # -- tasks

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception) and not isinstance(error, _STOPPING):
            log.error("a schedule's task broke", exc_info=error)
