"""What the shell does once a turn is durable. Every effect can be derived again from what is stored (G1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol


class PlaceInQueue(Protocol):
    """What an attempt has while it runs."""

    used: bool

    def around(self, fn: Callable[..., Any]) -> Callable[..., Any]: ...

    def over(self) -> None: ...


@dataclass(slots=True)
class StartAttempt:
    """Call an activity. ``args`` are copies: an activity cannot change the locals of the workflow that called it."""

    run_id: str
    workflow: str
    task: int
    step: int
    attempt: int
    activity: str
    fn: Callable[..., Any] | None
    args: tuple[Any, ...]
    timeout_ms: int | None
    idempotency_key: str | None
    generation: int = 0
    heartbeat_ms: int | None = None
    headers: dict[str, str] | None = None
    details: bytes | None = None
    """Of the last heartbeat of the attempts before, encoded."""
    verifies: bool = False
    """``fn`` is the activity's ``verify``: its value is a verdict on the attempt before."""
    place: PlaceInQueue | None = None
    """To be given back when it has ended."""
    origin: str = ""
    """Of the run, where its keys are not those of this store."""
    keep: str | None = None
    """Store its value as a blob under this key, "" for the number of the step."""


@dataclass(slots=True)
class StartTransaction(StartAttempt):
    """Call an activity in a transaction of the store's, which also holds its outcome."""


@dataclass(slots=True)
class StopAttempt:
    """The outcome of the attempt in flight for a step, if there is one, is no longer wanted: cancel it.

    With ``let_run`` it may end by itself: its work is done, and was answered for from outside.
    """

    run_id: str
    step: int
    let_run: bool = False


@dataclass(slots=True)
class JoinQueue:
    """A step waits in a queue: when its turn comes, tell it by a ``SlotGiven``."""

    run_id: str
    task: int
    step: int
    queue: str
    priority: int
    key: str | None
    ticket: int
    """Older ones come first."""


@dataclass(slots=True)
class LeaveQueue:
    """The step waits no more."""

    run_id: str
    step: int
    queue: str


@dataclass(slots=True)
class ArmTimer:
    """A timer record exists for this deadline: wake up then."""

    deadline_ms: int


@dataclass(slots=True)
class Post:
    """A record has been left for another run or for a shared object: bring it there. Whoever acts on it removes it in
    the batch that makes it so, so it arrives exactly once."""

    key: str
    content: list[Any]


Effect = StartAttempt | StartTransaction | StopAttempt | ArmTimer | Post | JoinQueue | LeaveQueue
