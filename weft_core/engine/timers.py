"""Durable timers. The store holds all of them in order of deadline; memory holds only when to look next (G10)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from weft_core.engine.patience import PatientReads
from weft_core.model import keys
from weft_core.ports import Clock, TimerHandle

_PAGE = 256
_RETRY_PAGES = 16


class Due(NamedTuple):
    """Timers whose deadline has come."""

    runs: list[tuple[str, int, int, int]]
    """(run id, task, step, deadline)"""
    schedules: list[tuple[int, str]]
    """(deadline, schedule id)"""
    damaged: list[str]
    """Keys that no timer has."""


class TimerQueue:
    """Wakes the pump when the earliest stored deadline has come."""

    def __init__(self, storage: PatientReads, clock: Clock, wake: Callable[[], None]) -> None:
        self._storage, self._clock, self.wake = storage, clock, wake
        self._next: int | None = None
        self._handle: TimerHandle | None = None
        self.due = False

    @property
    def next(self) -> int | None:
        """The earliest deadline that is waited for (epoch ms)."""
        return self._next

    def arm(self, deadline_ms: int) -> None:
        """A timer with this deadline has been stored."""
        if self._next is not None and self._next <= deadline_ms:
            return
        self._next = deadline_ms
        if self._handle is not None:
            self._handle.cancel()
        self._handle = self._clock.call_at(deadline_ms, self._ring)

    def look(self) -> None:
        """Read what is due from the store now: the clock may have rung late, or others may have written timers."""
        self.due = True
        self.wake()

    async def retries(self) -> list[str]:
        """The runs in which a failed attempt waits for the next one, the most urgent first: as many as some thousand
        timers hold."""
        found: dict[str, None] = {}
        after: str | None = None
        for _ in range(_RETRY_PAGES):
            rows = await self._storage.scan(keys.TIMERS, after=after, limit=_PAGE)
            timers = (_parse(key) for key, value in rows if value == keys.RETRY)
            found.update((timer[1], None) for timer in timers if timer is not None)
            if len(rows) < _PAGE:
                break
            after = rows[-1][0]
        return list(found)

    def _ring(self) -> None:
        self._handle = self._next = None
        self.due = True
        self.wake()

    async def take_due(self) -> Due:
        """Up to a page of timers whose deadline has come; arms the next one.

        Their records stay until a turn removes them, so a crash in between loses nothing.
        """
        now = self._clock.now_ms()
        rows = await self._storage.scan(keys.TIMERS, before=keys.timers_until(now), limit=_PAGE)
        self.due = len(rows) == _PAGE
        if not self.due:
            later = await self._storage.scan(keys.TIMERS, after=keys.timers_until(now), limit=1)
            if later and (deadline := _deadline(later[0][0])) is not None:
                self.arm(deadline)
            elif later:
                rows, self.due = [*rows, *later], True  # removed, and then the next one is looked for
        due = Due([], [], [])
        for key, _ in rows:
            parsed = _parse(key)
            if parsed is not None:
                deadline, run_id, task, step = parsed
                due.runs.append((run_id, task, step, deadline))
            elif (schedule := _parse_schedule(key)) is not None:
                due.schedules.append(schedule)
            else:
                due.damaged.append(key)
        return due

    def close(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._handle = self._next = None
        self.due = False


def _parse(key: str) -> tuple[int, str, int, int] | None:
    """The parts of a timer's key; None for a key that no timer has."""
    try:
        timer = keys.parse_timer(key)
    except ValueError:
        return None
    return timer if keys.timer(*timer) == key else None


def _parse_schedule(key: str) -> tuple[int, str] | None:
    try:
        timer = keys.parse_schedule_timer(key)
    except ValueError:
        return None
    return timer if keys.schedule_timer(*timer) == key else None


def _deadline(key: str) -> int | None:
    timer = _parse(key) or _parse_schedule(key)
    return timer[0] if timer is not None else None
