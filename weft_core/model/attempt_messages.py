"""What else can happen to an attempt but that it ends: its turn in a queue, heartbeats, completion from outside,
verification."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from weft_core.model.messages import StepMessage


@dataclass(slots=True)
class SlotGiven(StepMessage):
    """The step has waited in a queue, and its turn has come. ``place`` goes to the attempt."""

    task: int
    step: int
    place: Any


@dataclass(slots=True)
class HeartbeatGiven(StepMessage):
    """Details of a heartbeat, encoded, that are to be durable."""

    task: int
    step: int
    attempt: int
    details: bytes


@dataclass(slots=True)
class TokenIssued(StepMessage):
    """The attempt has read its completion token; ``mark`` is its hash."""

    task: int
    step: int
    attempt: int
    mark: str


@dataclass(slots=True)
class AttemptParked(StepMessage):
    """The activity has returned; whoever holds its token completes it.

    ``remaining_ms`` is what is left of its timeout, ``details`` those of a heartbeat that is not durable yet.
    """

    task: int
    step: int
    attempt: int
    remaining_ms: int | None = None
    details: bytes | None = None


@dataclass(slots=True)
class OutsideAnswer(StepMessage):
    """The outcome of a step, from the holder of a completion token. ``digest`` tells it from another answer."""

    task: int
    step: int
    mark: str
    digest: bytes
    value: Any = None
    encoded: bytes | None = None
    error: BaseException | None = None
    told: tuple[str, str] | None = None
    """A failure that is no exception: its type and its text."""
    accepted: bool = False
    """Set by the turn that takes it."""


@dataclass(slots=True)
class OutsideHeartbeat(StepMessage):
    """A sign of life from the holder of a completion token, perhaps with details."""

    task: int
    step: int
    mark: str
    details: bytes | None = None
    accepted: bool = False


@dataclass(slots=True)
class Verified(StepMessage):
    """``verify`` has looked at what an attempt of unknown outcome did; or has raised ``error``."""

    task: int
    step: int
    verdict: Literal["done", "not_done", "unknown"] | None = None
    value: Any = None
    encoded: bytes | None = None
    reason: str | None = None
    error: BaseException | None = None
