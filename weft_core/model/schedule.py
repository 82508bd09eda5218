"""A schedule: what it is asked to do, and how far it has come."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from weft_core.model.timing import Timing

Overlap = Literal["skip", "queue", "cancel_running", "allow"]
"""What a fire does while a run of the schedule is unfinished: is left out, starts after it, cancels it and starts after
it, or starts beside it."""
OVERLAPS: frozenset[str] = frozenset(get_args(Overlap))
DEFAULT_CATCH_UP_MS = 60_000
MIN_INTERVAL_MS = 1_000
MAX_QUEUED = 1_000
"""Starts that wait in one schedule; a fire queues one, a backfill many."""
MAX_BACKFILL = 10_000
"""Times that one call of backfill may name."""
KEPT_EVENTS = 100
"""Entries of a schedule's own log; older ones are removed as new ones come."""


@dataclass(frozen=True, slots=True)
class ScheduleSpec:
    """What its author asked for. Durations in milliseconds, instants in epoch milliseconds, 0 where none was given."""

    workflow: str
    input: bytes
    """The encoded list of positional inputs, the same for every run."""
    cron: str = ""
    every_ms: int = 0
    timezone: str = "UTC"
    anchor_ms: int = 0
    start_ms: int = 0
    end_ms: int = 0
    limit: int = 0
    overlap: Overlap = "skip"
    jitter_ms: int = 0
    catch_up_ms: int = DEFAULT_CATCH_UP_MS
    backfill: bool = False
    description: str = ""
    tags: tuple[str, ...] = ()

    def timing(self, created_at: int, *, bounded: bool = True) -> Timing:
        """Its times; ``bounded=False``: also those before its start and after its end."""
        anchor = self.anchor_ms or self.start_ms or created_at
        start, end = (self.start_ms, self.end_ms) if bounded else (0, 0)
        return Timing(self.cron, self.every_ms, self.timezone, anchor, start, end)


@dataclass(slots=True)
class ScheduleRecord:
    """``schedule/<id>``: everything that is known of one schedule."""

    id: str
    spec: ScheduleSpec
    created_at: int
    updated_at: int
    paused: bool = False
    pause_reason: str | None = None
    next_at: int | None = None
    """The next time it names; None while it is paused, and when there is none any more."""
    due_at: int | None = None
    """When that is acted on: ``next_at`` and its jitter. There is a timer for exactly this instant."""
    fires: int = 0
    """Runs started because their time had come."""
    triggered: int = 0
    """Runs started by hand."""
    last_at: int | None = None
    last_run: str | None = None
    running: list[str] = field(default_factory=list)
    """Runs that may be unfinished; what ``overlap`` looks at."""
    queued: list[int] = field(default_factory=list)
    """Times that have come and whose runs start when those before them have ended."""
    missed: int = 0
    last_missed_at: int | None = None
    skipped: int = 0
    failed: int = 0
    """Times whose run could not be started."""
    last_error: dict[str, Any] | None = None
    stopped: bool = False
    """Its next time could not be told; ``last_error`` says why."""
    next_seq: int = 1
    """Number of its next log entry."""

    @property
    def exhausted(self) -> bool:
        """As many runs as it may start have been started or wait to."""
        return 0 < self.spec.limit <= self.fires + self.failed + len(self.queued)

    @property
    def status(self) -> Literal["active", "paused", "stopped", "finished"]:
        if self.paused or self.stopped:
            return "paused" if self.paused else "stopped"
        return "active" if self.next_at is not None or self.queued else "finished"

    def aim(self, after_ms: int) -> None:
        """Set the next time to the first one after an instant."""
        timing = self.spec.timing(self.created_at)
        self.next_at = None if self.paused or self.exhausted else timing.after(after_ms)
        self.due_at = None if self.next_at is None else self.next_at + self._jitter(self.next_at, timing)
        self.stopped = False

    def _jitter(self, at: int, timing: Timing) -> int:
        """The same for the same time, so that it need not be stored; never as far as the time after it."""
        if not self.spec.jitter_ms:
            return 0
        following = timing.after(at)
        span = self.spec.jitter_ms if following is None else min(self.spec.jitter_ms, following - at)
        digest = hashlib.sha256(f"{self.id}:{at}".encode()).digest()
        return int.from_bytes(digest[:6], "big") * span >> 48
