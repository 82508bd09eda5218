"""Declaring schedules: ``schedule("nightly", workflow=report, cron="0 3 * * *", timezone="Europe/Zurich")``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, TypedDict, Unpack

from weft_core import codec
from weft_core.errors import InvalidInputError
from weft_core.model.cron import parse_cron
from weft_core.model.durations import Duration, duration_ms, instant_ms
from weft_core.model.schedule import MIN_INTERVAL_MS, OVERLAPS, Overlap, ScheduleSpec
from weft_core.model.timing import time_zone
from weft_core.workflow.definition import Workflow


class ScheduleOptions(TypedDict, total=False):
    """What can be said of a schedule. One of ``cron`` and ``every`` is needed."""

    cron: str
    """Five fields or a macro, see docs/schedules.md."""
    every: Duration
    """At least one second."""
    timezone: str
    """Of the cron expression; UTC if left out."""
    anchor: datetime | int | float
    """Where intervals are counted from: ``start_at`` if left out, or else when the schedule was created."""
    overlap: Overlap
    """``skip`` if left out."""
    jitter: Duration
    """Each run is started up to this much later, by an amount that depends on the schedule and the time alone."""
    catch_up: Duration
    """How late a run may still be started; one minute if left out. Later it is counted as missed."""
    backfill: bool
    """Start a run for every time, however late."""
    start_at: datetime | int | float | None
    end_at: datetime | int | float | None
    limit: int
    """At most this many runs are started by time."""
    description: str
    tags: Iterable[str]


class ScheduleChanges(ScheduleOptions, total=False):
    """What ``update`` can change: the same, and what is run."""

    workflow: Workflow | str
    input: Iterable[Any]


class Schedule:
    """A declared schedule. ``Engine(schedules=[...])`` brings the store in line with it when it opens."""

    def __init__(self, id: str, spec: ScheduleSpec, workflow: Workflow | str, paused: bool) -> None:
        self.id, self.spec, self.workflow, self.paused = id, spec, workflow, paused

    def __repr__(self) -> str:
        return f"<schedule {self.id}: {self.spec.workflow}, {self.spec.cron or f'every {self.spec.every_ms} ms'}>"


def schedule(
    id: str,
    /,
    *,
    workflow: Workflow | str,
    input: Iterable[Any] = (),
    paused: bool = False,
    **options: Unpack[ScheduleOptions],
) -> Schedule:
    """Declare a schedule. ``input`` are the positional inputs of every run; ``paused`` holds at creation only.

    What cannot be read or never comes: ``InvalidInputError``.
    """
    return Schedule(id, make_spec(workflow, input, options), workflow, bool(paused))


def make_spec(workflow: Workflow | str, input: Iterable[Any], options: Mapping[str, Any]) -> ScheduleSpec:
    """The plain form of what was asked for."""
    return revised(ScheduleSpec("", b""), {"workflow": workflow, "input": input, **options})


def revised(spec: ScheduleSpec, changes: Mapping[str, Any]) -> ScheduleSpec:
    """The same with some of it said anew, as :class:`ScheduleChanges` says it."""
    for name in changes:
        if name not in _READERS:
            raise InvalidInputError(
                call="schedule", reason=f"there is no option {name!r}; there are {sorted(_READERS)}"
            )
    fields = dict(_READERS[name](value) for name, value in changes.items())
    if fields.get("cron") and fields.get("every_ms"):
        raise InvalidInputError(call="schedule", reason="cron and every exclude each other")
    if fields.get("cron"):
        fields["every_ms"] = 0
    elif fields.get("every_ms"):
        fields["cron"] = ""
    made = replace(spec, **fields)
    if not (made.cron or made.every_ms):
        raise InvalidInputError(call="schedule", reason="say when: cron= or every=")
    if made.end_ms and made.end_ms <= made.start_ms:
        raise InvalidInputError(call="schedule", reason="end_at is not after start_at")
    return made


def _workflow(value: Workflow | str) -> tuple[str, str]:
    if not isinstance(value, (Workflow, str)):
        raise InvalidInputError(call="schedule", reason=f"{value!r} is no workflow, nor the name of one")
    return "workflow", value if isinstance(value, str) else value.name


def _input(value: Iterable[Any]) -> tuple[str, bytes]:
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise InvalidInputError(call="schedule", reason="input is the tuple of positional inputs: input=(value,)")
    return "input", codec.dumps(list(value))


def _cron(value: str) -> tuple[str, str]:
    if not isinstance(value, str):
        raise InvalidInputError(call="schedule", reason=f"cron is text, not {value!r}")
    parse_cron(value)
    return "cron", value


def _every(value: Duration) -> tuple[str, int]:
    ms = duration_ms(value, "every")
    if ms < MIN_INTERVAL_MS:
        raise InvalidInputError(call="every", reason=f"{value!r} is under a second")
    return "every_ms", ms


def _timezone(value: str) -> tuple[str, str]:
    if not isinstance(value, str):
        raise InvalidInputError(call="timezone", reason=f"it is a name such as Europe/Zurich, not {value!r}")
    time_zone(value)
    return "timezone", value


def _overlap(value: str) -> tuple[str, str]:
    if not isinstance(value, str) or value not in OVERLAPS:
        raise InvalidInputError(call="overlap", reason=f"{value!r} is none of {sorted(OVERLAPS)}")
    return "overlap", value


def _limit(value: int | None) -> tuple[str, int]:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise InvalidInputError(call="limit", reason=f"{value!r} is no number of runs; leave it out for no limit")
    return "limit", value or 0


def _instant(field: str) -> Callable[[Any], tuple[str, int]]:
    return lambda value: (field, 0 if value is None else instant_ms(value, field.removesuffix("_ms")))


def _duration(field: str) -> Callable[[Any], tuple[str, int]]:
    return lambda value: (field, duration_ms(value, field.removesuffix("_ms")))


def _tags(value: Iterable[str]) -> tuple[str, tuple[str, ...]]:
    tags = () if isinstance(value, str) or not isinstance(value, Iterable) else tuple(value)
    if (not tags and value) or not all(isinstance(tag, str) for tag in tags):
        raise InvalidInputError(call="tags", reason="tags are a list of text")
    return "tags", tuple(sorted(set(tags)))


def _text(value: str) -> tuple[str, str]:
    if not isinstance(value, str):
        raise InvalidInputError(call="description", reason=f"it is text, not {value!r}")
    return "description", value


_READERS: dict[str, Callable[[Any], tuple[str, Any]]] = {
    "workflow": _workflow,
    "input": _input,
    "cron": _cron,
    "every": _every,
    "timezone": _timezone,
    "anchor": _instant("anchor_ms"),
    "start_at": _instant("start_ms"),
    "end_at": _instant("end_ms"),
    "limit": _limit,
    "overlap": _overlap,
    "jitter": _duration("jitter_ms"),
    "catch_up": _duration("catch_up_ms"),
    "backfill": lambda value: ("backfill", bool(value)),
    "description": _text,
    "tags": _tags,
}
"""For each option, how it is read: the field of :class:`ScheduleSpec` and its value."""
