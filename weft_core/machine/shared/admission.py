"""How many runs of a workflow go on at once: who has been admitted, and who waits, in order of arrival.

State: ``[limit, admitted, waiting]``; an entry is ``[run, task, address of a step, asked to cancel]``. The limit is
that of the last request. A run is admitted until it ends, however often its engine crashes; its farewell lets the next
in.
"""

from __future__ import annotations

from typing import Any

from weft_core.errors import WorkflowConcurrencyLimitExceededError
from weft_core.machine.shared.base import Caller, Decision

LIMIT, ADMITTED, WAITING = range(3)
RUN, ADDRESS, CANCELLED = 0, 2, 3


class Admission:
    kind = "admission"

    def has_room(self, name: str, state: Any, limit: int, on_limit: str) -> bool:
        """Whether a run could begin now. ``WorkflowConcurrencyLimitExceededError``: it could not, and may not wait."""
        if state is None or (len(state[ADMITTED]) < limit and not state[WAITING]):
            return True
        if on_limit == "reject":
            workflow, _, key = name.partition(":")
            what = f"workflow {workflow!r}" + (f" with key {key!r}" if key else "")
            raise WorkflowConcurrencyLimitExceededError(what=what, limit=limit, workflow=workflow)
        return False

    def decide(self, decision: Decision, state: Any, request: list[Any], caller: Caller) -> Any:
        """Requests: ``enter limit on_limit silently``, ``forget task address``, ``gone``."""
        verb, *rest = request
        state = state or [0, [], []]
        if verb == "enter":
            self._enter(decision, state, caller, *rest)
        elif verb == "forget":
            _remove(state, lambda who: who[: ADDRESS + 1] == [caller[0], *rest])
        else:
            _remove(state, lambda who: _same(who, caller))
        while state[WAITING] and len(state[ADMITTED]) < state[LIMIT]:
            state[ADMITTED].append(who := state[WAITING].pop(0))
            decision.reply((who[0], who[1], who[2]), None)
        return state if state[ADMITTED] else None

    def _enter(
        self, decision: Decision, state: list[Any], caller: Caller, limit: int, on_limit: str, silently: bool
    ) -> None:
        state[LIMIT] = limit
        state[WAITING] = [who for who in state[WAITING] if not _same(who, caller)]
        if any(_same(who, caller) for who in state[ADMITTED]):  # it was put back to before it asked
            decision.reply(caller, None)
        elif self.has_room(decision.name, state, limit, on_limit):
            state[ADMITTED].append([*caller, 0])
            if not silently:
                decision.reply(caller, None)
        else:
            state[WAITING].append([*caller, 0])
            if on_limit == "cancel_oldest":
                self._make_room(decision, state)

    @staticmethod
    def _make_room(decision: Decision, state: list[Any]) -> None:
        """Cancel the oldest of those that nobody has cancelled, until as many are left as may go on."""
        going_on = [who for who in state[ADMITTED] + state[WAITING] if not who[CANCELLED]]
        for who in going_on[: max(0, len(going_on) - state[LIMIT])]:
            who[CANCELLED] = 1
            decision.cancel(who[RUN], f"a newer run of {decision.name.partition(':')[0]} takes its place")


def _same(who: list[Any], caller: Caller) -> bool:
    """Whether it is of the caller's run; not of a later run of the same id."""
    return bool(who[RUN] == caller[0] and who[ADDRESS] >> 32 == caller[2] >> 32)


def _remove(state: list[Any], gone: Any) -> None:
    for part in (ADMITTED, WAITING):
        state[part] = [who for who in state[part] if not gone(who)]
