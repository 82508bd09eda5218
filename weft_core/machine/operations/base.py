"""What the kinds of operation have in common."""

from __future__ import annotations

from typing import Any

from weft_core.machine.turn import Turn
from weft_core.model.run import Task


class BaseHooks:
    """The hooks of an operation (:class:`weft_core.machine.turn.Hooks`), with the answers that most kinds give."""

    plain = True
    """Whether ``task.wait`` holds nothing but msgpack's own types."""
    skippable = True
    """Whether somebody may answer it by hand; then ``cancel`` lets go at once."""

    def begin(self, turn: Turn, task: Task, op: Any) -> None:
        raise NotImplementedError

    def deliver(self, turn: Turn, task: Task, message: Any) -> None:
        """Nothing but branches wakes this kind."""

    def child_done(self, turn: Turn, task: Task, child: Task, ok: bool, value: Any) -> None:
        raise NotImplementedError

    def cancel(self, turn: Turn, task: Task) -> bool:
        raise NotImplementedError

    def drop(self, turn: Turn, task: Task) -> None:
        """The run is terminated: let go of timers and attempts. No code of the author's runs any more."""
        self.cancel(turn, task)

    def recover(self, turn: Turn, task: Task) -> None:
        """Nothing of this kind is lost in a crash."""

    def release(self, turn: Turn, task: Task) -> None:
        """Nothing of this kind waits for its run to be resumed."""

    def hurry(self, turn: Turn, task: Task) -> None:
        """Nothing of this kind is tried again."""

    def anew(self, wait: Any) -> Any:
        """A stored note for a run that is put back to it: nothing is under way, and what it says of time stands.
        ``UNBEGUN``: it must be begun again. Only for kinds whose notes are plain."""
        return wait

    def in_flight(self, task: Task) -> bool:
        """True while something runs that would be lost with this process."""
        return False

    def describe(self, wait: Any) -> dict[str, Any]:
        """What people want to know of a stored note: perhaps ``attempt`` and ``deadline`` (epoch ms)."""
        return {}


class TimedHooks(BaseHooks):
    """Of waits that may end with time. The note is ``[deadline_ms or 0]``."""

    def _wait(self, turn: Turn, task: Task, timeout_ms: int | None) -> None:
        """Wait from now on, for as long as that."""
        deadline = turn.rules.now_ms() + timeout_ms if timeout_ms is not None else 0
        task.wait = [deadline]
        if deadline:
            turn.add_timer(task, deadline)

    def _forget_timer(self, turn: Turn, task: Task) -> None:
        if task.wait and task.wait[0]:
            turn.drop_timer(task, task.wait[0])

    def cancel(self, turn: Turn, task: Task) -> bool:
        self._forget_timer(turn, task)
        return True

    def describe(self, wait: Any) -> dict[str, Any]:
        return {"deadline": wait[0] or None}
