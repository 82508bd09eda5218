"""Sagas: ``saga.run`` and compensations.

The note of a step is empty, its branch is a task of its own. That of compensations is ``[position, cancelled]``: which
one runs, and whether the run was cancelled meanwhile, which does not stop them.
"""

from __future__ import annotations

from typing import Any

from weft_core.errors import OperationMisuseError, RunCancelled
from weft_core.machine import failure
from weft_core.machine.operations.base import BaseHooks
from weft_core.machine.operations.group import add_branch, begin_branch, check_branch
from weft_core.machine.turn import Turn
from weft_core.model.operations import Compensate, NeedsAttention, Operation, SagaStep
from weft_core.model.run import Task


class SagaStepHooks(BaseHooks):
    skippable = False  # its branch is

    def begin(self, turn: Turn, task: Task, op: SagaStep) -> None:
        turn.begin(add_branch(turn, task, op.branch), op.branch)

    def child_done(self, turn: Turn, task: Task, child: Task, ok: bool, value: Any) -> None:
        op = task.op
        assert isinstance(op, SagaStep)
        if ok:
            op.saga.add(op.undoing(value))
            turn.answer(task, value)
        else:
            turn.fail(task, value)

    def cancel(self, turn: Turn, task: Task) -> bool:
        for child in [t for t in turn.run.tasks.values() if t.parent == task.id]:
            turn.cancel_task(child)
        return False

    def drop(self, turn: Turn, task: Task) -> None:
        """Its branch lets go by itself."""


class CompensateHooks(BaseHooks):
    skippable = False  # its branch is

    def begin(self, turn: Turn, task: Task, op: Compensate) -> None:
        task.wait = [0, op.then_cancelled]
        if not op.branches:
            turn.answer(task, None)
            return
        turn.event("compensation_started", step=task.step, size=len(op.branches))
        self._next(turn, task, op)

    def _next(self, turn: Turn, task: Task, op: Compensate) -> None:
        position = task.wait[0]
        branch = op.branches[position]
        if not isinstance(branch, Operation):
            op.branches[position] = None  # its task has it; a call that has come to its end cannot be stored
        try:
            check_branch("a saga's compensation", branch)
        except OperationMisuseError as misuse:  # a person must see to this one; those after it are still to be done
            turn.ready.append((add_branch(turn, task, NeedsAttention(None)), False, misuse))
            return
        begin_branch(turn, add_branch(turn, task, branch), branch)

    def child_done(self, turn: Turn, task: Task, child: Task, ok: bool, value: Any) -> None:
        op = task.op
        assert isinstance(op, Compensate)
        position, cancelled = task.wait
        if not ok:
            self._park(turn, task, op.branches[position], value)
            return
        task.wait[0] = position = position + 1
        if position < len(op.branches):
            self._next(turn, task, op)
            return
        turn.event("compensation_completed", step=task.step)
        if cancelled:
            turn.fail(task, RunCancelled())
        else:
            turn.answer(task, None)

    @staticmethod
    def _park(turn: Turn, task: Task, failed: Any, error: BaseException) -> None:
        turn.event("compensation_failed", step=task.step, error=failure.brief(error))
        turn.run.header.error = failure.record(error)
        again = failed if isinstance(failed, Operation) else None
        branch = NeedsAttention(again)
        turn.begin(add_branch(turn, task, branch), branch)

    def cancel(self, turn: Turn, task: Task) -> bool:
        task.wait[1] = True
        return False

    def drop(self, turn: Turn, task: Task) -> None:
        """Its branch lets go by itself."""


class NeedsAttentionHooks(BaseHooks):
    """The note is empty: it waits for a person."""

    def begin(self, turn: Turn, task: Task, op: NeedsAttention) -> None:
        task.wait = [0]
        turn.run.header.status, turn.header_changed = "needs_attention", True

    def release(self, turn: Turn, task: Task) -> None:
        """Try again, under the idempotency key of a new step: the receiver may have remembered the failure."""
        op = task.op
        assert isinstance(op, NeedsAttention)
        if op.failed is None:
            turn.answer(task, None)
        else:
            turn.begin(task, op.failed)

    def cancel(self, turn: Turn, task: Task) -> bool:
        return False  # compensations run to their end (G13)

    def drop(self, turn: Turn, task: Task) -> None:
        """It owns nothing."""
