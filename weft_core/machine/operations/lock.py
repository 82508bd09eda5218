"""``ctx.mutex`` and ``ctx.semaphore``: asking ``machine/shared/lock.py``. The note is the lock's name."""

from __future__ import annotations

from weft_core.machine.operations.children import AskingHooks
from weft_core.machine.outcomes import error_of
from weft_core.machine.turn import Turn
from weft_core.model.messages import Reply
from weft_core.model.operations import Acquire, Release
from weft_core.model.run import Task


class AcquireHooks(AskingHooks):
    def begin(self, turn: Turn, task: Task, op: Acquire) -> None:
        turn.event("lock_requested", step=task.step, name=op.name)
        task.wait = [op.name]
        turn.ask(task, "lock", op.name, ["acquire", op.permits])

    def deliver(self, turn: Turn, task: Task, message: Reply) -> None:
        (name,) = task.wait
        if not message.ok:
            turn.fail(task, error_of(message.data))
            return
        turn.event("lock_acquired", step=task.step, name=name, token=message.data)
        turn.run.notes.setdefault("holds", []).append(f"lock/{name}")
        turn.answer(task, message.data)

    def cancel(self, turn: Turn, task: Task) -> bool:
        (name,) = task.wait
        turn.event("lock_forgotten", step=task.step, name=name)
        turn.ask(task, "lock", name, ["forget", task.id, task.step])
        return True


class ReleaseHooks(AskingHooks):
    skippable = False  # it is answered soon

    def begin(self, turn: Turn, task: Task, op: Release) -> None:
        turn.event("lock_released", step=task.step, name=op.name)
        task.wait = [op.name]
        turn.ask(task, "lock", op.name, ["release", op.token])

    def deliver(self, turn: Turn, task: Task, message: Reply) -> None:
        (name,) = task.wait
        held = turn.run.notes.get("holds", [])
        if f"lock/{name}" in held:
            held.remove(f"lock/{name}")
        if not held:
            turn.run.notes.pop("holds", None)
        turn.answer(task, None)

    def cancel(self, turn: Turn, task: Task) -> bool:
        return False  # it is on its way, and answered soon
