"""The processes of a browser, found and killed from outside."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

GONE_TIMEOUT_S = 60
SEEN_TIMEOUT_S = 60
_BUSY_MS, _LONGEST_BUSY_MS = 60, 1_000
_CLEAR_TICKS = 3
"""Of 10 ms each: so much more the main thread of a busy tab has to have worked than any other."""


def family(roots: Iterable[int]) -> list[int]:
    """The processes and everything below them."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parents[int(entry.name)] = int(_stat(int(entry.name))[1])
    found = set(roots)
    while grown := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= grown
    return sorted(found)


def started_with(argument: str) -> list[int]:
    """The processes that have ``argument`` on their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and argument.encode() in (entry / "cmdline").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


def name_of(pid: int) -> str:
    """What the kernel calls it; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def kill_all(pids: list[int]) -> int:
    """SIGKILL them and wait until they are gone. Returns how many there were."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + GONE_TIMEOUT_S
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < deadline, f"still alive: {[pid for pid in pids if alive(pid)]}"
        time.sleep(0.01)  # the kernel tells nobody but the parent
    return len(pids)


def busiest(candidates: Callable[[], list[int]], keep_busy: Callable[[int], object]) -> int:
    """The process in which a page lives: its main thread works while the page is kept busy for so many ms, twice.

    Once may be chance: a page that waits for a processor does not work, and another may.
    """
    deadline, busy_ms, before_that = time.monotonic() + SEEN_TIMEOUT_S, _BUSY_MS, 0
    while time.monotonic() < deadline:
        before = {pid: _ticks(pid) for pid in candidates()}
        keep_busy(busy_ms)
        worked = sorted(((_ticks(pid) - ticks, pid) for pid, ticks in before.items()), reverse=True)
        clear = worked and worked[0][0] - (worked[1][0] if worked[1:] else 0) >= _CLEAR_TICKS
        if clear and worked[0][1] == before_that:
            return before_that
        before_that = worked[0][1] if clear else 0
        busy_ms = busy_ms if clear else min(2 * busy_ms, _LONGEST_BUSY_MS)  # others need the processors, too
    raise AssertionError(f"none of {candidates()} works while the page does")


def alive(pid: int) -> bool:
    """Not gone, and not a zombie."""
    try:
        return _stat(pid)[0] not in "ZX"
    except OSError:
        return False


def _stat(pid: int, thread: str = "") -> list[str]:
    return Path(f"/proc/{pid}/{thread}stat").read_text().rpartition(")")[2].split()


def _ticks(pid: int) -> int:
    """How long its main thread has worked."""
    try:
        return sum(int(ticks) for ticks in _stat(pid, f"task/{pid}/")[11:13])
    except OSError:
        return 0
