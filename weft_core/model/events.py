"""What happened to a run, as frozen dataclasses: one class for each type of event in a run's log.

A new type of event is two lines here, a decorated class and its fields; its stored name is the class name in snake
case, its fields are the keyword arguments of ``turn.event``. A field with a default may be absent from the stored form.
``tests/engine/test_events.py`` reads the source and fails when an event has no class or other fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, TypeVar, dataclass_transform

from weft_core.errors import InvalidInputError

Facts = dict[str, Any]
EVENTS: dict[str, type[Event]] = {}
"""Every type of event by its stored name."""
_NAMES: dict[type, str] = {}


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events. ``seq`` numbers the events of one run from 1 without a gap; ``at`` is UTC, in ms."""

    run_id: str
    seq: int
    at: int

    @property
    def type(self) -> str:
        """The stored name, ``run_started`` for ``RunStarted``."""
        return _NAMES[self.__class__]

    def to_json(self) -> Facts:
        """The dict that ``history()`` and the wire have."""
        shown: Facts = {"run_id": self.run_id, "seq": self.seq, "at": self.at, "type": self.type}
        for field in fields(self)[3:]:
            value = getattr(self, field.name)
            if field.default is MISSING or value != field.default:
                shown[field.name] = value
        return shown


@dataclass(frozen=True, slots=True)
class UnknownEvent(Event):
    """An event of a later version of Weft, or one whose fields do not fit its class: its name and all its fields."""

    name: str
    data: Facts

    @property
    def type(self) -> str:
        return self.name

    def to_json(self) -> Facts:
        return {"run_id": self.run_id, "seq": self.seq, "at": self.at, "type": self.name, **self.data}


E = TypeVar("E", bound=Event)


@dataclass_transform(frozen_default=True)
def event(cls: type[E]) -> type[E]:
    """Make a class of fields the type of an event."""
    made = dataclass(frozen=True, slots=True)(cls)
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", made.__name__).lower()
    EVENTS[name], _NAMES[made] = made, name
    return made


def parse_event(data: Mapping[str, Any]) -> Event:
    """The typed form of an event's dict. What no class here fits is an ``UnknownEvent``; fields that a later version
    has added to a known one are left out. ``InvalidInputError``: it is no event at all."""
    try:
        run_id, seq, at, name = data["run_id"], data["seq"], data["at"], data["type"]
    except (KeyError, TypeError):
        raise InvalidInputError(call="parse_event", reason=f"{str(data)[:200]} is no event") from None
    rest = {k: v for k, v in data.items() if k not in ("run_id", "seq", "at", "type")}
    cls = EVENTS.get(name) if isinstance(name, str) else None
    if cls is None:
        return UnknownEvent(run_id, seq, at, name, rest)
    known = {f.name: rest[f.name] for f in fields(cls)[3:] if f.name in rest}
    try:
        return cls(run_id, seq, at, **known)
    except TypeError:  # one is missing
        return UnknownEvent(run_id, seq, at, name, rest)


def event_names(types: Iterable[type[Event] | str] | None) -> frozenset[str] | None:
    """Stored names of event types given as classes or names. ``InvalidInputError`` for what is neither."""
    if types is None:
        return None
    if isinstance(types, (str, type)) or not isinstance(types, Iterable):
        types = (types,)
    found = set()
    for wanted in types:
        name = wanted if isinstance(wanted, str) else _NAMES.get(wanted) if isinstance(wanted, type) else None
        if name not in EVENTS:
            raise InvalidInputError(call="types", reason=f"{wanted!r} is no type of event; there are {sorted(EVENTS)}")
        found.add(name)
    return frozenset(found)


# ------------------------------------------------------------------ a run


@event
class RunStarted(Event):
    workflow: str
    version: str


@event
class RunDelayed(Event):
    start_at: int


@event
class RunQueued(Event):
    """As many runs go on as its workflow's Concurrency allows; ``name`` is the workflow, and the key."""

    name: str
    limit: int


@event
class InputReplaced(Event):
    """A later call with its key gave the run, which had not begun, another input."""

    start_at: int


@event
class ItemAdded(Event):
    """One more item for the run, which had not begun; ``items`` there are now."""

    items: int


@event
class RunRestarted(Event):
    generation: int


@event
class RunRecovered(Event):
    """An owner has taken the run up again from its checkpoint."""


@event
class RunMigrated(Event):
    from_version: str
    to_version: str
    how: str


@event
class RunForked(Event):
    """The first event of a run that stands where another one stood."""

    forked_from: str
    at_step: int
    workflow: str
    version: str
    signals: int
    changes: list[Facts] | None


