"""The signs of life of one attempt: how long it may be silent, and which of its details become durable when."""

from __future__ import annotations

from collections.abc import Callable

from weft_core.ports import Clock, TimerHandle

UNWATCHED_INTERVAL_MS = 10_000
"""How often details are written for an activity without a heartbeat timeout."""


class Heartbeats:
    """Details are written at once, but at most once in half a timeout; the last ones always, if late.

    ``write`` makes details durable, ``lost`` is called when the attempt has been silent for ``timeout_ms``.
    """

    def __init__(
        self, clock: Clock, timeout_ms: int | None, write: Callable[[bytes], None], lost: Callable[[], None]
    ) -> None:
        self._clock, self._timeout_ms = clock, timeout_ms
        self._write, self._lost = write, lost
        self._interval_ms = UNWATCHED_INTERVAL_MS if timeout_ms is None else timeout_ms // 2
        self._last = clock.now_ms()
        self._write_from = 0
        self._pending: bytes | None = None
        self._later: TimerHandle | None = None
        self._watch = None if timeout_ms is None else clock.call_at(self._last + timeout_ms, self._look)

    def beat(self, details: bytes | None) -> None:
        """A sign of life; ``None`` keeps the details as they are."""
        now = self._last = self._clock.now_ms()
        if details is None:
            return
        self._pending = details
        if now >= self._write_from:
            self.flush()
        elif self._later is None:
            self._later = self._clock.call_at(self._write_from, self.flush)

    def flush(self) -> None:
        """Write what is not durable yet."""
        if self._later is not None:
            self._later.cancel()
            self._later = None
        details = self.take()
        if details is not None:
            self._write_from = self._clock.now_ms() + self._interval_ms
            self._write(details)

    def take(self) -> bytes | None:
        """Details that are not durable yet; somebody else sees to them."""
        details, self._pending = self._pending, None
        return details

    def _look(self) -> None:
        assert self._timeout_ms is not None
        silent_at = self._last + self._timeout_ms
        if self._clock.now_ms() >= silent_at:
            self._lost()
        else:
            self._watch = self._clock.call_at(silent_at, self._look)

    def close(self) -> None:
        for timer in (self._watch, self._later):
            if timer is not None:
                timer.cancel()
        self._watch = self._later = None
