"""The two consoles and the small words that all commands share: times, durations, values on one line."""

from __future__ import annotations

import functools
import itertools
import json
import os
import sys
import time
from datetime import datetime
from typing import Any, Final

from rich.console import Console
from rich.text import Text

STATUS_STYLE: Final = {
    "pending": "dim cyan",
    "running": "cyan",
    "suspended": "magenta",
    "needs_attention": "bold red",
    "completed": "green",
    "failed": "red",
    "cancelled": "yellow",
    "timed_out": "red",
    "terminated": "yellow",
    "held": "magenta",
    "dead": "bold red",
}
PIPED_WIDTH: Final = 200
"""Columns when nobody looks: a pipe has no edge to wrap at."""
_UNITS: Final = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"))


@functools.cache
def out() -> Console:
    """Standard output: results, and nothing else, so that it can be piped."""
    wide = None if sys.stdout.isatty() or "COLUMNS" in os.environ else PIPED_WIDTH
    return Console(highlight=False, soft_wrap=True, width=wide)


@functools.cache
def err() -> Console:
    """Standard error: progress, hints and complaints."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def status(name: str) -> Text:
    """A status in its colour."""
    return Text(name, style=STATUS_STYLE.get(name, ""))


def compact(value: Any, limit: int = 100) -> str:
    """A JSON value on one line, cut at ``limit`` characters."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def clock(at_ms: int) -> str:
    """Local time of day, to the millisecond."""
    moment = datetime.fromtimestamp(at_ms / 1000)
    return f"{moment:%H:%M:%S}.{at_ms % 1000:03d}"


def moment(at_ms: int) -> str:
    """Local date and time, to the second."""
    return f"{datetime.fromtimestamp(at_ms / 1000):%Y-%m-%d %H:%M:%S}"


def span(ms: float) -> str:
    """A duration in its two largest units: ``2 d 23 h``, ``4.2 s``, ``12 ms``."""
    if ms < 1_000:
        return f"{ms:.0f} ms"
    if ms < 60_000:
        return f"{ms / 1000:.1f} s"
    for (size, unit), (next_size, next_unit) in itertools.pairwise(_UNITS):
        if ms >= size:
            whole, rest = divmod(int(ms), size)
            return f"{whole} {unit}" + (f" {rest // next_size} {next_unit}" if rest >= next_size else "")
    return f"{ms / 1000:.1f} s"


def ago(at_ms: int) -> str:
    """How long ago, or how soon."""
    distance = time.time() * 1000 - at_ms
    return f"in {span(-distance)}" if distance < 0 else f"{span(distance)} ago"


def waiting(entry: dict[str, Any]) -> str:
    """One entry of ``waiting_for`` in words."""
    kind, name, deadline = entry.get("kind"), entry.get("name"), entry.get("deadline")
    if kind == "activity":
        again = f", attempt {entry['attempt']}" if (entry.get("attempt") or 1) > 1 else ""
        return f"retry of {name} {ago(deadline)}{again}" if deadline else f"activity {name}{again}"
    if kind == "signal":
        return f"signal {name}" + (f", until {moment(deadline)}" if deadline else "")
    if deadline:
        return f"{kind} until {moment(deadline)} ({ago(deadline)})"
    return f"{kind} {name}" if name and name != kind else str(kind)
