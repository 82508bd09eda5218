"""``ctx.child`` and ``ctx.start_child``. The note is ``[phase, child id, cancelled]``."""

from __future__ import annotations

from weft_core import codec
from weft_core.errors import (
    LimitExceededError,
    PayloadTooLargeError,
    RunCancelled,
)
from weft_core.machine.operations.asking import AskingHooks, settle
from weft_core.machine.outcomes import error_of
from weft_core.machine.turn import Turn
from weft_core.model.messages import Reply
from weft_core.model.names import check_id
from weft_core.model.operations import ChildHandle, StartChild
from weft_core.model.run import Task

STARTING, WAITING = 0, 1


class ChildHooks(AskingHooks):
    skippable = False  # its end is awaited

    def begin(self, turn: Turn, task: Task, op: StartChild) -> None:
        header = turn.run.header
        if op.id is not None:
            check_id(op.id, "the id of a child run", turn.rules.limits)
        data = codec.dumps(list(op.inputs), externals=turn.run.externals)
        if len(data) > turn.rules.limits.max_payload_bytes:
            raise PayloadTooLargeError(what=f"the input of child {op.workflow}", actual=len(data),
                                       limit=turn.rules.limits.max_payload_bytes)  # fmt: skip
        depth = header.lineage.get("depth", 0) + 1
        if depth > turn.rules.limits.max_child_depth:
            raise LimitExceededError(what="the nesting of child runs", actual=depth,
                                     limit=turn.rules.limits.max_child_depth)  # fmt: skip
        again = f"~{header.generation}" if header.generation else ""
        child_id = op.id or f"{header.id}:{task.step}{again}"
        deadline = turn.rules.now_ms() + op.timeout_ms if op.timeout_ms is not None else 0
        headers = {**header.headers, **(op.headers or {})}
        options = {"id": child_id, "deadline": deadline, "headers": headers, "lineage": {"depth": depth}}
        turn.event("child_requested", step=task.step, workflow=op.workflow, child_id=child_id)
        task.wait = [STARTING, child_id, False]
        turn.spawn([op.workflow, data, options, [*turn.address(task), op.policy]])

    def deliver(self, turn: Turn, task: Task, message: Reply) -> None:
        op = task.op
        assert isinstance(op, StartChild)
        if task.wait[0] == STARTING:
            self._started(turn, task, op, message)
        else:
            self._ended(turn, task, message)

    def _started(self, turn: Turn, task: Task, op: StartChild, message: Reply) -> None:
        _, child_id, cancelled = task.wait
        if not message.ok:
            error = error_of(message.data)
            turn.event("child_refused", step=task.step, child_id=child_id, error=message.data.get("message"))
            turn.fail(task, RunCancelled() if cancelled else error)
            return
        turn.event("child_started", step=task.step, child_id=child_id)
        if not op.wait:
            if op.policy == "await":
                turn.run.notes.setdefault("await", []).append(child_id)
            if cancelled:
                turn.fail(task, RunCancelled())
            else:
                turn.answer(task, ChildHandle(child_id))
            return
        task.wait[0] = WAITING
        turn.post(child_id, ["watch", *turn.address(task)])
        if cancelled:
            self._cancel_child(turn, task)

    @staticmethod
    def _ended(turn: Turn, task: Task, message: Reply) -> None:
        _, child_id, cancelled = task.wait
        turn.event("child_ended", step=task.step, child_id=child_id, status=message.data[2] if message.ok else None)
        if cancelled:
            turn.fail(task, RunCancelled())
        else:
            settle(turn, task, message)

    @staticmethod
    def _cancel_child(turn: Turn, task: Task) -> None:
        turn.post(task.wait[1], ["cancel", f"its parent run {turn.run.id} stopped waiting for it"])

    def cancel(self, turn: Turn, task: Task) -> bool:
        """A child that is awaited ends with its branch: it is asked to stop, and its end is awaited (G13)."""
        op = task.op
        assert isinstance(op, StartChild)
        if op.policy == "abandon" and task.wait[0] == WAITING:
            turn.event("run_forgotten", step=task.step, awaited=task.wait[1])
            turn.post(task.wait[1], ["unwatch", *turn.address(task)])
            return True
        if not task.wait[2]:
            task.wait[2] = True
            if task.wait[0] == WAITING:
                turn.event("child_cancel_requested", step=task.step, child_id=task.wait[1])
                self._cancel_child(turn, task)
        return False

    def drop(self, turn: Turn, task: Task) -> None:
        """Its close policy says what becomes of it."""
