"""What is stored of schedules, as people and JSON see it. Needs no engine and no ownership."""

from __future__ import annotations

from typing import Any

from weft_core.engine.patience import PatientReads
from weft_core.engine.present import decoded
from weft_core.errors import CorruptRecordError, InvalidInputError, ScheduleNotFoundError, WeftError
from weft_core.machine.schedules import read_entry, read_schedule
from weft_core.model import keys
from weft_core.model.schedule import ScheduleRecord
from weft_core.ports import Storage

UPCOMING = 5
"""How many of the next times are told."""
RECENT = 20
"""How many of the last log entries are told."""


async def describe_schedule(storage: Storage | PatientReads, schedule_id: str) -> dict[str, Any]:
    """All that is known of one schedule, with its next times and its last log entries.

    ``ScheduleNotFoundError``, ``CorruptRecordError``.
    """
    data = await storage.get(keys.schedule(schedule_id)) if schedule_id else None
    if data is None:
        raise ScheduleNotFoundError(schedule=schedule_id)
    record = read_schedule(schedule_id, data)
    return {**schedule_info(record), "upcoming": _upcoming(record), "recent": await _recent(storage, schedule_id)}


async def list_schedules(
    storage: Storage | PatientReads, limit: int, cursor: str | None
) -> tuple[list[dict[str, Any]], str | None]:
    """Schedules in order of their ids, one page, and what asks for the next one.

    A record that cannot be read is listed with status "broken" and its error.
    """
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= 1000:
        raise InvalidInputError(call="list_schedules", reason=f"limit is {limit}; it must be between 1 and 1000")
    after = keys.schedule(cursor) if cursor is not None else None
    rows = await storage.scan(keys.SCHEDULES, after=after, limit=limit + 1)
    items = [_item(key.removeprefix(keys.SCHEDULES), data) for key, data in rows[:limit]]
    return items, items[-1]["id"] if len(rows) > limit else None


def _item(schedule_id: str, data: bytes) -> dict[str, Any]:
    try:
        return schedule_info(read_schedule(schedule_id, data))
    except CorruptRecordError as damage:
        error = {"code": damage.code, "message": str(damage)}
        return {"id": schedule_id, "status": "broken", "workflow": "?", "next_at": None, "last_error": error}


def schedule_info(record: ScheduleRecord) -> dict[str, Any]:
    """The public form of a schedule. Durations in milliseconds, instants in epoch milliseconds."""
    spec = record.spec
    return {
        "id": record.id,
        "status": record.status,
        "workflow": spec.workflow,
        "input": decoded(spec.input),
        "cron": spec.cron or None,
        "every_ms": spec.every_ms or None,
        "timezone": spec.timezone,
        "overlap": spec.overlap,
        "jitter_ms": spec.jitter_ms,
        "catch_up_ms": spec.catch_up_ms,
        "backfill": spec.backfill,
        "start_at": spec.start_ms or None,
        "end_at": spec.end_ms or None,
        "limit": spec.limit or None,
        "description": spec.description,
        "tags": list(spec.tags),
        "created_at": record.created_at,
        "updated_at": record.updated_at,
        "pause_reason": record.pause_reason,
        "next_at": record.next_at,
        "last_at": record.last_at,
        "last_run": record.last_run,
        "running": record.running,
        "queued": record.queued,
        "fires": record.fires,
        "triggered": record.triggered,
        "missed": record.missed,
        "last_missed_at": record.last_missed_at,
        "skipped": record.skipped,
        "failed": record.failed,
        "last_error": record.last_error,
    }


def _upcoming(record: ScheduleRecord) -> list[int]:
    timing, at = record.spec.timing(record.created_at), record.next_at
    found: list[int] = []
    try:
        while at is not None and len(found) < UPCOMING:
            found.append(at)
            at = timing.after(at)
    except WeftError:  # its time zone is not known where it is read
        pass
    return found


async def _recent(storage: Storage | PatientReads, schedule_id: str) -> list[dict[str, Any]]:
    rows = await storage.scan(keys.schedule_log_prefix(schedule_id), limit=RECENT, reverse=True)
    return [read_entry(key, data) for key, data in reversed(rows)]
