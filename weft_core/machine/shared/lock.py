"""Mutexes and semaphores: permits, holders, and a queue in order of arrival. Fencing tokens only grow.

State: ``[permits, last token, holders, waiters, pages]``; a holder is ``[run, task, address of a step, token]``, a
waiter ``[run, task, address]``, and of the pages (``line.py``) the state has the numbers. There is no lease: a holder
is a durable run, which holds until it lets go or ends, however often its engine crashes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft_core.errors import OperationMisuseError
from weft_core.machine.shared.base import Caller, Decision
from weft_core.machine.shared.line import Line

PERMITS, TOKEN, HOLDERS, WAITERS = range(4)


class Lock:
    kind = "lock"

    def decide(self, decision: Decision, state: Any, request: list[Any], caller: Caller) -> Any:
        """Requests: ``acquire permits``, ``release token-or-None``, ``forget task address``, ``gone``."""
        verb, *rest = request
        permits, token, holders, waiters, *numbers = state or [0, 0, [], []]
        line = Line(waiters, numbers[0] if numbers else [0, 0], decision.pages)
        state = [permits, token, holders]
        if verb == "acquire":
            self._acquire(state, line, caller, *rest)
        elif verb == "release":
            self._release(state[HOLDERS], caller, *rest)
            decision.reply(caller, None)
        elif verb == "forget":  # who waited waits no more, and may have been given the lock on the way here
            _remove(state, line, lambda who: who[:3] == [caller[0], *rest])
        else:  # with all that it has here; not what a later run of the same id has
            _remove(state, line, lambda who: who[0] == caller[0] and who[2] >> 32 == caller[2] >> 32)
        self._grant(decision, state, line)
        beside = [line.numbers] if line.numbers[1] else []
        return [*state, line.head, *beside]  # also when it is free: tokens go on growing

    @staticmethod
    def _acquire(state: list[Any], line: Line, caller: Caller, permits: int) -> None:
        if state[HOLDERS] and permits != state[PERMITS]:
            reason = f"it is in use with {state[PERMITS]} permits, not {permits}; its users must agree on the number"
            raise OperationMisuseError(operation="ctx.semaphore", reason=reason)
        state[PERMITS] = permits
        line.join(list(caller))

    @staticmethod
    def _release(holders: list[list[Any]], caller: Caller, token: int | None) -> None:
        """That of the token; without one, what the caller's line of control was given last, else its run."""
        own = [h for h in holders if h[0] == caller[0] and token in (None, h[3])]
        last = [h for h in own if h[1] == caller[1]] or own
        if last:
            holders.remove(last[-1])

    @staticmethod
    def _grant(decision: Decision, state: list[Any], line: Line) -> None:
        while len(state[HOLDERS]) < state[PERMITS] and (waiter := line.first()) is not None:
            run_id, task, address = waiter
            state[TOKEN] += 1
            state[HOLDERS].append([run_id, task, address, state[TOKEN]])
            decision.reply((run_id, task, address), state[TOKEN])


def _remove(state: list[Any], line: Line, gone: Callable[[list[Any]], bool]) -> None:
    state[HOLDERS] = [who for who in state[HOLDERS] if not gone(who)]
    line.remove(gone)
