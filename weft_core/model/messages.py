"""What can happen to a run: the messages that the machine decides upon."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from weft_core.errors import WeftError


class StepMessage:
    """For one step of a run: dropped when that step is over. Has ``task`` and ``step``."""

    __slots__ = ()
    task: int
    step: int


@dataclass(frozen=True, slots=True)
class Begin:
    """The first turn of a new run; its body begins at ``start_at`` (epoch ms) if that is still to come."""

    start_at: int = 0
    first: SignalArrived | None = None
    """A signal that comes with it."""
    forming: str | None = None
    """The record by which later calls find it until its body begins."""
    gathered: list[Any] | None = None
    """Its input, if that grows until then."""
    admission: list[Any] | None = None
    """``[name, limit, on_limit]`` of what limits how many such runs go on at once."""
    waits: bool = False
    """There are as many."""
    elsewhere: str | None = None
    """The address of the engine on which its body is to begin: here it stands suspended before that."""


@dataclass(frozen=True, slots=True)
class Recover:
    """The run was loaded by a new owner: derive again every effect that a crash may have lost."""

    opening: bool = False
    """Nobody asks for it: an engine has opened the store. A run that looped stays held under the same code then."""


@dataclass(slots=True)  # not frozen: one is made for every attempt
class ActivityOutcome(StepMessage):
    """An attempt ended. ``encoded`` is the value's durable form; ``error`` is None for a success.

    ``details`` are those of its last heartbeat, encoded, if they are not durable yet.
    """

    task: int
    step: int
    value: Any = None
    encoded: bytes | None = None
    error: BaseException | None = None
    details: bytes | None = None


@dataclass(frozen=True, slots=True)
class Hurry:
    """Attempts that wait for their next try may be made now: what kept them from succeeding may be over."""


@dataclass(frozen=True, slots=True)
class TimerFired(StepMessage):
    task: int
    step: int
    deadline_ms: int


@dataclass(slots=True)
class InputReplaced(StepMessage):
    """The run that has not begun is to begin at ``begin_at``, with another input: ``frame`` makes it for a context. It
    is on that version then, with the signals that it declares."""

    task: int
    step: int
    data: bytes
    frame: Callable[[Any], Any]
    version: str
    signals: list[str]
    begin_at: int
    accepted: bool = False
    """Set by the turn that takes it."""


@dataclass(slots=True)
class ItemAdded(StepMessage):
    """One more item for the run that has not begun; with ``at_most`` it begins. ``size`` is that of its bytes."""

    task: int
    step: int
    item: Any
    size: int
    at_most: int
    accepted: bool = False


@dataclass(frozen=True, slots=True)
class SignalArrived:
    name: str
    payload: bytes
    signal_id: str | None = None


@dataclass(frozen=True, slots=True)
class CancelRequested:
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class UpdateArrived:
    name: str
    payload: bytes
    update_id: str


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
    address: int
    """Of the step (``RunHeader.address``): that of another run which had this id is not meant."""
    ok: bool
    data: Any


@dataclass(frozen=True, slots=True)
class Watch:
    """Another run wants to hear how this one ends, or no more: ``watcher`` is ``[run id, task, address of a step]``."""

    watcher: tuple[str, int, int]
    no_more: bool = False


@dataclass(frozen=True, slots=True)
class ReviewSubmitted(StepMessage):
    """What somebody decides of a review, or of sections of it: ``[decision, feedback]`` by section."""

    task: int
    step: int
    decision: str | None
    reviewer: str | None
    feedback: str | None
    sections: dict[str, list[Any]]
    decision_id: str


@dataclass(frozen=True, slots=True)
class Annotate:
    """Change what searches know of the run; also of one that is stopped or finished."""

    attributes: dict[str, bytes | None] = field(default_factory=dict)
    """Encoded values; None removes one."""
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Forked:
    """A new run stands where ``source`` stood ``at`` a step: take up what it waits for there."""

    source: str
    at: int
    changes: list[dict[str, Any]] | None = None
    """What was edited on the way: ``{name, old, new}``, encoded."""


@dataclass(frozen=True, slots=True)
class Rewound:
    """The run has been put back to a step: take up what it waits for there, as far as a suspended run may."""

    from_status: str
    from_step: int
    to_step: int
    stop: list[int]
    """Steps whose attempts may be in flight and are not wanted any more."""
    asks: list[tuple[str, list[Any]]]
    """Requests to locks: those that it has asked for since are not wanted either."""
    reviews: list[int]
    """Steps whose reviews are closed."""
    reason: str | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Skip:
    """Answer by hand what a task waits for, with an encoded value or an error."""

    task: int
    step: int
    value: bytes | None
    error: BaseException | None
    recover: bool
    """Nobody has taken up the run's other tasks since it was loaded."""
    reason: str | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Arrived:
    """The run has come from another engine, or (with a ``reason``) has been taken back: take up what it waits for."""

    handoff_id: str
    moves: int
    origin: str
    url: str
    reason: str | None
    goes_on: bool
    """It was not suspended by somebody."""


@dataclass(slots=True)
class StateAsked:
    """Somebody outside reads or changes one of the run's durable values; what comes of it is filled in."""

    key: str
    request: list[Any]
    answer: list[Any] = field(default_factory=list)
    refusal: WeftError | None = None


Message = (
    Begin
    | Recover
    | Hurry
    | StepMessage
    | (SignalArrived | UpdateArrived)
    | CancelRequested
    | TerminateRequested
    | SuspendRequested
    | ResumeRequested
    | Reply
    | Watch
    | Annotate
    | (Forked | Rewound | Skip | Arrived)
    | StateAsked
)
