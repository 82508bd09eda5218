"""What an attempt ended with, as the message that its run is told."""

from __future__ import annotations

from typing import Any

from weft_core import codec
from weft_core.errors import (
    ActivityFailedError,
    ActivityLoopingError,
    ComputedTooLong,
    InvalidInputError,
    PayloadTooLargeError,
)
from weft_core.machine.effects import StartAttempt
from weft_core.model.attempt_messages import Verified
from weft_core.model.limits import Limits
from weft_core.model.messages import ActivityOutcome
from weft_core.model.verdicts import Done, NotDone, Unknown

_SCALARS = frozenset({int, str, float, bool, bytes, type(None)})


def outcome_of(
    effect: StartAttempt, limits: Limits, error: BaseException | None, value: Any, details: bytes | None
) -> ActivityOutcome:
    """A value that cannot be stored is an error like any other: it is told, not tried again in silence."""
    if error is None:
        try:
            return ActivityOutcome(effect.task, effect.step, *recorded(value, effect.activity, limits))
        except Exception as unwritable:
            error = unwritable
    return ActivityOutcome(effect.task, effect.step, error=told(effect, error), details=details)


def verdict_of(effect: StartAttempt, limits: Limits, error: BaseException | None, value: Any) -> Verified:
    """What ``verify`` said. Anything but a verdict is an ``InvalidInputError``."""
    if error is None:
        try:
            return _verdict(effect, limits, value)
        except Exception as nonsense:
            error = nonsense
    return Verified(effect.task, effect.step, error=told(effect, error))


def _verdict(effect: StartAttempt, limits: Limits, value: Any) -> Verified:
    if isinstance(value, Done):
        copied, encoded = recorded(value.result, effect.activity, limits)
        return Verified(effect.task, effect.step, "done", copied, encoded)
    if value is NotDone or isinstance(value, NotDone):
        return Verified(effect.task, effect.step, "not_done")
    if value is Unknown or isinstance(value, Unknown):
        reason = value.reason if isinstance(value, Unknown) else Unknown().reason
        return Verified(effect.task, effect.step, "unknown", reason=reason)
    told = f"it returned {value!r}; it must return Done(result), NotDone() or Unknown()"
    raise InvalidInputError(call=f"verify of {effect.activity}", reason=told)


def recorded(value: Any, activity: str, limits: Limits) -> tuple[Any, bytes]:
    """The value as the workflow gets it, and its durable form. ``CodecError`` if it has none."""
    encoded = codec.dumps(value)
    limit = limits.max_payload_bytes
    if len(encoded) > limit:
        raise PayloadTooLargeError(what=f"the result of {activity}", actual=len(encoded), limit=limit)
    # A copy, so that the workflow sees the same before and after a crash, and shares nothing.
    return (value if type(value) in _SCALARS else codec.loads(encoded)), encoded


def told(effect: StartAttempt, error: BaseException) -> Exception:
    """The error as a workflow may read it."""
    if isinstance(error, Exception):
        return error
    if isinstance(error, ComputedTooLong):
        facts = {"activity": effect.activity, "attempt": effect.attempt}
        return ActivityLoopingError(**facts, seconds=error.seconds, where=error.where)
    # CancelledError, SystemExit, or our own control flow: in a workflow it would not be read as a failure.
    kind = type(error).__name__
    return ActivityFailedError(activity=effect.activity, error_type=kind, error_message=f"it ended with {kind}")
