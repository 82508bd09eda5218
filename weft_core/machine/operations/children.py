"""``ctx.child``, ``ctx.start_child``, a child's ``result``, ``signal`` and ``cancel``: other runs, spoken to by posts.

The note of a child is ``[phase, child id, cancelled]``; the others have none. What is asked lies in the store until it
has been acted on, so that nothing is to be done again after a crash.
"""

from __future__ import annotations

from typing import Any

from weft_core import codec
from weft_core.errors import (
    LimitExceededError,
    OperationMisuseError,
    PayloadTooLargeError,
    RunCancelled,
    WeftError,
)
from weft_core.machine import failure
from weft_core.machine.operations.base import BaseHooks
from weft_core.machine.outcomes import error_of, value_of
from weft_core.machine.turn import Turn
from weft_core.model.messages import Reply
from weft_core.model.names import check_id, check_text, check_told
from weft_core.model.operations import CancelRun, ChildHandle, JoinChildren, SignalRun, StartChild, WaitRun
from weft_core.model.run import UNBEGUN, Task

STARTING, WAITING = 0, 1


class AskingHooks(BaseHooks):
    """Answered by another run, which knows the step that asked: put back, it must ask again."""

    def anew(self, wait: Any) -> Any:
        return UNBEGUN


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


class WaitRunHooks(AskingHooks):
    def begin(self, turn: Turn, task: Task, op: WaitRun) -> None:
        check_id(op.run_id, "the id of an awaited run", turn.rules.limits)
        if op.run_id == turn.run.id:
            raise OperationMisuseError(operation="ctx.result_of", reason="a run that waits for its own end never ends")
        turn.event("run_awaited", step=task.step, awaited=op.run_id)
        task.wait = [op.run_id]
        turn.post(op.run_id, ["watch", *turn.address(task)])

    def deliver(self, turn: Turn, task: Task, message: Reply) -> None:
        turn.event("run_awaited_ended", step=task.step, awaited=task.wait[0])
        settle(turn, task, message)

    def cancel(self, turn: Turn, task: Task) -> bool:
        turn.event("run_forgotten", step=task.step, awaited=task.wait[0])
        turn.post(task.wait[0], ["unwatch", *turn.address(task)])
        return True

    def drop(self, turn: Turn, task: Task) -> None:
        self.cancel(turn, task)


class SpeakHooks(AskingHooks):
    """Speaking to another run. Done when that has been decided there; refused when there is no such unfinished run."""

    def begin(self, turn: Turn, task: Task, op: SignalRun | CancelRun) -> None:
        asking, limits = turn.address(task), turn.rules.limits
        check_id(op.run_id, "the id of another run", limits)
        if isinstance(op, SignalRun):
            check_text(op.name, "the name of a signal", limits)
            if op.signal_id is not None:
                check_id(op.signal_id, "a signal_id", limits)
            (payload,) = turn.copy((op.payload,), f"the payload of signal {op.name}")
            content = ["signal", op.name, codec.dumps(payload), op.signal_id, *asking]
        else:
            check_told("ctx.cancel", turn.rules.limits, reason=op.reason)
            content = ["cancel", op.reason, *asking]
        turn.event("run_addressed", step=task.step, addressed=op.run_id, how=content[0])
        task.wait = [op.run_id]
        turn.post(op.run_id, content)

    def deliver(self, turn: Turn, task: Task, message: Reply) -> None:
        turn.event("run_answered", step=task.step, addressed=task.wait[0], ok=message.ok)
        if message.ok:
            turn.answer(task, None)
        else:
            turn.fail(task, error_of(message.data))

    def cancel(self, turn: Turn, task: Task) -> bool:
        return True


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


def settle(turn: Turn, task: Task, message: Reply) -> None:
    """Answer with how another run has ended."""
    if not message.ok:
        turn.fail(task, error_of(message.data))
        return
    try:
        value = value_of(message.data)
    except WeftError as ending:
        turn.fail(task, ending)
    else:
        turn.answer(task, value)
