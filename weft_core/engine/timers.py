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
        self._storage, self._clock, self.wake = storage, clock, wake
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
        self.wake()

    async def take_due(self) -> tuple[list[tuple[str, int, int, int]], list[str]]:
        """Up to a page of (run id, task, step, deadline) whose deadline has come, and keys that are damaged; arms the
        next one.

        Their records stay until a turn removes them, so a crash in between loses nothing.
        """
        now = self._clock.now_ms()
        rows = await self._storage.scan(keys.TIMERS, before=keys.timers_until(now), limit=_PAGE)
        self.due = len(rows) == _PAGE
        if not self.due:
            later = await self._storage.scan(keys.TIMERS, after=keys.timers_until(now), limit=1)
            if later and (timer := _parse(later[0][0])) is not None:
                self.arm(timer[0])
            elif later:
                rows, self.due = [*rows, *later], True  # removed, and then the next one is looked for
        fired, damaged = [], []
        for key, _ in rows:
            parsed = _parse(key)
            if parsed is None:
                damaged.append(key)
            else:
                deadline, run_id, task, step = parsed
                fired.append((run_id, task, step, deadline))
        return fired, damaged

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
