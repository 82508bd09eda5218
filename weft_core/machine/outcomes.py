"""How a run ended, as a plain value that may travel, and as its waiter sees it."""

from __future__ import annotations

from typing import Any

from weft_core import codec
from weft_core.errors import (
    RunCancelledError,
    RunFailedError,
    RunHeldError,
    RunTerminatedError,
    RunTimedOutError,
    WeftError,
)  # fmt: skip
from weft_core.model.run import STOPPED, RunHeader

Outcome = list[Any]
"""``[run id, workflow, status, result, error record, reason]``."""


def outcome_of(header: RunHeader) -> Outcome:
    """Of a run that is finished or stopped."""
    return [header.id, header.workflow, header.status, header.result, header.error, header.cancel_reason]


def value_of(outcome: Outcome) -> Any:
    """The run's value, or the error that tells how it ended, raised."""
    run_id, _, status, result, _, reason = outcome
    if status == "completed":
        return codec.loads(result) if result is not None else None
    because = f": {reason}" if reason else ""
    if status == "cancelled":
        raise RunCancelledError(run_id=run_id, reason=because)
    if status == "timed_out":
        raise RunTimedOutError(run_id=run_id)
    if status == "terminated":
        raise RunTerminatedError(run_id=run_id, reason=because)
    raise _failure(outcome)


def _failure(outcome: Outcome) -> WeftError:
    run_id, workflow, status, _, error, _ = outcome
    error = error or {}
    if status in STOPPED:
        return RunHeldError(run_id=run_id, reason=f"{error.get('code')}: {error.get('message')}")
    failed = RunFailedError(
        run_id=run_id, workflow=workflow, error_type=error.get("type"), error_message=error.get("message"),
        traceback=error.get("traceback"),
    )  # fmt: skip
    failed.__cause__ = cause_of(error)
    return failed


def error_of(record: dict[str, Any]) -> BaseException:
    """The error of an error record, or one that names it."""
    return cause_of(record) or WeftError(f"{record.get('code')}: {record.get('message')}")


def cause_of(error: dict[str, Any]) -> BaseException | None:
    """The error of an error record; None if it could not be stored, or if its class is not at hand here."""
    if "value" not in error:
        return None
    try:
        cause = codec.loads(error["value"])
    except WeftError:
        return None
    return cause if isinstance(cause, BaseException) else None
