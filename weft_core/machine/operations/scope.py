"""``ctx.timeout``: both operations are answered at once and have no note; ``machine/scopes.py`` keeps what is open."""

from __future__ import annotations

from weft_core.errors import OperationMisuseError, ScopeTimeoutError
from weft_core.machine import scopes
from weft_core.machine.operations.base import BaseHooks
from weft_core.machine.turn import Turn
from weft_core.model.operations import CloseScope, OpenScope
from weft_core.model.run import Task


class OpenScopeHooks(BaseHooks):
    def begin(self, turn: Turn, task: Task, op: OpenScope) -> None:
        deadline = turn.rules.now_ms() + op.delay_ms
        scope = scopes.opened(turn.run.notes, task.id, task.step, deadline)
        turn.event("scope_opened", step=task.step, deadline=deadline)
        turn.arm_scope(scope)
        turn.answer(task, None)

    def cancel(self, turn: Turn, task: Task) -> bool:
        return True


class CloseScopeHooks(BaseHooks):
    def begin(self, turn: Turn, task: Task, op: CloseScope) -> None:
        scope = scopes.closed(turn.run.notes, task.id)
        if scope is None:
            raise OperationMisuseError(operation="ctx.timeout", reason="a scope ends where it was begun, and once")
        turn.ops.append((scopes.timer(turn.run.id, scope), None))
        late = scope[scopes.FIRED] == scopes.OVER and op.cancelled
        turn.event("scope_closed", step=task.step, timed_out=late)
        if late:
            turn.fail(task, ScopeTimeoutError(deadline=scope[scopes.DEADLINE]))
        else:
            turn.answer(task, None)

    def cancel(self, turn: Turn, task: Task) -> bool:
        return True
