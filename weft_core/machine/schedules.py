"""One change of a schedule, decided: its record, its timer and what is said of it go into one batch.

Pure, as a turn of a run is: it collects writes, and the engine commits them, with the start of a run where one is due.
"""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from weft_core.errors import CorruptRecordError
from weft_core.machine import failure
from weft_core.machine.records import Event
from weft_core.machine.sealed import seal_plain, unseal_plain
from weft_core.model import keys
from weft_core.model.durations import from_ms
from weft_core.model.schedule import KEPT_EVENTS, ScheduleRecord, ScheduleSpec
from weft_core.ports import Op

_VERSION = 1
_COUNTED_AT_ONCE = 1_000
"""Missed times that one turn counts: it must not hold up everything else."""


def write_schedule(record: ScheduleRecord) -> Op:
    """Key and sealed record of a schedule."""
    key = keys.schedule(record.id)
    return key, seal_plain(key, [_VERSION, asdict(record)])


def read_schedule(schedule_id: str, data: bytes) -> ScheduleRecord:
    """The record of a schedule. Damage: ``CorruptRecordError``."""
    key = keys.schedule(schedule_id)
    values = unseal_plain(key, data)
    try:
        version, values = values
        if version != _VERSION:
            raise ValueError(f"version {version}")
        spec = _known(ScheduleSpec, {**values["spec"], "tags": tuple(values["spec"]["tags"])})
        record: ScheduleRecord = _known(ScheduleRecord, {**values, "spec": spec})
    except (ValueError, TypeError, KeyError) as misfit:
        raise CorruptRecordError(key=key, reason=f"no schedule that this version knows: {misfit}") from None
    return record


def _known(cls: type[Any], values: dict[str, Any]) -> Any:
    names = {f.name for f in fields(cls)}
    return cls(**{name: value for name, value in values.items() if name in names})


def fire_id(schedule_id: str, at: int) -> str:
    """Id of the run of one time: as long as it is in the store, that time is never started again."""
    return f"{schedule_id}:{_instant(at)}"


def _instant(at: int) -> str:
    moment = from_ms(at).replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds" if at % 1000 else "seconds") + "Z"


