"""Shared objects: what several runs use at once. Each kind is one file with the same rule: decide one request.

A run asks by a record (``turn.ask``), and is answered by one; the object's own record and its answers are one batch.
So a request takes effect exactly once, whatever crashes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from weft_core.machine.shared.line import Pages
from weft_core.model.limits import Limits

Caller = tuple[str, int, int]
"""(run id, task, address of the step) of who asks (``RunHeader.address``)."""
OUTSIDE: Caller = ("", 0, 0)
"""A caller that is no run."""


@dataclass(slots=True)
class Decision:
    """What one request comes to, beside the new state."""

    now: int
    name: str
    limits: Limits
    replies: list[tuple[Caller, bool, Any]] = field(default_factory=list)
    """To whom, whether it went well, and plain data (an error record if not)."""
    cancels: list[tuple[str, str]] = field(default_factory=list)
    """Runs that are asked to stop, and why."""
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Told to listeners once they are durable; in no log, as they are of no run."""
    pages: Pages = field(default_factory=lambda: Pages({}))
    """Of the line of those who wait for the object."""

    def reply(self, caller: Caller, data: Any) -> None:
        self.replies.append((caller, True, data))

    def cancel(self, run_id: str, reason: str) -> None:
        self.cancels.append((run_id, reason))

    def event(self, type_: str, /, **data: Any) -> None:
        self.events.append((type_, data))


class SharedObject(Protocol):
    """The rules of one kind. State and requests are plain values; ``None`` is an object nobody has used."""

    kind: str

    def decide(self, decision: Decision, state: Any, request: list[Any], caller: Caller) -> Any:
        """The state after the request; None lets its record go. ``["gone"]``: the caller's run has ended.

        May raise a WeftError, which is the caller's answer; then nothing has changed.
        """
        ...
