"""The browser as the engine sees it: its clock, its source of identity, and blocking calls inline (no threads).

``js`` is imported when an object is made, and not with the module: a memory snapshot may hold no JavaScript.
"""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import Callable
from typing import TypeVar

from pyodide.ffi import create_proxy

from weft_core.ports import Host

T = TypeVar("T")

NAP_MS = 60_000
"""A longer wait is cut into naps of this length. ``setTimeout`` counts in 31 bits and stands still while the machine
sleeps, so each wake-up compares the deadline with the clock again."""


def default_host() -> Host:
    """Clock, identities and inline blocking calls of this worker."""
    return Host(clock=BrowserClock(), ids=BrowserIds(), run_blocking=run_inline)


async def run_inline(function: Callable[[], T]) -> T:
    """There is nothing else to run it in."""
    return function()


class BrowserClock:
    """UTC by ``Date.now``. Timers never fire before it has reached their deadline (G10)."""

    def __init__(self) -> None:
        import js

        self._js = js
        self._timers: dict[int, Timer] = {}
        self._last = 0
        # One proxy for all timers, named by number: a proxy per timer would leak those that are cancelled.
        self._wake_proxy = create_proxy(self._wake)

    def now_ms(self) -> int:
        return int(self._js.Date.now())

    def call_at(self, deadline_ms: int, callback: Callable[[], None]) -> Timer:
        self._last += 1
        timer = self._timers[self._last] = Timer(self, self._last, deadline_ms, callback)
        self._arm(timer)
        return timer

    def forget(self, timer: Timer) -> None:
        if self._timers.pop(timer.number, None) is not None:
            self._js.clearTimeout(timer.timeout)

    def _arm(self, timer: Timer) -> None:
        nap = min(max(0, timer.deadline_ms - self.now_ms()), NAP_MS)
        timer.timeout = int(self._js.setTimeout(self._wake_proxy, nap, timer.number))

    def _wake(self, number: int) -> None:
        timer = self._timers.get(number)
        if timer is None:
            return
        if self.now_ms() < timer.deadline_ms:
            self._arm(timer)
            return
        del self._timers[number]
        timer.callback()


class Timer:
    """One armed deadline."""

    __slots__ = ("_clock", "callback", "deadline_ms", "number", "timeout")

    def __init__(self, clock: BrowserClock, number: int, deadline_ms: int, callback: Callable[[], None]) -> None:
        self._clock = clock
        self.number = number
        self.deadline_ms = deadline_ms
        self.callback = callback
        self.timeout = 0

    def cancel(self) -> None:
        self._clock.forget(self)


_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_SHIFTS = range(125, -1, -5)
_RANDOM_BITS = 80


class BrowserIds:
    """Identity from the browser's ``crypto``, which is what ``os.urandom`` reads here."""

    def __init__(self) -> None:
        import js

        self._js = js
        self._last = 0
        self._random = random.Random(os.urandom(32))

    def new_id(self) -> str:
        """26 characters (48 bits of ms time, 80 of chance, Crockford's base 32); each sorts after the one before it."""
        number = int(self._js.Date.now()) << _RANDOM_BITS | int.from_bytes(os.urandom(10), "big")
        if number <= self._last or number >> _RANDOM_BITS == self._last >> _RANDOM_BITS:
            number = self._last + 1 + int.from_bytes(os.urandom(4), "big")
        self._last = number
        return "".join(_ALPHABET[number >> shift & 31] for shift in _SHIFTS)

    def random(self) -> float:
        return self._random.random()

    def token(self) -> str:
        return secrets.token_urlsafe(24)
