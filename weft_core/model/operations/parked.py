"""What a task waits for that waits for nothing of its own: for its run to begin, or to be resumed."""

from __future__ import annotations

from typing import Any

from weft_core.model.operations.base import Operation


class StartLater(Operation[None]):
    """The first operation of a run that was started with a delay: its body has not begun.

    ``gathered`` is its input, a list that grows meanwhile; the very list that its frame holds.
    """

    __slots__ = ("deadline_ms", "gathered")
    kind = "start"

    def __init__(self, deadline_ms: int, gathered: list[Any] | None = None) -> None:
        self.deadline_ms, self.gathered = deadline_ms, gathered

    def state(self) -> list[Any]:
        return [self.deadline_ms] if self.gathered is None else [self.deadline_ms, self.gathered]

    def load(self, state: list[Any]) -> None:
        self.__init__(*state)  # type: ignore[misc]


class AwaitResume(Operation[None]):
    """Its outcome is here, and its run is suspended. The outcome is in the note."""

    kind = "resume"
