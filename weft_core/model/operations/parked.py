"""What a task waits for that waits for nothing of its own: for its run to begin, or to be resumed."""

from __future__ import annotations

from typing import Any

from weft_core.model.operations.base import Operation


class StartLater(Operation[None]):
    """The first operation of a run that was started with a delay: its body has not begun.

    ``deadline_ms`` is 0 if only other runs are in its way. ``gathered`` is its input, a list that grows meanwhile; the
    very list that its frame holds. ``admission`` is ``[name, limit, on_limit]`` of what it must be admitted by then.
    """

    __slots__ = ("admission", "deadline_ms", "gathered")
    kind = "start"

    def __init__(
        self, deadline_ms: int, gathered: list[Any] | None = None, admission: list[Any] | None = None
    ) -> None:  # fmt: skip
        self.deadline_ms, self.gathered, self.admission = deadline_ms, gathered, admission

    def state(self) -> list[Any]:
        full = [self.deadline_ms, self.gathered, self.admission]
        while full[-1] is None:
            full.pop()
        return full

    def load(self, state: list[Any]) -> None:
        self.__init__(*state)  # type: ignore[misc]


class AwaitResume(Operation[None]):
    """Its outcome is here, and its run is suspended. The outcome is in the note."""

    kind = "resume"
