"""Making schedules and speaking to them."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Literal, Unpack

from weft_core import codec
from weft_core.engine.handle import WorkflowHandle
from weft_core.engine.patience import scan_all
from weft_core.engine.schedules import ScheduleHandle, ScheduleKeeper, describe_schedule, list_schedules
from weft_core.engine.search.page import Page
from weft_core.engine.verbs.runs import RunVerbs
from weft_core.engine.whole import OpList
from weft_core.errors import (
    CorruptRecordError,
    InvalidInputError,
    LimitExceededError,
    PayloadTooLargeError,
    ScheduleExistsError,
    ScheduleNotFoundError,
)  # fmt: skip
from weft_core.machine.schedules import ScheduleTurn, fire_id
from weft_core.model import keys
from weft_core.model.durations import instant_ms
from weft_core.model.names import check_id, check_told
from weft_core.model.schedule import MAX_BACKFILL, MAX_QUEUED, ScheduleRecord, ScheduleSpec
from weft_core.ports import Op
from weft_core.workflow import Workflow
from weft_core.workflow.schedule import Schedule, ScheduleChanges, ScheduleOptions, make_spec, revised

log = logging.getLogger("weft")
_ROOM_FOR_TIME = 40
"""Bytes of a run's id that are not its schedule's."""


class ScheduleVerbs(RunVerbs):
    """schedule, create_schedule, get_schedule, list_schedules, and what a handle does."""

    async def schedule(
        self,
        workflow: Workflow | str,
        /,
        *inputs: Any,
        id: str | None = None,
        paused: bool = False,
        **options: Unpack[ScheduleOptions],
    ) -> ScheduleHandle:
        """Start a run of ``workflow`` with these inputs at every time that ``cron`` or ``every`` names.

        When this returns the schedule and its timer are durable. The same call with the same ``id`` again changes
        nothing; one that says something else: ``ScheduleExistsError``. Without ``id`` it gets one.
        """
        self._check_open()
        schedule_id = self._parts.starts.new_id() if id is None else id
        return await self.create_schedule(
            Schedule(schedule_id, make_spec(workflow, inputs, options), workflow, bool(paused))
        )

    async def create_schedule(self, declared: Schedule) -> ScheduleHandle:
        """Likewise, as it was declared with :func:`weft_core.schedule`."""
        self._check_open()
        await self._schedules.ask(self._bring_about(declared, update=False))
        return ScheduleHandle(self, declared.id)

    def get_schedule(self, schedule_id: str) -> ScheduleHandle:
        """A handle for a schedule that may or may not exist."""
        return ScheduleHandle(self, schedule_id)

    async def list_schedules(self, *, limit: int = 50, cursor: str | None = None) -> Page:
        """Schedules in order of their ids, one page."""
        return Page(*await list_schedules(self._reads, limit, cursor))

    async def describe_schedule(self, schedule_id: str) -> dict[str, Any]:
        """All that is known of a schedule. ``ScheduleNotFoundError``."""
        return await describe_schedule(self._reads, schedule_id)

    async def pause_schedule(self, schedule_id: str, reason: str | None = None) -> None:
        """Start nothing more by time until it is resumed; queued starts wait too. Pausing twice changes the reason."""
        self._check_open()
        check_told("pause_schedule", self.limits, reason=reason)
        await self._schedules.ask(self._pause(schedule_id, reason))

    async def resume_schedule(self, schedule_id: str) -> None:
        """Go on with the next time from now; a schedule that is not paused stays as it is."""
        self._check_open()
        await self._schedules.ask(self._go_on(schedule_id))

    async def trigger_schedule(self, schedule_id: str) -> WorkflowHandle:
        """Start a run now, whatever still runs and also while it is paused. Later times see that it runs."""
        self._check_open()
        return WorkflowHandle(self, await self._schedules.ask(self._trigger(schedule_id)))

    async def update_schedule(self, schedule_id: str, **changes: Unpack[ScheduleChanges]) -> None:
        """Change some of what was asked for. If that changes its times, the next one is the first from now on."""
        self._check_open()
        await self._schedules.ask(self._update(schedule_id, changes))

    async def backfill_schedule(
        self,
        schedule_id: str,
        start: datetime | int | float,
        end: datetime | int | float,
        *,
        overlap: Literal["allow", "queue"] = "allow",
    ) -> list[str]:
        """Start a run for every time in [start, end) that has none yet; returns the ids of all of them, in order.

        ``queue`` starts them one after the other. After a crash the same call goes on where the first one was.
        ``LimitExceededError`` for more than 10,000 times, or 1,000 that would be queued.
        """
        self._check_open()
        span = (instant_ms(start, "start"), instant_ms(end, "end"))
        if overlap not in ("allow", "queue"):
            raise InvalidInputError(call="backfill", reason=f'overlap is "allow" or "queue", not {overlap!r}')
        work = self._backfill if overlap == "allow" else self._queue_up
        return await self._schedules.ask(work(schedule_id, span))

    async def delete_schedule(self, schedule_id: str) -> None:
        """Remove a schedule, its timer, its log and its queued starts in one batch. Its runs stay and go on."""
        self._check_open()
        await self._schedules.ask(self._delete(schedule_id))

    async def deliver_to_schedule(self, verb: str, schedule_id: str, argument: Any, extra: OpList) -> None:
        """Do what was left to be done with a schedule. All but a trigger may be done twice, so ``extra`` may follow."""
        if verb == "trigger":
            await self._schedules.ask(self._trigger(schedule_id, extra))
            return
        doing: dict[str, Callable[[], Awaitable[Any]]] = {
            "create": lambda: self.create_schedule(_left(schedule_id, argument)),
            "pause": lambda: self.pause_schedule(schedule_id, argument),
            "resume": lambda: self.resume_schedule(schedule_id),
            "delete": lambda: self.delete_schedule(schedule_id),
        }
        if verb not in doing:
            raise InvalidInputError(call="schedule", reason=f"{verb!r} is nothing that a schedule can do")
        await doing[verb]()
        await self.discard(extra)

    @property
    def _schedules(self) -> ScheduleKeeper:
        return self._parts.schedules

    # -- under the schedule's lock

    async def _declare(self, declared: Schedule) -> None:
        """As declared, or as it is if its record cannot be read: that must not keep everything else from running."""
        try:
            await self._schedules.ask(self._bring_about(declared, update=True))
        except CorruptRecordError as damage:
            log.error("schedule %s is declared, and stored damaged: %s", declared.id, damage)

    async def _bring_about(self, declared: Schedule, *, update: bool) -> None:
        schedule_id, spec = declared.id, declared.spec
        self._check_schedule(schedule_id, spec)
        async with self._schedules.lock(schedule_id):
            record = await self._schedules.load(schedule_id)
            if record is None:
                await self._create(declared)
            elif record.spec != spec:
                if not update:
                    raise ScheduleExistsError(schedule=schedule_id)
                await self._revise(await self._schedules.need(schedule_id), spec)

    def _check_schedule(self, schedule_id: str, spec: ScheduleSpec) -> None:
        check_id(schedule_id, "a schedule id", dataclasses.replace(
            self.limits, max_id_bytes=self.limits.max_id_bytes - _ROOM_FOR_TIME))  # fmt: skip
        if len(spec.input) > self.limits.max_payload_bytes:
            raise PayloadTooLargeError(what="the input", actual=len(spec.input), limit=self.limits.max_payload_bytes)
        self.registry.newest(spec.workflow).check_inputs(tuple(codec.loads(spec.input)))

    async def _create(self, declared: Schedule) -> None:
        now = self._schedules.now
        record = ScheduleRecord(declared.id, declared.spec, now, now, paused=declared.paused)
        if record.spec.timing(now).after(now) is None:
            raise InvalidInputError(call=f"schedule {declared.id!r}", reason="none of its times is still to come")
        turn = ScheduleTurn(record, now)
        record.aim(now)
        turn.event("schedule_created", schedule=record.id, workflow=record.spec.workflow)
        await self._schedules.commit(turn)

    async def _revise(self, record: ScheduleRecord, spec: ScheduleSpec) -> None:
        turn = ScheduleTurn(record, self._schedules.now)
        old, record.spec = record.spec, spec
        if old.timing(record.created_at) != spec.timing(record.created_at) or old.jitter_ms != spec.jitter_ms:
            turn.miss_pending()
            record.aim(turn.now)
        elif record.next_at is None or record.exhausted:
            record.aim(turn.now)
        turn.event("schedule_updated", schedule=record.id)
        await self._schedules.commit(turn)

    async def _update(self, schedule_id: str, changes: ScheduleChanges) -> None:
        async with self._schedules.lock(schedule_id):
            record = await self._schedules.need(schedule_id)
            spec = revised(record.spec, changes)
            self._check_schedule(schedule_id, spec)
            await self._revise(record, spec)

    async def _pause(self, schedule_id: str, reason: str | None) -> None:
        async with self._schedules.lock(schedule_id):
            record = await self._schedules.need(schedule_id)
            turn = ScheduleTurn(record, self._schedules.now)
            turn.miss_pending()
            record.paused, record.pause_reason = True, reason
            record.aim(turn.now)
            turn.event("schedule_paused", schedule=record.id, reason=reason)
            await self._schedules.commit(turn)

    async def _go_on(self, schedule_id: str) -> None:
        async with self._schedules.lock(schedule_id):
            record = await self._schedules.need(schedule_id)
            if not record.paused:
                return
            turn = ScheduleTurn(record, self._schedules.now)
            record.paused, record.pause_reason = False, None
            record.aim(turn.now)
            turn.event("schedule_resumed", schedule=record.id)
            await self._schedules.commit(turn)

    async def _trigger(self, schedule_id: str, more: Sequence[Op] = ()) -> str:
        async with self._schedules.lock(schedule_id):
            record = await self._schedules.need(schedule_id)
            turn = ScheduleTurn(record, self._schedules.now)
            run_id = f"{fire_id(schedule_id, turn.now)}+{record.triggered + 1}"
            turn.triggered(run_id, await self._schedules.alive(record))
            await self._schedules.fire(record, run_id, [*turn.ops(), *more])
            self._schedules.committed(turn)
            return run_id

    async def _delete(self, schedule_id: str) -> None:
        async with self._schedules.lock(schedule_id):
            now = self._schedules.now
            try:
                record = await self._schedules.load(schedule_id)
            except CorruptRecordError:  # a timer that finds no schedule is removed then
                record = ScheduleRecord(schedule_id, ScheduleSpec("", b""), now, now)
            if record is None:
                raise ScheduleNotFoundError(schedule=schedule_id)
            timer: OpList = [] if record.due_at is None else [(keys.schedule_timer(record.due_at, schedule_id), None)]
            rows = await scan_all(self._schedules.reads, keys.schedule_log_prefix(schedule_id))
            await self.discard([(keys.schedule(schedule_id), None), *timer, *((key, None) for key, _ in rows)])
            turn = ScheduleTurn(record, now)
            turn.event("schedule_deleted", schedule=schedule_id)
            self._schedules.announce(turn)

    # -- backfill

    async def _backfill(self, schedule_id: str, span: tuple[int, int]) -> list[str]:
        async with self._schedules.lock(schedule_id):
            record = await self._schedules.need(schedule_id)
            times = _times(record, span, MAX_BACKFILL)
            run_ids = [fire_id(schedule_id, at) for at in times]
            new = [run_id for run_id in run_ids if not await self._schedules.reads.has(keys.run(run_id))]
            for run_id in new:
                await self._schedules.fire(record, run_id, backfill=True)
            turn = ScheduleTurn(record, self._schedules.now)
            turn.event(
                "schedule_backfilled", schedule=schedule_id, started=len(new), queued=0, existed=len(times) - len(new)
            )
            await self._schedules.commit(turn)
            return run_ids

    async def _queue_up(self, schedule_id: str, span: tuple[int, int]) -> list[str]:
        async with self._schedules.lock(schedule_id):
            record = await self._schedules.need(schedule_id)
            times = _times(record, span, MAX_QUEUED - len(record.queued))
            new = [at for at in times if not await self._schedules.reads.has(keys.run(fire_id(schedule_id, at)))]
            turn = ScheduleTurn(record, self._schedules.now)
            record.queued = sorted({*record.queued, *new})
            turn.event(
                "schedule_backfilled", schedule=schedule_id, started=0, queued=len(new), existed=len(times) - len(new)
            )
            await self._schedules.commit(turn)
            return [fire_id(schedule_id, at) for at in times]


def _left(schedule_id: str, argument: Any) -> Schedule:
    """A schedule that was left to be created, as it was declared."""
    if not isinstance(argument, dict):
        raise InvalidInputError(call="schedule", reason="what was left says nothing of the schedule")
    options = dict(argument)
    workflow, inputs, paused = options.pop("workflow", ""), options.pop("input", ()), options.pop("paused", False)
    return Schedule(schedule_id, make_spec(workflow, inputs, options), workflow, bool(paused))


def _times(record: ScheduleRecord, span: tuple[int, int], limit: int) -> list[int]:
    timing = record.spec.timing(record.created_at, bounded=False)
    found: list[int] = []
    at = timing.after(span[0] - 1)
    while at is not None and at < span[1]:
        found.append(at)
        if len(found) > limit:
            raise LimitExceededError(what="the number of times to backfill", actual=len(found), limit=limit)
        at = timing.after(at)
    return found
