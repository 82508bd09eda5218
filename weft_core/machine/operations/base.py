"""The hooks that every kind of operation has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weft_core.model.run import Task

if TYPE_CHECKING:
    from weft_core.machine.turn import Turn


class Hooks:
    """How one kind of operation begins, is woken, is let go of, and is derived again after a crash.

    ``begin`` either answers at once (``turn.answer`` / ``turn.fail``) or leaves a durable note in ``task.wait``.
    """

    def begin(self, turn: Turn, task: Task, op: Any) -> None:
        raise NotImplementedError

    def deliver(self, turn: Turn, task: Task, message: Any) -> None:
        """A message for this very step."""

    def child_done(self, turn: Turn, task: Task, child: Task, ok: bool, value: Any) -> None:
        """A branch of this operation has ended."""
        raise NotImplementedError

    def cancel(self, turn: Turn, task: Task) -> bool:
        """Let go of what is waited for. True: let go; False: it will end later, and ``child_done`` tells."""
        raise NotImplementedError

    def recover(self, turn: Turn, task: Task) -> None:
        """Do again what a crash may have lost; storing a timer again is harmless."""

    def in_flight(self, task: Task) -> bool:
        """True while something runs that would be lost with this process."""
        return False

    def describe(self, task: Task) -> dict[str, Any]:
        """What the task waits for, for people: kind, name, and perhaps attempt and deadline (epoch ms)."""
        assert task.op is not None
        return {"kind": task.op.kind, "name": task.op.label, "step": task.step, "task": task.id}
