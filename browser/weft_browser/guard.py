"""Ends author's code that computes for too long without a pause: in a worker nothing else can run meanwhile.

The interpreter asks JavaScript every few dozen instructions whether a signal has come (``guard.mjs``), and one comes
every quarter of a second while Python computes. So this looks at the stack from within whatever runs, and raises only
where that is author's code which the engine has entered in a place that is ready for it. A signal that comes in the
engine's own code, or late, changes nothing. Steps pay nothing for it but to say that something else runs now.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn, Protocol

from weft_core.errors import ComputedTooLong
from weft_core.ports import Stretch, is_entrance

SIGNAL = signal.SIGVTALRM
TICKS_OF_A_LIMIT = 8
"""At least so often is the clock looked at before a stretch is too long."""
LONGEST_TICK_S = 0.25
SPARING_TRIES = 4
"""So often is one stretch ended again, whose code catches what ends it; then it is ended at each of its lines, and so
also at those that no ``try`` encloses."""
TRIES = 20
"""After so many, only the end of its worker helps."""

_OURS = ("weft_core.", "weft_browser.")
_LIBRARY = (sys.stdlib_module_names - {"__main__"}) | {"weft_core", "weft_browser", "pyodide", "_pyodide"}
_LEADING_TO_AUTHORS = ("weft_core.frames.", "weft_core.workflow.", "weft_core.codec.", "weft_core.machine.")
"""What they change is of the turn or the attempt, which is given up."""


class Told(Protocol):
    def looping(self, facts: dict[str, Any]) -> None:
        """Something runs for long. ``ending``: "not yet", "ended", or "in vain" when nothing but the end of the worker
        helps."""


def tick_s(limit_s: float) -> float:
    """How often the signal is to come."""
    return min(LONGEST_TICK_S, limit_s / TICKS_OF_A_LIMIT)


class LoopGuard:
    """One per interpreter. ``limit_s``: how long a stretch may compute; waiting for others does not count."""

    def __init__(self, stretch: Stretch, limit_s: float, now_s: Callable[[], float], told: Told) -> None:
        self._stretch, self._limit, self._now, self._told = stretch, limit_s, now_s, told
        self._seen = -1
        self._last = self._computed = 0.0
        self._tries = 0
        self._warned = False

    def install(self) -> None:
        """Have the signal handled here."""
        signal.signal(SIGNAL, self._tick)

    def _tick(self, number: int, frame: FrameType | None) -> None:
        now, since = self._now(), self._last
        self._last = now
        if self._stretch.number != self._seen:
            self._seen, self._computed, self._tries, self._warned = self._stretch.number, 0.0, 0, False
            return
        # A request that blocks is no computing, and nor is a machine that sleeps.
        self._computed += min(now - since, 4 * tick_s(self._limit))
        if self._computed >= self._limit:
            self._end(frame)
        elif self._computed >= self._limit / 2 and not self._warned:
            self._warned = True
            self._tell("not yet", frame)

    def _end(self, frame: FrameType | None) -> None:
        if frame is None or not in_authors_code(frame):
            return  # the next signal may find it there
        self._tries += 1
        if self._tries > TRIES:
            self._tell("in vain", frame)
            return
        if self._tries == 1:
            self._tell("ended", frame)
        if self._tries > SPARING_TRIES:
            sys.settrace(self._line)
            outer: FrameType | None = frame
            while outer is not None and not is_entrance(outer.f_code):
                outer.f_trace = self._line
                outer = outer.f_back
        self._raise(frame)

    def _line(self, frame: FrameType, event: str, arg: Any) -> Any:
        """Traces a stretch that does not let itself be ended; what it calls, too."""
        if self._stretch.number != self._seen:
            sys.settrace(None)
            return None
        if not in_authors_code(frame):
            return None
        if event != "line":
            return self._line
        self._raise(frame)

    def _raise(self, frame: FrameType) -> NoReturn:
        stopped = self._stretch.ended = ComputedTooLong(round(self._computed, 1), where(frame))
        raise stopped

    def _tell(self, ending: str, frame: FrameType | None) -> None:
        at = self._stretch
        self._told.looping({
            "runId": at.run_id, "kind": at.kind, "name": at.name, "seconds": round(self._computed, 1),
            "where": where(frame), "ending": ending,
        })  # fmt: skip


def watch(stretch: Stretch, limit_s: float, told: Told) -> None:
    """Guard this worker's Python."""
    import js  # not with the module: a memory snapshot may hold no JavaScript

    LoopGuard(stretch, limit_s, lambda: float(js.performance.now()) / 1000, told).install()


def in_authors_code(frame: FrameType) -> bool:
    """Whether author's code, or what it calls, runs here, entered where the engine is ready for it to be ended.

    An entrance is not: the event loop's own code would be ended in it, before it calls author's code or after.
    """
    if _is(frame, _OURS) and not _is(frame, _LEADING_TO_AUTHORS[:1]):
        return False  # ours is at work
    outer: FrameType | None = frame
    authors = False
    while outer is not None:
        if is_entrance(outer.f_code):
            return authors
        if _is(outer, _OURS) and not _is(outer, _LEADING_TO_AUTHORS):
            return False
        authors = authors or _of_author(outer)
        outer = outer.f_back
    return False


def where(frame: FrameType | None) -> str:
    """File and line of the innermost frame that is neither ours nor of the library: ``orders.py:12``."""
    found = innermost = frame
    while found is not None and not _of_author(found):
        found = found.f_back
    at = found or innermost
    return f"{at.f_code.co_filename.rpartition('/')[2]}:{at.f_lineno}" if at is not None else "an unknown place"


def _is(frame: FrameType, prefixes: tuple[str, ...]) -> bool:
    return str(frame.f_globals.get("__name__", "")).startswith(prefixes)


def _of_author(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] not in _LIBRARY