@dataclass(slots=True)
class ScheduleTurn:
    """Changes ``record``, which is a copy of its caller's; ``ops()`` is what makes the change durable."""

    record: ScheduleRecord
    now: int
    events: list[Event] = field(default_factory=list)
    _timer: int | None = None
    """The timer that the store has."""
    _taken: int | None = None
    """The time that this turn acts on; the next one is after it."""
    first_seq: int = 0

    def __post_init__(self) -> None:
        self._timer, self.first_seq = self.record.due_at, self.record.next_seq

    def again(self) -> ScheduleTurn:
        """As it is now, for another way to go on."""
        return copy.deepcopy(self)

    # -- time

    def take_due(self) -> int | None:
        """The time to act on now, if one is due; what can no longer be made up is counted as missed.

        Looks at a bounded number of times: as long as ``record.due_at`` lies in the past there is more to take.
        """
        record = self.record
        self._miss_intervals()
        for _ in range(_COUNTED_AT_ONCE):
            if record.next_at is None or record.due_at is None or record.due_at > self.now:
                break
            if record.spec.backfill or self.now - record.due_at <= record.spec.catch_up_ms:
                self._taken = record.next_at
                break
            self._miss(record.next_at, record.next_at, 1)
        return self._taken

    def _miss_intervals(self) -> None:
        """Those of an interval that cannot be made up, whatever their jitter, in one go."""
        record, spec = self.record, self.record.spec
        if not spec.every_ms or spec.backfill or record.next_at is None:
            return
        horizon = self.now - spec.catch_up_ms - spec.jitter_ms
        if spec.end_ms:
            horizon = min(horizon, spec.end_ms)
        more = (horizon - 1 - record.next_at) // spec.every_ms
        if more >= 0:
            self._miss(record.next_at, record.next_at + more * spec.every_ms, more + 1)

    def miss_pending(self) -> None:
        """Its times change: one that has come and waits for its jitter to pass will not be acted on."""
        if self.record.next_at is not None and self.record.next_at <= self.now:
            self._miss(self.record.next_at, self.record.next_at, 1)

    def _miss(self, first: int, last: int, count: int) -> None:
        record = self.record
        record.missed, record.last_missed_at = record.missed + count, last
        record.aim(last)
        if self.events and self.events[-1][0] == "schedule_missed":  # one entry tells of them all
            told = self.events.pop()[1]
            first, count = told["first"], told["count"] + count
        self.event("schedule_missed", schedule=record.id, count=count, first=first, last=last)

    # -- what became of a time

    def started(self, at: int, run_id: str, alive: list[str]) -> None:
        record = self.record
        record.fires += 1
        record.last_at, record.last_run, record.running = at, run_id, self._watched(run_id, alive)
        late = max(0, self.now - at)
        self.event("schedule_fired", schedule=record.id, time=at, run=run_id, late_ms=late)

    def triggered(self, run_id: str, alive: list[str]) -> None:
        record = self.record
        record.triggered += 1
        record.last_run, record.running = run_id, self._watched(run_id, alive)
        self.event("schedule_triggered", schedule=record.id, run=run_id)

    def _watched(self, run_id: str, alive: list[str]) -> list[str]:
        """Where runs may overlap nothing is asked of them, and any number may be unfinished."""
        return [run_id] if self.record.spec.overlap == "allow" else [*alive, run_id]

    def skipped(self, at: int, reason: str) -> None:
        self.record.skipped += 1
        self.event("schedule_skipped", schedule=self.record.id, time=at, reason=reason)

    def queued(self, at: int, behind: str) -> None:
        self.record.queued.append(at)
        self.event("schedule_queued", schedule=self.record.id, time=at, behind=behind)

    def failed(self, at: int, error: BaseException) -> None:
        self.record.failed += 1
        self.record.last_error = {**failure.brief(error), "time": at}
        self.event("schedule_failed", schedule=self.record.id, time=at, error=failure.brief(error))

    def event(self, type_: str, /, **data: Any) -> None:
        """Add an entry to the schedule's own log."""
        self.events.append((type_, data))

    def told(self) -> list[dict[str, Any]]:
        """The events of this turn as listeners are given them."""
        return [
            {"run_id": "", "seq": seq, "at": self.now, "type": type_, **told}
            for seq, (type_, told) in enumerate(self.events, self.first_seq)
        ]

    # -- writing

    def ops(self) -> list[Op]:
        """The record, its timer if that has moved, its log entry, and the removal of the oldest one."""
        record = self.record
        record.updated_at = self.now
        if self._taken is not None:
            record.aim(self._taken)
        ops = _timer_ops(record.id, self._timer, record.due_at)
        for seq, event in enumerate(self.events, self.first_seq):
            key = keys.schedule_log(record.id, seq)
            ops.append((key, seal_plain(key, [_VERSION, self.now, *event])))
            if seq > KEPT_EVENTS:
                ops.append((keys.schedule_log(record.id, seq - KEPT_EVENTS), None))
        record.next_seq = self.first_seq + len(self.events)
        ops.append(write_schedule(record))
        return ops


def _timer_ops(schedule_id: str, old: int | None, new: int | None) -> list[Op]:
    if old == new:
        return []
    ops: list[Op] = []
    if old is not None:
        ops.append((keys.schedule_timer(old, schedule_id), None))
    if new is not None:
        ops.append((keys.schedule_timer(new, schedule_id), b""))
    return ops


def read_entry(key: str, data: bytes) -> dict[str, Any]:
    """An entry of a schedule's log, as the dict that listeners have been given."""
    _, at, type_, told = unseal_plain(key, data)
    return {"run_id": "", "seq": int(key.rpartition("/")[2], 16), "at": at, "type": type_, **told}
