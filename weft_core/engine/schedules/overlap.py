"""What a fire does when a run of its schedule is still unfinished, by the schedule's ``overlap``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from weft_core.machine.schedules import ScheduleTurn

Overlapping = Callable[[ScheduleTurn, int, list[str]], None]
"""Takes the time that is due and the unfinished runs."""


def _skip(turn: ScheduleTurn, at: int, alive: list[str]) -> None:
    turn.skipped(at, f"run {alive[0]} is unfinished")


def _queue(turn: ScheduleTurn, at: int, alive: list[str]) -> None:
    if turn.record.queued:
        turn.skipped(at, "another start is queued")
    else:
        turn.queued(at, alive[0])


def _cancel_running(turn: ScheduleTurn, at: int, alive: list[str]) -> None:
    """The cancels follow from the queued start, also after a crash."""
    for older in turn.record.queued:
        turn.skipped(older, "a later time has come")
    turn.record.queued.clear()
    turn.queued(at, alive[0])


OVERLAPPING: Mapping[str, Overlapping] = {"skip": _skip, "queue": _queue, "cancel_running": _cancel_running}
"""``allow`` never asks."""
