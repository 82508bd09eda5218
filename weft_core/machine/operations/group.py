"""``ctx.all`` and ``ctx.race``: branches that are operations or whole durable coroutines.

The note is ``[children, outcomes, verdict]``: the branches' task ids, the outcomes so far by position
(``[ok, value, signals in it]``), and which position decided (None while undecided; -1 when the group itself is being
cancelled). A decided group cancels its other branches and goes on only when their ``finally`` blocks have run: no
branch outlives its group. Signals in outcomes that nobody will see go back to the mailbox (G7).
"""

from __future__ import annotations

from bisect import bisect_left
from types import CoroutineType, GeneratorType
from typing import Any

from weft_core import frames
from weft_core.errors import LimitExceededError, OperationMisuseError, RunCancelled
from weft_core.machine.operations.base import BaseHooks
from weft_core.machine.turn import Turn
from weft_core.model.operations import Group, Operation
from weft_core.model.run import BufferedSignal, Task

CANCELLED = -1


class GroupHooks(BaseHooks):
    plain = False  # outcomes are values of the author's
    skippable = False  # its branches are

    def begin(self, turn: Turn, task: Task, op: Group) -> None:
        self._check(turn, task, op)
        turn.event("group_started", step=task.step, kind=op.mode, size=len(op.branches))
        if not op.branches:
            turn.answer(task, self._result(op, {}, None))
            return
        children = [turn.run.add_task(task.id, None if isinstance(b, Operation) else b) for b in op.branches]
        task.wait = [[c.id for c in children], {}, None]
        for child, branch in zip(children, op.branches, strict=True):
            begin_branch(turn, child, branch)

    def _check(self, turn: Turn, task: Task, op: Group) -> None:
        what = f"ctx.{op.mode}"
        limits = turn.rules.limits
        if len(op.branches) > limits.max_branches:
            raise LimitExceededError(what=f"the number of branches of {what}", actual=len(op.branches),
                                     limit=limits.max_branches)  # fmt: skip
        check_room(turn, task, len(op.branches))
        if op.mode == "race" and not op.branches:
            raise OperationMisuseError(operation=what, reason="a race without branches never ends")
        seen: set[int] = set()
        for branch in op.branches:
            if isinstance(branch, Operation):
                continue
            if not _is_durable_call(branch) or id(branch) in seen:
                _close(op.branches)
                raise OperationMisuseError(operation=what, reason=(
                    f"{branch!r} is not a branch; give it operations (ctx.run(...), ctx.sleep(...)) or calls of "
                    f"@durable functions, each once"))  # fmt: skip
            seen.add(id(branch))

    def child_done(self, turn: Turn, task: Task, child: Task, ok: bool, value: Any) -> None:
        op: Any = task.op
        children, outcomes, verdict = task.wait
        position = bisect_left(children, child.id)  # in the order in which they were begun
        signals = turn.taken.pop(child.id, [])  # of a branch that is one wait, or a group of them
        if verdict is None:
            outcomes[position] = [ok, value, [s.state() for s in signals]]
            if op.mode == "race" or not ok:
                task.wait[2] = verdict = position
                self._cancel_children(turn, children)
        else:
            turn.give_back(signals)
            outcomes.setdefault(position, None)
        self._go_on(turn, task, op)

    def _go_on(self, turn: Turn, task: Task, op: Any) -> None:
        """A branch has ended."""
        children, outcomes, verdict = task.wait
        if len(outcomes) == len(children):
            self._end(turn, task, op, outcomes, verdict)

    @staticmethod
    def _result(op: Any, outcomes: dict[int, Any], verdict: int | None) -> Any:
        return _result(op, outcomes, verdict)

    def _end(self, turn: Turn, task: Task, op: Any, outcomes: dict[int, Any], verdict: int | None) -> None:
        turn.event("group_completed", step=task.step, kind=op.mode, decided_by=verdict)
        signals = [BufferedSignal(*s) for outcome in outcomes.values() if outcome for s in outcome[2]]
        if verdict == CANCELLED:
            turn.fail(task, RunCancelled())
            turn.give_back(signals)
        elif verdict is not None and not outcomes[verdict][0]:
            turn.fail(task, outcomes[verdict][1])
            turn.give_back(signals)
        else:
            turn.answer(task, self._result(op, outcomes, verdict))
            if signals:
                turn.taken[task.id] = signals

    def _cancel_children(self, turn: Turn, children: list[int]) -> None:
        for child_id in children:
            child = turn.run.tasks.get(child_id)
            if child is not None:
                turn.cancel_task(child)

    def cancel(self, turn: Turn, task: Task) -> bool:
        if task.wait[2] is None:
            task.wait[2] = CANCELLED
            self._cancel_children(turn, task.wait[0])
        else:
            task.wait[2] = CANCELLED  # decided already, its branches are on their way out
        return False

    def drop(self, turn: Turn, task: Task) -> None:
        """Its branches let go by themselves."""


def begin_branch(turn: Turn, child: Task, branch: Any) -> None:
    """Start a branch that has its task."""
    if isinstance(branch, Operation):
        turn.begin(child, branch)
    else:
        turn.ready.append((child, True, None))


def add_branch(turn: Turn, task: Task, branch: Any) -> Task:
    """The task of a new branch of ``task``."""
    return turn.run.add_task(task.id, None if isinstance(branch, Operation) else branch)


def check_room(turn: Turn, task: Task, branches: int) -> None:
    """``LimitExceededError`` if so many further branches are too many, or lie too deep."""
    limits, alive = turn.rules.limits, len(turn.run.tasks) + branches
    if alive > limits.max_tasks:
        raise LimitExceededError(what="the number of branches alive in one run", actual=alive, limit=limits.max_tasks)
    depth = _depth(turn, task)
    if depth > limits.max_nesting:
        raise LimitExceededError(what="the nesting of groups", actual=depth, limit=limits.max_nesting)


def check_branch(what: str, branch: Any) -> None:
    """``OperationMisuseError`` unless it is an operation or the call of a durable function."""
    if not isinstance(branch, Operation) and not _is_durable_call(branch):
        reason = f"{branch!r} is no operation (ctx.run(...), ctx.child(...)) and no call of a @durable function"
        raise OperationMisuseError(operation=what, reason=reason)


def _depth(turn: Turn, task: Task) -> int:
    """How many groups there are, one within the other, with the one that this task begins."""
    depth = 1
    while task.parent is not None:
        task, depth = turn.run.tasks[task.parent], depth + 1
    return depth


def _is_durable_call(branch: Any) -> bool:
    return isinstance(branch, (CoroutineType, GeneratorType)) and frames.plan_of(branch) is not None


def _result(op: Group, outcomes: dict[int, Any], verdict: int | None) -> Any:
    if verdict is not None:
        value = outcomes[verdict][1]
        return value if op.keys is None else (op.keys[verdict], value)
    values = [outcomes[i][1] for i in range(len(outcomes))]
    return values if op.keys is None else dict(zip(op.keys, values, strict=True))


def _close(branches: list[Any]) -> None:
    """Branches that never start must not warn about it."""
    for branch in branches:
        if hasattr(branch, "close") and not isinstance(branch, Operation):
            branch.close()