@event
class RunRewound(Event):
    from_status: str
    from_step: int
    to_step: int
    signals: int
    reason: str | None
    by: str | None


@event
class RunEdited(Event):
    changes: list[Facts]
    reason: str | None
    by: str | None


@event
class OperationSkipped(Event):
    step: int
    kind: str
    name: str
    value: Any
    error: Facts | None
    reason: str | None
    by: str | None


@event
class RunSuspended(Event):
    reason: str | None


@event
class RunResumed(Event):
    """It was suspended, and goes on."""


@event
class RunHeld(Event):
    error: Facts


@event
class RunDead(Event):
    error: Facts


@event
class CancelRequested(Event):
    reason: str | None


@event
class RunCompleted(Event):
    result: Any


@event
class RunFailed(Event):
    error: Facts


@event
class RunCancelled(Event):
    reason: str | None


@event
class RunTimedOut(Event):
    reason: str | None


@event
class RunTerminated(Event):
    reason: str | None


ENDINGS = frozenset({"run_completed", "run_failed", "run_cancelled", "run_timed_out", "run_terminated"})
"""After one of these a run does nothing more, unless it is begun again."""


# ------------------------------------------------------------------ operations


@event
class ActivityQueued(Event):
    """It waits in a queue until its turn comes."""

    step: int
    name: str
    queue: str


@event
class ActivityScheduled(Event):
    step: int
    name: str
    attempt: int


@event
class ActivityCompleted(Event):
    step: int
    name: str
    attempt: int
    result: Any
    verified: bool = False
    """By ``verify``, of an attempt whose outcome was unknown."""


@event
class ActivityParked(Event):
    """It has returned; whoever holds its completion token completes it."""

    step: int
    name: str
    attempt: int


@event
class ActivityVerifying(Event):
    step: int
    name: str
    attempt: int


@event
class ActivityVerifyFailed(Event):
    step: int
    name: str
    error: Facts
    retry_at: int


@event
class ActivityFailed(Event):
    step: int
    name: str
    attempt: int
    error: Facts
    retry_at: int | None


@event
class SleepStarted(Event):
    step: int
    deadline: int


@event
class TimerFired(Event):
    step: int


@event
class SignalReceived(Event):
    name: str
    signal_id: str | None


@event
class SignalConsumed(Event):
    step: int
    name: str


@event
class SignalReturned(Event):
    name: str


@event
class SignalTimedOut(Event):
    step: int
    name: str


@event
class SignalHandled(Event):
    """A handler of the run's got it."""

    name: str


@event
class SignalHandlerFailed(Event):
    name: str
    error: Facts


@event
class UpdateReceived(Event):
    name: str
    update_id: str


@event
class UpdateReturned(Event):
    """A branch that had taken it was beaten; it is in the mailbox again."""

    name: str
    update_id: str


@event
class UpdateCompleted(Event):
    name: str
    update_id: str


@event
class UpdateRejected(Event):
    """Its answer is an error: of its handler, of its validator, or by ``reject``."""

    name: str
    update_id: str
    error: Facts


@event
class UpdateUnanswered(Event):
    """The run ends, and it was not answered."""

    name: str
    update_id: str


@event
class UpdateTimedOut(Event):
    """A wait got none in time."""

    step: int
    name: str


@event
class ConditionMet(Event):
    step: int


@event
class ConditionTimedOut(Event):
    step: int


@event
class ReviewRequested(Event):
    step: int
    review_id: str
    review_type: str
    reviewers: list[str]


@event
class ReviewEscalated(Event):
    """Others are asked too."""

    step: int
    review_id: str
    to: list[str]


@event
class ReviewPartlyDecided(Event):
    step: int
    review_id: str
    sections: list[str]


@event
class ReviewDecided(Event):
    step: int
    review_id: str
    decision: str
    reviewer: str | None
    """None: its escalation decided it."""


@event
class ReviewTimedOut(Event):
    step: int
    review_id: str


@event
class ReviewCancelled(Event):
    """Its run, or the branch that asked, was cancelled."""

    step: int
    review_id: str


@event
class GroupStarted(Event):
    step: int
    kind: str
    size: int


@event
class GroupCompleted(Event):
    step: int
    kind: str
    decided_by: Any


@event
class AttributeSet(Event):
    key: str
    value: Any


@event
class AttributeRemoved(Event):
    key: str


@event
class TagsAdded(Event):
    tags: list[str]


@event
class TagsRemoved(Event):
    tags: list[str]


@event
class Logged(Event):
    message: str
    data: Facts | None = None


@event
class StateRequested(Event):
    """The run asks for a value that it shares with others; ``action`` is what it awaits: "get", "update", ..."""

    step: int
    scope: str
    key: str
    action: str


