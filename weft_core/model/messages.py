"""What can happen to a run: the messages that the machine decides upon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Begin:
    """The first turn of a new run; its body begins at ``start_at`` (epoch ms) if that is still to come."""

    start_at: int = 0


@dataclass(frozen=True, slots=True)
class Recover:
    """The run was loaded by a new owner: derive again every effect that a crash may have lost."""


@dataclass(slots=True)  # not frozen: one is made for every attempt
class ActivityOutcome:
    """An attempt ended. ``encoded`` is the value's durable form; ``error`` is None for a success."""

    task: int
    step: int
    value: Any = None
    encoded: bytes | None = None
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class TimerFired:
    task: int
    step: int
    deadline_ms: int


@dataclass(frozen=True, slots=True)
class SignalArrived:
    name: str
    payload: bytes
    signal_id: str | None = None


@dataclass(frozen=True, slots=True)
class CancelRequested:
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class TerminateRequested:
    """End at once, without running any more of the author's code."""

    reason: str | None = None


@dataclass(frozen=True, slots=True)
class SuspendRequested:
    """Take no further step until resumed."""

    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ResumeRequested:
    """Go on after a suspension."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a step hears from another run or a shared object it has asked. ``data`` is plain; an error is a record."""

    task: int
    step: int
    ok: bool
    data: Any


@dataclass(frozen=True, slots=True)
class Watch:
    """Another run wants to hear how this one ends: ``watcher`` is ``[run id, task, step]``."""

    watcher: tuple[str, int, int]


Message = (
    Begin
    | Recover
    | ActivityOutcome
    | TimerFired
    | SignalArrived
    | CancelRequested
    | TerminateRequested
    | SuspendRequested
    | ResumeRequested
    | Reply
    | Watch
)
