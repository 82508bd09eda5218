"""What a task waits for that waits for nothing of its own: for its run to begin, or to be resumed."""

from __future__ import annotations

from weft_core.model.operations.base import Operation


class StartLater(Operation[None]):
    """The first operation of a run that was started with a delay: its body has not begun."""

    __slots__ = ("deadline_ms",)
    kind = "start"

    def __init__(self, deadline_ms: int) -> None:
        self.deadline_ms = deadline_ms


class AwaitResume(Operation[None]):
    """Its outcome is here, and its run is suspended. The outcome is in the note."""

    kind = "resume"
