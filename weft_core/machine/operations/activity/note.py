"""What is stored of an activity under way: ``[phase, attempt, due_ms]``, and more where more is used.

``due_ms`` is the instant of the step's one timer, 0 for none. The fourth part is a dict, and there only if not empty:

    by       total_timeout as an instant               tokens   hashes of completion tokens that are still good
    details  of the last heartbeat, encoded            cause    why the outcome of the attempt is unknown, encoded
    until    timeout of a parked attempt, an instant   tries    calls of verify that failed
    ticket   when it joined its queue                  asked    true: the failed attempt said how long to wait

``attempt`` counts the attempts that have begun: in a queue it is that of the last one, 0 before the first.
"""

from __future__ import annotations

from typing import Any

from weft_core.machine.effects import StartAttempt
from weft_core.model.run import RunState, Task

RUNNING, BACKOFF, PUT_OFF, PARKED, VERIFYING, VERIFY_LATER, QUEUED, PUT_BACK = range(8)
PHASES = ("running", "backoff", "put off", "parked", "verifying", "verifying later", "queued", "put back")
IN_FLIGHT = frozenset({RUNNING, PUT_OFF, VERIFYING, QUEUED})
"""Phases in which something runs, or waits in a queue, that would be lost with this process."""

More = dict[str, Any]


def more_of(task: Task) -> More:
    """The rare part of the note; what is put into it is stored."""
    wait = task.wait
    if len(wait) == 3:
        wait.append({})
    more: More = wait[3]
    return more


def rare(task: Task) -> More:
    """The rare part of the note, to read."""
    return task.wait[3] if len(task.wait) > 3 else {}


def note(phase: int, attempt: int, due: int, more: More | None) -> list[Any]:
    return [phase, attempt, due, more] if more else [phase, attempt, due]


def earliest(*instants: int | None) -> int:
    """The first of those that are set; 0 if none is."""
    return min((at for at in instants if at), default=0)


def is_running(run: RunState, effect: StartAttempt) -> bool:
    """Whether the run waits for the outcome of that very attempt."""
    task = run.tasks.get(effect.task)
    if task is None or task.step != effect.step or run.header.generation != effect.generation:
        return False
    return task.wait[:2] == [RUNNING, effect.attempt]


def may_hurry(task: Task) -> bool:
    """It waits for its next attempt only because the policy says so."""
    return bool(task.wait) and task.wait[0] == BACKOFF and "asked" not in rare(task)


def put_off(task: Task) -> None:
    """Its engine closes before the attempt that was decided has begun: the next owner makes it, uncounted."""
    if task.wait[0] == RUNNING:
        task.wait[0] = PUT_OFF
