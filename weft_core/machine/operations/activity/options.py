"""The options of an activity: what the call says, else what its declaration says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from weft_core.errors import ActivityNotRegisteredError, InvalidInputError, LimitExceededError
from weft_core.machine.turn import ActivitySpec, Turn
from weft_core.model.operations import RunActivity
from weft_core.model.retry import DEFAULT_RETRY, RetryPolicy


@dataclass(slots=True)
class _Undeclared:
    """A function of the workflow's own: nothing is declared."""

    retry: RetryPolicy = DEFAULT_RETRY
    timeout_ms: int | None = None
    total_timeout_ms: int | None = None
    heartbeat_ms: int | None = None
    key_of: Callable[..., str] | None = None
    verify: Callable[..., Any] | None = None
    queue: str | None = None
    priority: int | None = None
    key: str | Callable[..., Any] | None = None
    transactional: bool = False


_UNDECLARED = _Undeclared()


def declared(turn: Turn, op: RunActivity) -> ActivitySpec:
    """What is declared of the activity, which must be there. ``ActivityNotRegisteredError``."""
    if op.fn is not None:
        return _UNDECLARED
    spec = turn.rules.activities.get(op.activity)
    if spec is None:
        raise ActivityNotRegisteredError(activity=op.activity)
    return spec


def known(turn: Turn, op: RunActivity) -> ActivitySpec:
    """What is declared of the activity, as far as it is there."""
    return _UNDECLARED if op.fn is not None else turn.rules.activities.get(op.activity) or _UNDECLARED


def policy(turn: Turn, op: RunActivity) -> RetryPolicy:
    return op.retry or known(turn, op).retry


def timeout_ms(op: RunActivity, spec: ActivitySpec) -> int | None:
    return op.timeout_ms if op.timeout_ms is not None else spec.timeout_ms


def total_timeout_ms(op: RunActivity, spec: ActivitySpec) -> int | None:
    return op.total_timeout_ms if op.total_timeout_ms is not None else spec.total_timeout_ms


def heartbeat_ms(op: RunActivity, spec: ActivitySpec) -> int | None:
    return op.heartbeat_ms if op.heartbeat_ms is not None else spec.heartbeat_ms


def choose_key(turn: Turn, op: RunActivity, key_of: Callable[..., str] | None) -> None:
    """Settle the idempotency key of the step, once: it becomes part of the stored operation."""
    if op.idempotency_key is None and key_of is not None:
        try:
            op.idempotency_key = key_of(*op.args)
        except Exception as error:
            reason = f"its idempotency_key function raised {type(error).__name__}: {error}"
            raise InvalidInputError(call=f"activity {op.activity}", reason=reason) from error
    _check_id(op.idempotency_key, f"the idempotency key of {op.activity}", turn)


def _check_id(text: Any, what: str, turn: Turn) -> None:
    limit = turn.rules.limits.max_id_bytes
    if not isinstance(text, str) or not text:
        raise InvalidInputError(call=what, reason=f"{text!r} is no key; it must be text")
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > limit:
        raise LimitExceededError(what=f"{what} in bytes", actual=size, limit=limit)


def choose_queue(turn: Turn, op: RunActivity, spec: ActivitySpec) -> None:
    """Settle where the step waits, once: it becomes part of the stored operation."""
    name, priority, key = op.queued or (None, None, None)
    name = spec.queue if name is None else name
    if name is None:
        raise InvalidInputError(call=f"activity {op.activity}", reason="priority= and key= are for those with a queue=")
    if key is None and spec.key is not None:
        key = spec.key if isinstance(spec.key, str) else _key_of(op, spec.key)
    if key is not None:
        _check_id(key, f"the key of {op.activity} in queue {name}", turn)
    op.queued = [name, priority if priority is not None else spec.priority or 0, key]


def _key_of(op: RunActivity, function: Callable[..., Any]) -> Any:
    try:
        return function(*op.args)
    except Exception as error:
        reason = f"its key function raised {type(error).__name__}: {error}"
        raise InvalidInputError(call=f"activity {op.activity}", reason=reason) from error


def headers(turn: Turn, op: RunActivity) -> dict[str, str] | None:
    """Those the run was started with, and those an interceptor gave this operation."""
    of_run = turn.run.header.headers
    return {**of_run, **op.headers} if of_run and op.headers else op.headers or of_run or None
