"""Scopes of ``ctx.timeout`` in a run's notes: ``[task, number, deadline_ms, fired, step]``, in the order they were
opened.
``fired`` is 0 while there is time, 1 when it is over, and 2 if the line of control was cancelled from outside: then the
scope does not count any more, so that what cancellation runs comes to its end (G13).

The timer of a scope stands under a task of its own, a negative number: its line of control waits for something else.
"""

from __future__ import annotations

from typing import Any

from weft_core.model import keys

TASK, NUMBER, DEADLINE, FIRED = range(4)
RUNNING, OVER, VOID = range(3)
Scope = list[Any]
Notes = dict[str, Any]


def opened(notes: Notes, task_id: int, step: int, deadline_ms: int) -> Scope:
    """Note a new scope of a line of control."""
    scopes: list[Scope] = notes.setdefault("scopes", [])
    scope = [task_id, max((s[NUMBER] for s in scopes), default=0) + 1, deadline_ms, RUNNING, step]
    scopes.append(scope)
    return scope


def closed(notes: Notes, task_id: int) -> Scope | None:
    """Take the innermost scope of a line of control out of the notes."""
    scopes: list[Scope] = notes.get("scopes", [])
    scope = next((s for s in reversed(scopes) if s[TASK] == task_id), None)
    if scope is None:
        return None
    scopes.remove(scope)
    if not scopes:
        del notes["scopes"]
    return scope


def unopened(notes: Notes, task_id: int, step: int) -> Scope | None:
    """Take out the scope that was opened at this step, whose block is never entered."""
    scopes: list[Scope] = notes.get("scopes", [])
    return closed(notes, task_id) if scopes and scopes[-1][TASK] == task_id and scopes[-1][4:] == [step] else None


def fired(notes: Notes, timer_task: int, now: int) -> Scope | None:
    """The scope whose time is over by this timer, now marked so."""
    for scope in notes.get("scopes", ()):
        if keys.WHOLE_RUN[0] - scope[NUMBER] == timer_task and not scope[FIRED] and now >= scope[DEADLINE]:
            scope[FIRED] = OVER
            found: Scope = scope
            return found
    return None


def void(notes: Notes, task_id: int, within: Scope | None) -> list[Scope]:
    """Void the scopes of a line of control, or those that were opened in the scope ``within``; those that ran."""
    own = [scope for scope in notes.get("scopes", ()) if scope[TASK] == task_id]
    inner = own[own.index(within) + 1 :] if within is not None else own
    ran = [scope for scope in inner if scope[FIRED] == RUNNING]
    for scope in inner:
        scope[FIRED] = VOID
    return ran


def timer(run_id: str, scope: Scope) -> str:
    """The key of a scope's timer."""
    return keys.timer(scope[DEADLINE], run_id, keys.WHOLE_RUN[0] - scope[NUMBER], 0)


def running(notes: Notes) -> list[Scope]:
    """Scopes whose time is not over."""
    return [scope for scope in notes.get("scopes", ()) if not scope[FIRED]]
