"""What travels to the pump, and what one commit of it holds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from weft_core.machine import records
from weft_core.machine.effects import Effect
from weft_core.machine.shared import Caller
from weft_core.model.messages import Message
from weft_core.model.run import RunHeader, RunState
from weft_core.ports import Op, StorageTransaction

Visit = Callable[[RunState], Any]
Write = Callable[[RunState, int], list[Op]]
"""A visit, at this time (epoch ms), that writes records of the run beside its checkpoint."""
Plan = Callable[[], Awaitable[list[Op]]]
Job = Callable[["Batch", int], Awaitable["Envelope | None"]]
"""Work on what is stored of a run, which nothing else changes meanwhile: adds to the batch what it writes, at this time
(epoch ms), and may return a message that is decided in the same batch."""


@dataclass(slots=True)
class Envelope:
    """A message on its way to a run, or a visit that only looks. Without a run id: only ``extra`` is written.

    ``plan`` says what is to be written of a run that is not live, when no turn of it is under way; a ``job`` does that
    for any run, and begins a batch.
    """

    run_id: str
    message: Message | None = None
    visit: Visit | None = None
    write: Write | None = None
    new: RunState | None = None
    plan: Plan | None = None
    job: Job | None = None
    extra: list[Op] = field(default_factory=list)
    alone: Callable[[], Awaitable[list[Op]]] | None = None
    """Decides what to write from what is stored, in a batch of its own after all before it."""
    reply: asyncio.Future[Any] | None = None
    shared: tuple[str, str] | None = None
    """(kind, name) of the shared object that ``request`` is for."""
    request: list[Any] = field(default_factory=list)
    """``[request, run id, task, step]``."""
    reply_to: Caller | None = None
    """The step of another run that must hear, durably, what becomes of this."""
    post_id: str = ""
    """Names what is left for others when this is decided."""
    answer: Any = None

    def resolve(self) -> None:
        if self.reply is not None and not self.reply.done():
            self.reply.set_result(self.answer)

    def reject(self, error: BaseException) -> None:
        if self.reply is not None and not self.reply.done():
            self.reply.set_exception(error)
            self.reply.exception()  # seen: who asked may be gone, and Python would complain later, amid something else


@dataclass(slots=True)
class Batch:
    """What one commit writes, and what waits for it."""

    ops: list[Op] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    runs: list[RunState] = field(default_factory=list)
    events: list[tuple[str, int, int, list[records.Event]]] = field(default_factory=list)
    position: int = 0
    """Number of this commit in the feed, if it has events."""
    envelopes: list[Envelope] = field(default_factory=list)
    ended: list[RunHeader] = field(default_factory=list)
    """Runs that finished or stopped."""
    written: set[str] = field(default_factory=set)
    """Runs of which records were written that may come without events."""
    announced: list[dict[str, Any]] = field(default_factory=list)
    """Events of no run, for listeners."""
    through: StorageTransaction | None = None
    """Begun, with statements of the author's in it: it commits the batch."""
    stopped: set[str] = field(default_factory=set)
    """Runs whose records this batch changes without their frames; what comes next for them waits for the commit."""
