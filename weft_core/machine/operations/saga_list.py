"""``await ctx.saga([...])``: the list form. The note is ``[values so far, failure]``; the failure waits until what was
done is undone."""

from __future__ import annotations

from typing import Any

from weft_core.errors import RunCancelled
from weft_core.machine.operations.base import BaseHooks
from weft_core.machine.operations.group import add_branch
from weft_core.machine.turn import Turn
from weft_core.model.operations import Compensate, Operation, RunActivity, RunSaga
from weft_core.model.run import Task


class RunSagaHooks(BaseHooks):
    plain = False  # values and failure are the author's
    skippable = False  # its branch is

    def begin(self, turn: Turn, task: Task, op: RunSaga) -> None:
        task.wait = [[], None]
        self._next(turn, task, op)

    def _next(self, turn: Turn, task: Task, op: RunSaga) -> None:
        values: list[Any] = task.wait[0]
        if len(values) == len(op.steps):
            turn.answer(task, values)
            return
        do, *args, _ = op.steps[len(values)]
        self._begin(turn, task, RunActivity(do, tuple(args)))

    @staticmethod
    def _begin(turn: Turn, task: Task, branch: Operation[Any]) -> None:
        turn.begin(add_branch(turn, task, branch), branch)

    def child_done(self, turn: Turn, task: Task, child: Task, ok: bool, value: Any) -> None:
        op = task.op
        assert isinstance(op, RunSaga)
        values, failure = task.wait
        if failure is not None:  # all is undone
            turn.fail(task, failure)
        elif ok:
            values.append(value)
            self._next(turn, task, op)
        else:
            task.wait[1] = value
            undo = [RunActivity(step[-1], (done,)) for step, done in zip(op.steps, values, strict=False)]
            self._begin(turn, task, Compensate(undo[::-1]))

    def cancel(self, turn: Turn, task: Task) -> bool:
        if task.wait[1] is not None:
            task.wait[1] = RunCancelled()  # what undoes it runs to its end (G13)
            return False
        for child in [t for t in turn.run.tasks.values() if t.parent == task.id]:
            turn.cancel_task(child)
        return False

    def drop(self, turn: Turn, task: Task) -> None:
        """Its branch lets go by itself."""
