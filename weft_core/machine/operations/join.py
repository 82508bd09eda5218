"""The end of a run that waits for its children. The note is ``[ok, value, children left]``: how the body has ended."""

from __future__ import annotations

from typing import Any

from weft_core import codec
from weft_core.errors import (
    RunCancelled,
    WeftError,
)
from weft_core.machine import failure
from weft_core.machine.operations.base import BaseHooks
from weft_core.machine.turn import Turn
from weft_core.model.messages import Reply
from weft_core.model.operations import JoinChildren
from weft_core.model.run import Task


class JoinHooks(BaseHooks):
    """The note is ``[ok, value, children left]``: how the body has ended, and how many of its children have not."""

    plain = False  # the outcome is a value of the author's
    skippable = False  # the body is over

    def hold(self, turn: Turn, task: Task, ok: bool, value: Any) -> None:
        """Begin: the end of the run waits for its children."""
        children = turn.run.notes.pop("await")
        ok, value = _storable(turn, ok, value)
        turn.run.steps += 1
        task.op, task.step, task.wait = JoinChildren(), turn.run.steps, [ok, value, children]
        turn.event("children_awaited", step=task.step, children=len(children))
        for child_id in children:
            turn.post(child_id, ["watch", *turn.address(task)])
        if isinstance(value, RunCancelled):
            self._cancel_children(turn, children)

    def deliver(self, turn: Turn, task: Task, message: Reply) -> None:
        ok, value, children = task.wait
        ended = message.data[0] if message.ok else message.data["run"]
        if ended in children:
            children.remove(ended)
        if not children:
            task.op, task.wait = None, []
            turn.ready.append((task, ok, value))

    def cancel(self, turn: Turn, task: Task) -> bool:
        task.wait[:2] = [False, RunCancelled()]
        self._cancel_children(turn, task.wait[2])
        return False

    @staticmethod
    def _cancel_children(turn: Turn, children: list[str]) -> None:
        turn.event("children_cancel_requested", children=len(children))
        for child_id in children:
            turn.post(child_id, ["cancel", f"its parent run {turn.run.id} was cancelled"])

    def drop(self, turn: Turn, task: Task) -> None:
        """Nobody waits for them any more."""


def _storable(turn: Turn, ok: bool, value: Any) -> tuple[bool, Any]:
    """How the body has ended, as a checkpoint can hold it; a value that none can hold fails the run, as it would."""
    if isinstance(value, RunCancelled):
        return ok, value
    if not ok:
        return False, failure.durable_error(value, turn.run.header.workflow)
    try:
        codec.dumps(value)
    except WeftError as refusal:
        return False, refusal
    return True, value
