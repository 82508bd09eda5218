"""Durable timers. The store holds all of them in order of deadline; memory holds only when to look next (G10)."""

from __future__ import annotations

from collections.abc import Callable

from weft_core.engine.patience import PatientReads
from weft_core.model import keys
from weft_core.ports import Clock, TimerHandle

_PAGE = 256


class TimerQueue:
    """Wakes the pump when the earliest stored deadline has come."""

    def __init__(self, storage: PatientReads, clock: Clock, wake: Callable[[], None]) -> None:
        self._storage, self._clock, self._wake = storage, clock, wake
        self._next: int | None = None
        self._handle: TimerHandle | None = None
        self.due = False

    def arm(self, deadline_ms: int) -> None:
        """A timer with this deadline has been stored."""
        if self._next is not None and self._next <= deadline_ms:
            return
        self._next = deadline_ms
        if self._handle is not None:
            self._handle.cancel()
        self._handle = self._clock.call_at(deadline_ms, self._ring)

    def _ring(self) -> None:
        self._handle = self._next = None
        self.due = True
        self._wake()

    async def take_due(self) -> list[tuple[str, int, int, int]]:
        """Up to a page of (run id, task, step, deadline) whose deadline has come; arms the next one.

        Their records stay until a turn removes them, so a crash in between loses nothing.
        """
        now = self._clock.now_ms()
        rows = await self._storage.scan(keys.TIMERS, before=keys.timers_until(now), limit=_PAGE)
        self.due = len(rows) == _PAGE
        if not self.due:
            later = await self._storage.scan(keys.TIMERS, after=keys.timers_until(now), limit=1)
            if later:
                self.arm(keys.parse_timer(later[0][0])[0])
        fired = []
        for key, _ in rows:
            deadline, run_id, task, step = keys.parse_timer(key)
            fired.append((run_id, task, step, deadline))
        return fired

    def close(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._handle = self._next = None
        self.due = False
