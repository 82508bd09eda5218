"""``ctx.state``: a run's own values are there and answer in the same turn; shared ones are asked
(``machine/shared/state.py``).

The note of a shared one is ``[requests sent]``. What an update reads, makes and swaps is decided turn by turn, so a
crash between them repeats nothing that was recorded.
"""

from __future__ import annotations

from typing import Any

from weft_core.errors import AtomicStateConflictError
from weft_core.machine.naming import check_name
from weft_core.machine.operations.asking import AskingHooks
from weft_core.machine.outcomes import error_of
from weft_core.machine.own_values import ask_own
from weft_core.machine.turn import Turn
from weft_core.machine.values import VERBS, Again, Answer, Request
from weft_core.model import keys
from weft_core.model.limits import Limits
from weft_core.model.messages import Reply
from weft_core.model.operations import UseState
from weft_core.model.run import Task


class StateHooks(AskingHooks):
    def begin(self, turn: Turn, task: Task, op: UseState) -> None:
        limits = turn.rules.limits
        check_name(op.key, "a state key", limits)
        request = VERBS[op.verb].first(op.args, limits)
        if op.scope == "execution":
            self._at_once(turn, task, op, request)
            return
        turn.event("state_requested", step=task.step, scope=op.scope, key=op.key, action=op.verb)
        task.wait = [1]
        turn.ask(task, "state", _place(turn, op), request)

    def _at_once(self, turn: Turn, task: Task, op: UseState, request: Request) -> None:
        found: Any = Again(request)
        while isinstance(found, Again):
            answer = ask_own(turn, op.key, found.request)
            ok, found = _then(op, turn.rules.limits, answer)
            if not ok:
                turn.fail(task, found)
                return
        turn.answer(task, found)

    def deliver(self, turn: Turn, task: Task, message: Reply) -> None:
        op, (sent,) = task.op, task.wait
        assert isinstance(op, UseState)
        if not message.ok:
            turn.fail(task, error_of(message.data))
            return
        turn.event("state_answered", step=task.step, scope=op.scope, key=op.key, version=message.data[1])
        ok, found = _then(op, turn.rules.limits, message.data)
        if not ok:
            turn.fail(task, found)
        elif not isinstance(found, Again):
            turn.answer(task, found)
        elif sent > op.attempts:
            turn.fail(task, AtomicStateConflictError(scope=op.scope, key=op.key, attempts=op.attempts))
        else:
            if sent > 1:
                turn.event("state_conflict", step=task.step, scope=op.scope, key=op.key, attempt=sent - 1)
            task.wait = [sent + 1]
            turn.ask(task, "state", _place(turn, op), found.request)

    def cancel(self, turn: Turn, task: Task) -> bool:
        return True  # what was asked for may still take place, once; its answer is dropped


def _then(op: UseState, limits: Limits, answer: Answer) -> tuple[bool, Any]:
    """What the verb makes of an answer, or the error of the author's code in it."""
    try:
        return True, VERBS[op.verb].then(op.args, limits, answer)
    except KeyboardInterrupt:  # a SystemExit is of this run, and would stop all others
        raise
    except BaseException as error:
        return False, error


def _place(turn: Turn, op: UseState) -> str:
    return keys.shared_state(turn.run.header.workflow if op.scope == "workflow" else "", op.key)
