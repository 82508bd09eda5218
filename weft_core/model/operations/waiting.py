"""Wait for time, or for a message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from weft_core.model.operations.base import Operation

T = TypeVar("T")


class Sleep(Operation[None]):
    """Wait for a length of time, or until an instant; exactly one of the two is set."""

    __slots__ = ("deadline_ms", "delay_ms")
    kind = "sleep"

    def __init__(self, delay_ms: int | None = None, deadline_ms: int | None = None) -> None:
        self.delay_ms, self.deadline_ms = delay_ms, deadline_ms

    def state(self) -> list[Any]:
        return [self.delay_ms, self.deadline_ms]

    def load(self, state: list[Any]) -> None:
        self.delay_ms, self.deadline_ms = state


class WaitMessage(Operation[T]):
    """Take the oldest buffered message of a name, or wait for the next."""

    __slots__ = ("name", "timeout_ms")

    def __init__(self, name: str, timeout_ms: int | None = None) -> None:
        self.name, self.timeout_ms = name, timeout_ms

    def state(self) -> list[Any]:
        return [self.name, self.timeout_ms]

    def load(self, state: list[Any]) -> None:
        self.name, self.timeout_ms = state

    @property
    def label(self) -> str:
        return self.name


class WaitSignal(WaitMessage[Any]):
    """For a signal."""

    __slots__ = ()
    kind = "signal"


class WaitUntil(Operation[None]):
    """Wait until a condition on the workflow's own state holds."""

    __slots__ = ("condition", "timeout_ms")
    kind = "until"

    def __init__(self, condition: Callable[[], Any], timeout_ms: int | None = None) -> None:
        self.condition, self.timeout_ms = condition, timeout_ms

    def state(self) -> list[Any]:
        return [self.condition, self.timeout_ms]

    def load(self, state: list[Any]) -> None:
        self.condition, self.timeout_ms = state