@event
class StateAnswered(Event):
    step: int
    scope: str
    key: str
    version: int


@event
class StateConflict(Event):
    """Others had changed a value since the run read it: it tries again, or gives up."""

    step: int
    scope: str
    key: str
    attempt: int


@event
class StateChanged(Event):
    """A durable value has another version. ``scope`` is "execution" (in the log of the run whose value it is), or
    "workflow" or "store" (told to listeners only: ``run_id`` is empty)."""

    scope: str
    key: str
    version: int
    deleted: bool = False
    workflow: str = ""
    """Of a value in the scope "workflow": whose it is."""


# ------------------------------------------------------------------ other runs, and what runs share


@event
class ChildRequested(Event):
    step: int
    workflow: str
    child_id: str


@event
class ChildStarted(Event):
    step: int
    child_id: str


@event
class ChildRefused(Event):
    step: int
    child_id: str
    error: str | None


@event
class ChildCancelRequested(Event):
    step: int
    child_id: str


@event
class ChildEnded(Event):
    step: int
    child_id: str
    status: str | None


@event
class RunAwaited(Event):
    step: int
    awaited: str


@event
class RunAwaitedEnded(Event):
    step: int
    awaited: str


@event
class RunForgotten(Event):
    step: int
    awaited: str


@event
class RunAddressed(Event):
    step: int
    addressed: str
    how: str
    """"signal" or "cancel"."""


@event
class RunAnswered(Event):
    step: int
    addressed: str
    ok: bool


@event
class LockRequested(Event):
    step: int
    name: str


@event
class LockAcquired(Event):
    step: int
    name: str
    token: int


@event
class LockForgotten(Event):
    step: int
    name: str


@event
class LockReleased(Event):
    step: int
    name: str


# ------------------------------------------------------------------ a schedule


@event
class ScheduleCreated(Event):
    """Events of a schedule are of no run: ``run_id`` is empty, ``seq`` counts in the schedule's own log."""

    schedule: str
    workflow: str


@event
class ScheduleUpdated(Event):
    schedule: str


@event
class SchedulePaused(Event):
    schedule: str
    reason: str | None


@event
class ScheduleResumed(Event):
    schedule: str


@event
class ScheduleDeleted(Event):
    schedule: str


@event
class ScheduleFired(Event):
    schedule: str
    time: int
    """When it was due by its times, in ms; the jitter comes on top."""
    run: str
    late_ms: int


@event
class ScheduleTriggered(Event):
    schedule: str
    run: str


@event
class ScheduleQueued(Event):
    schedule: str
    time: int
    behind: str


@event
class ScheduleSkipped(Event):
    schedule: str
    time: int
    reason: str


@event
class ScheduleMissed(Event):
    schedule: str
    count: int
    first: int
    last: int


@event
class ScheduleFailed(Event):
    schedule: str
    time: int
    error: Facts


@event
class ScheduleStopped(Event):
    schedule: str
    error: Facts


@event
class ScheduleBackfilled(Event):
    schedule: str
    started: int
    queued: int
    existed: int


@event
class ChildrenAwaited(Event):
    step: int
    children: int


@event
class ChildrenCancelRequested(Event):
    children: int


@event
class ScopeOpened(Event):
    step: int
    deadline: int


@event
class ScopeTimedOut(Event):
    deadline: int


@event
class ScopeClosed(Event):
    step: int
    timed_out: bool


@event
class CompensationStarted(Event):
    step: int
    size: int


@event
class CompensationCompleted(Event):
    step: int


@event
class CompensationFailed(Event):
    step: int
    error: Facts


# ------------------------------------------------------------------ from one engine to another


@event
class RunKeptBack(Event):
    """It is to begin on the server at ``url``, and does nothing until that one has taken it."""

    url: str


@event
class RunHandedOff(Event):
    """From here on another engine decides; ``url`` is empty if that one has fetched it."""

    url: str
    handoff_id: str
    moves: int


@event
class RunReceived(Event):
    handoff_id: str
    moves: int
    origin: str


@event
class RunTakenBack(Event):
    """It was not wanted there, or was asked for again before it had come there."""

    url: str
    handoff_id: str
    moves: int
    reason: str


# ------------------------------------------------------------------ made while reading, never stored


@event
class EventsExpired(Event):
    """Stands in a run's history for its older events, which its retention keeps no longer: ``first_seq`` is the number
    of the first event there is."""

    first_seq: int


@event
class EventsUnreadable(Event):
    """Stands in the engine-wide feed for ``count`` events whose record is damaged (G18); ``seq`` is the first."""

    count: int
    error: Facts
