"""A run's own durable values (``ctx.state.execution``): changed in its own turn, stored in its own batch (G5)."""

from __future__ import annotations

from weft_core.errors import LimitExceededError
from weft_core.machine.sealed import seal_plain
from weft_core.machine.turn import Turn
from weft_core.machine.values import ABSENT, Answer, Request, decide
from weft_core.model import keys
from weft_core.model.limits import Limits
from weft_core.model.run import RunState, Value
from weft_core.ports import Op


def ask_own(turn: Turn, key: str, request: Request) -> Answer:
    """Answer one request. What is refused has changed nothing."""
    run = turn.run
    before = run.values.get(key, ABSENT)
    after, answer = decide(before, request, turn.rules.limits)
    if after is not before:
        _check_bounds(run, key, after, turn.rules.limits)
        run.values[key] = after
        turn.ops.append(_row(run, key))
        deleted = after[1] is None
        turn.event("state_changed", scope="execution", key=key, version=after[0], deleted=deleted)
        if "state" not in run.header.kept:
            run.header.kept, turn.header_changed = [*run.header.kept, "state"], True
    return answer


def value_rows(run: RunState) -> list[Op]:
    """What stores all of a run's values."""
    return [_row(run, key) for key in run.values]


def _row(run: RunState, key: str) -> Op:
    record = keys.state(run.id, key)
    return record, seal_plain(record, run.values[key])


def _check_bounds(run: RunState, key: str, after: Value, limits: Limits) -> None:
    values = {**run.values, key: after}
    if len(values) > limits.max_state_keys:
        raise LimitExceededError(
            what=f"the state keys of run {run.id}", actual=len(values), limit=limits.max_state_keys
        )
    size = sum(len(data) for _, data in values.values() if data is not None)
    if size > limits.max_state_bytes:
        raise LimitExceededError(what=f"the state of run {run.id} in bytes", actual=size, limit=limits.max_state_bytes)
