"""``ctx.map``: a sliding window. The note is that of a group; as many items have begun as there are branches."""

from __future__ import annotations

from typing import Any

from weft_core.errors import OperationMisuseError
from weft_core.machine.operations.group import GroupHooks, add_branch, begin_branch, check_branch, check_room
from weft_core.machine.turn import Turn
from weft_core.model.operations import MapOver
from weft_core.model.run import Task


class MapHooks(GroupHooks):
    def begin(self, turn: Turn, task: Task, op: MapOver) -> None:  # type: ignore[override]
        limit = turn.rules.limits.max_branches
        if not isinstance(op.concurrency, int) or not 1 <= op.concurrency <= limit:
            reason = f"concurrency is {op.concurrency!r}, not between 1 and {limit}"
            raise OperationMisuseError(operation="ctx.map", reason=reason)
        check_room(turn, task, min(op.concurrency, len(op.items)))
        turn.event("group_started", step=task.step, kind=op.mode, size=len(op.items))
        task.wait = [[], {}, None]
        if not op.items:
            turn.answer(task, [])
        for _ in range(min(op.concurrency, len(op.items))):
            if task.op is op and task.wait[2] is None:
                self._next(turn, task, op)

    def _next(self, turn: Turn, task: Task, op: MapOver) -> None:
        """Begin the branch of the next item. An item whose branch cannot be made is one that failed."""
        children = task.wait[0]
        item = op.items[len(children)]
        try:
            branch = op.maker(turn.run.ctx, item) if hasattr(op.maker, "__durable__") else op.maker(item)
            check_branch("ctx.map", branch)
        except KeyboardInterrupt:  # a SystemExit is of this run, and would stop all others
            raise
        except BaseException as error:
            child = add_branch(turn, task, None)
            children.append(child.id)
            turn.ready.append((child, False, error))
            return
        child = add_branch(turn, task, branch)
        children.append(child.id)
        begin_branch(turn, child, branch)

    def _go_on(self, turn: Turn, task: Task, op: MapOver) -> None:
        children, outcomes, verdict = task.wait
        if verdict is None and len(children) < len(op.items):
            self._next(turn, task, op)
        elif len(outcomes) == len(children):
            self._end(turn, task, op, outcomes, verdict)

    @staticmethod
    def _result(op: Any, outcomes: dict[int, Any], verdict: int | None) -> Any:
        return [outcomes[i][1] for i in range(len(outcomes))]
