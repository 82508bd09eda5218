"""The host adapter of a server process: the system's clock, randomness and threads."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import time
from collections.abc import Callable

from weft_core.ports import Host, TimerHandle

MAX_NAP_S = 86_400.0
"""A longer delay is slept in pieces; event loops limit what one timer may be."""

WATCH_S = 20.0
"""How often the wall clock is compared with the loop's clock while timers wait."""

JUMP_MS = 1_000


def default_host() -> Host:
    """Clock, identities and threads of this process. Each call gives new, independent ones."""
    return Host(clock=SystemClock(), ids=SystemIds(), run_blocking=asyncio.to_thread)


class SystemClock:
    """UTC by the system's wall clock. Timers never fire before it has reached their deadline (G10).

    The wall clock may jump (set by hand, or a laptop slept: the loop's own clock stands still then). While timers
    wait, a watch looks every 20 s and arms them anew after a jump; so a jump makes a timer at most 20 s late.
    """

    def __init__(self) -> None:
        self._timers: set[_Timer] = set()
        self._watch: asyncio.TimerHandle | None = None
        self._watched: asyncio.AbstractEventLoop | None = None
        self._offset_ms = 0.0

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def call_at(self, deadline_ms: int, callback: Callable[[], None]) -> TimerHandle:
        """Call back in the running loop once ``deadline_ms`` has come; a deadline in the past means: soon."""
        loop = asyncio.get_running_loop()
        timer = _Timer(self, loop, deadline_ms, callback)
        self._timers.add(timer)
        timer.arm()
        self._keep_watch(loop)
        return timer

    def forget(self, timer: _Timer) -> None:
        self._timers.discard(timer)
        if not self._timers and self._watch is not None:
            self._watch.cancel()
            self._watch = self._watched = None

    def _keep_watch(self, loop: asyncio.AbstractEventLoop) -> None:
        # A loop that has been closed (one asyncio.run after another) never calls its watch again.
        if self._watched is not loop:
            if self._watch is not None:
                self._watch.cancel()
            self._timers = {timer for timer in self._timers if not timer.loop.is_closed()}
            self._watched = loop
            self._offset_ms = self.now_ms() - loop.time() * 1000
            self._watch = loop.call_later(WATCH_S, self._look)

    def _look(self) -> None:
        loop = self._watched
        if loop is None:
            return
        offset = self.now_ms() - loop.time() * 1000
        if abs(offset - self._offset_ms) > JUMP_MS:
            self._offset_ms = offset
            for timer in self._timers:
                timer.arm()
        self._watch = loop.call_later(WATCH_S, self._look)


class _Timer:
    """One armed deadline."""

    __slots__ = ("_callback", "_clock", "_deadline_ms", "_handle", "loop")

    def __init__(
        self, clock: SystemClock, loop: asyncio.AbstractEventLoop, deadline_ms: int, callback: Callable[[], None]
    ) -> None:
        self._clock = clock
        self.loop = loop
        self._deadline_ms = deadline_ms
        self._callback = callback
        self._handle: asyncio.TimerHandle | None = None

    def arm(self) -> None:
        """Sleep towards the deadline, by the wall clock as it is now."""
        if self._handle is not None:
            self._handle.cancel()
        delay_s = max(0.0, (self._deadline_ms - self._clock.now_ms()) / 1000)
        self._handle = self.loop.call_later(min(delay_s, MAX_NAP_S), self._wake)

    def _wake(self) -> None:
        if self._clock.now_ms() < self._deadline_ms:
            self.arm()
            return
        self._clock.forget(self)
        self._callback()

    def cancel(self) -> None:
        self._clock.forget(self)
        if self._handle is not None:
            self._handle.cancel()


_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [high + low for high in _ALPHABET for low in _ALPHABET]
_SHIFTS = range(120, -1, -10)
_RANDOM_BITS = 80


class SystemIds:
    """Identity from the operating system's randomness."""

    def __init__(self) -> None:
        self._last = 0
        self._random = random.Random(os.urandom(32))

    def new_id(self) -> str:
        """26 characters (48 bits of ms time, 80 of chance, Crockford's base 32); each sorts after the one before it."""
        number = (time.time_ns() // 1_000_000) << _RANDOM_BITS | int.from_bytes(os.urandom(10), "big")
        if number <= self._last or number >> _RANDOM_BITS == self._last >> _RANDOM_BITS:
            number = self._last + 1 + int.from_bytes(os.urandom(4), "big")
        self._last = number
        return "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])

    def random(self) -> float:
        return self._random.random()

    def token(self) -> str:
        """192 bits as 32 characters that are safe in a URL."""
        return secrets.token_urlsafe(24)
