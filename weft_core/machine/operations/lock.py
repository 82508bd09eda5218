"""``ctx.mutex`` and ``ctx.semaphore``: asking ``machine/shared/lock.py``. The note is the lock's name."""

from __future__ import annotations

from weft_core.machine.operations.asking import AskingHooks
from weft_core.machine.outcomes import error_of
from weft_core.machine.turn import Turn
from weft_core.model.messages import Reply
from weft_core.model.names import check_id
from weft_core.model.operations import Acquire, Release
from weft_core.model.run import Task


class AcquireHooks(AskingHooks):
    def begin(self, turn: Turn, task: Task, op: Acquire) -> None:
        check_id(op.name, "the name of a lock", turn.rules.limits)
        turn.event("lock_requested", step=task.step, name=op.name)
        task.wait = [op.name]
        turn.ask(task, "lock", op.name, ["acquire", op.permits])
        # From here on: the lock must hear of the run's end also if nobody can tell it that the run waits no more.
        turn.run.notes.setdefault("holds", []).append(f"lock/{op.name}")

    def deliver(self, turn: Turn, task: Task, message: Reply) -> None:
        (name,) = task.wait
        if not message.ok:
            _let_go(turn, task, name)
            turn.fail(task, error_of(message.data))
            return
        turn.event("lock_acquired", step=task.step, name=name, token=message.data)
        turn.run.notes.setdefault("granted", {})[task.id] = [task.step, name]
        turn.answer(task, message.data)

    def cancel(self, turn: Turn, task: Task) -> bool:
        (name,) = task.wait
        turn.event("lock_forgotten", step=task.step, name=name)
        turn.ask(task, "lock", name, ["forget", *turn.address(task)[1:]])
        _let_go(turn, task, name)
        return True

    def drop(self, turn: Turn, task: Task) -> None:
        """The farewell of its run tells the lock."""

    @staticmethod
    def never_seen(turn: Turn, task: Task) -> None:
        """A cancel has come between the grant and who asked for it: nobody would give it back before the run ends."""
        step, name = turn.run.notes["granted"].get(task.id, (0, ""))
        if step == task.step:
            turn.event("lock_forgotten", step=step, name=name)
            turn.ask(task, "lock", name, ["forget", *turn.address(task)[1:]])
            _let_go(turn, task, name)


class ReleaseHooks(AskingHooks):
    skippable = False  # it is answered soon

    def begin(self, turn: Turn, task: Task, op: Release) -> None:
        check_id(op.name, "the name of a lock", turn.rules.limits)
        turn.event("lock_released", step=task.step, name=op.name)
        task.wait = [op.name]
        turn.ask(task, "lock", op.name, ["release", op.token])

    def deliver(self, turn: Turn, task: Task, message: Reply) -> None:
        _let_go(turn, task, *task.wait)
        turn.answer(task, None)

    def cancel(self, turn: Turn, task: Task) -> bool:
        return False  # it is on its way, and answered soon


def _let_go(turn: Turn, task: Task, name: str) -> None:
    """One permit of the lock less that the run has, or asks for."""
    held = turn.run.notes.get("holds", [])
    turn.run.notes.get("granted", {}).pop(task.id, None)
    if f"lock/{name}" in held:
        held.remove(f"lock/{name}")
    if not held:
        for note in ("holds", "granted"):
            turn.run.notes.pop(note, None)
