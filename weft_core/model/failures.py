"""Kinds of failure, for lists and figures: whose fault it was that a run did not complete."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Any, Literal

from weft_core import errors as e

Category = Literal["application", "timeout", "cancellation", "resource", "system"]

_BY_STATUS: dict[str, Category] = {"timed_out": "timeout", "cancelled": "cancellation", "terminated": "cancellation"}
_BY_CLASS: tuple[tuple[tuple[type[BaseException], ...], Category], ...] = (
    ((e.RunCancelled, e.RunCancelledError, e.RunTerminatedError), "cancellation"),
    ((TimeoutError,), "timeout"),
    ((e.LimitExceededError, e.StorageQuotaError, MemoryError, RecursionError), "resource"),
    ((e.ActivityNotRegisteredError, e.WorkflowNotRegisteredError), "system"),
    ((e.OutcomeError, e.RunError, e.TestingError, e.OperationMisuseError, e.ForeignAwaitError), "application"),
    ((e.WeftError,), "system"),
)
"""The first that fits. What fits none is an error of the author's."""
_CANCELLATIONS = frozenset({"CancelledError", "asyncio.exceptions.CancelledError"})


def failure_category(
    failure: BaseException | Mapping[str, Any] | str | None, status: str = "failed"
) -> Category | None:
    """The kind of a failure: an error, what a run's record stores of one (``code``), or its code alone.

    ``status`` is that of the run, which says it by itself for runs that timed out or were cancelled. None: no failure.
    """
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if failure is None:
        return None
    if isinstance(failure, BaseException):
        return _of_class(type(failure))
    code = failure if isinstance(failure, str) else failure.get("code")
    if code in _CANCELLATIONS:
        return "cancellation"
    cls = e.public_errors().get(str(code)) or getattr(builtins, str(code), None) or getattr(e, str(code), None)
    return _of_class(cls) if isinstance(cls, type) and issubclass(cls, BaseException) else "application"


def _of_class(cls: type[BaseException]) -> Category:
    if cls.__name__ in _CANCELLATIONS:
        return "cancellation"
    return next((category for classes, category in _BY_CLASS if issubclass(cls, classes)), "application")
