"""A run in the hands of a new owner, perhaps on other code: what a crash may have lost is derived again."""

from __future__ import annotations

from weft_core.machine import scopes
from weft_core.machine.life import deadline
from weft_core.machine.turn import Turn
from weft_core.model.messages import Recover
from weft_core.model.run import UNBEGUN, Migrated, Task


def recover(turn: Turn, message: Recover) -> None:
    turn.event("run_recovered")
    take_up(turn)


def take_up(turn: Turn, but: Task | None = None) -> None:
    """Derive again what its tasks wait for, ``but`` one of them."""
    run = turn.run
    if run.header.deadline and not run.header.cancel_requested:
        deadline.watch(turn)
    for scope in scopes.running(run.notes):
        turn.arm_scope(scope)
    tasks = list(run.tasks.values())
    if run.migrated is not None:
        tasks = tasks[_migrate(turn, run.migrated) :]
    for task in tasks:
        if task.op is not None and task is not but and task.wait != UNBEGUN:
            turn.rules.hooks[type(task.op)].recover(turn, task)


def _migrate(turn: Turn, new: Migrated) -> int:
    """The run goes on with other code. How many of its tasks need no recovery, because they begin anew."""
    run, header = turn.run, turn.run.header
    turn.event("run_migrated", from_version=header.version, to_version=new.to_version, how=new.how)
    header.version, header.signals, turn.header_changed = new.to_version, new.signals, True
    if run.past is None:
        turn.ops.extend((key, None) for key in new.obsolete)
    else:
        run.past.drop(new.obsolete)
    run.migrated = None
    if new.instead is None:
        return 0
    root = run.tasks[0]
    assert root.op is not None
    turn.let_go(root)
    turn.begin(root, new.instead)
    return 1
