"""Errors over HTTP: one table of status codes, keyed by class. A class that is not in it has the status of its base."""

from __future__ import annotations

from typing import Any

from weft_core import errors as e
from weft_core.errors import WeftError

STATUS: dict[type[WeftError], int] = {
    WeftError: 500,
    # the request is wrong
    e.RunError: 400,
    e.StorageKeyError: 400,
    e.StorageValueError: 400,
    e.InterceptorRefusedError: 403,
    e.RunNotFoundError: 404,
    e.WorkflowNotRegisteredError: 404,
    e.SignalNotDeclaredError: 404,
    e.QueryNotFoundError: 404,
    e.CompletionTokenNotFoundError: 404,
    e.UpdateNotDeclaredError: 404,
    e.ReviewNotFoundError: 404,
    e.UpdateNotFoundError: 404,
    e.BlobNotFoundError: 404,
    e.ScheduleNotFoundError: 404,
    e.QueueNotDeclaredError: 404,
    e.PayloadTooLargeError: 413,
    e.LimitExceededError: 429,
    # it does not fit what is there
    e.RunExistsError: 409,
    e.RunFinishedError: 409,
    e.RunNotFinishedError: 409,
    e.RunNotParkedError: 409,
    e.CheckpointNotFoundError: 404,
    e.EditError: 422,
    e.RunMovedError: 409,
    e.HandoffRefusedError: 409,
    e.EnvelopeDamagedError: 422,
    e.HandoffUnansweredError: 503,
    e.LoopingRunError: 409,
    e.RunHeldError: 409,
    e.StartOrSignalConflictError: 409,
    e.ReviewDecidedError: 409,
    e.BulkConfirmationError: 409,
    e.BulkDeleteUnfinishedError: 409,
    e.ScheduleExistsError: 409,
    e.CompletionTokenUsedError: 409,
    e.IdempotencyKeyConflictError: 409,
    e.IdempotencyKeyPurgedError: 409,
    e.AtomicStateConflictError: 409,
    e.CodeChangedError: 409,
    e.UnknownFunctionError: 409,
    e.StoreNotEmptyError: 409,
    e.TransferNotFoundError: 410,
    e.TailOverflowError: 410,
    # it was understood, and what was asked for did not succeed
    e.RunFailedError: 422,
    e.RunCancelledError: 422,
    e.RunTerminatedError: 422,
    e.UpdateRejectedError: 422,
    e.OutcomeError: 422,
    e.NotSerializableError: 422,
    e.UnknownTypeError: 422,
    e.ExportFileError: 422,
    e.OperationMisuseError: 422,
    # it took too long; not 408, upon which browsers send a request again by themselves
    e.RunTimedOutError: 504,
    e.ActivityTimeoutError: 504,
    e.SignalTimeoutError: 504,
    e.WaitTimeoutError: 504,
    e.ReviewTimeoutError: 504,
    e.ScopeTimeoutError: 504,
    e.UpdateTimeoutError: 504,
    # this engine cannot, or cannot now
    e.ActivityNotRegisteredError: 501,
    e.ArchiveNotConfiguredError: 501,
    e.ServiceNotFoundError: 500,
    e.ServicesUnavailableError: 503,
    e.StorageCapabilityError: 501,
    e.EngineError: 503,
    e.StorageError: 503,
    e.StorageCorruptError: 500,
    e.StorageQuotaError: 507,
}

RETRYABLE = (
    e.AtomicStateConflictError,
    e.EngineClosedError,
    e.EngineFencedError,
    e.HandoffUnansweredError,
    e.IndexesNotReadyError,
    e.StorageClosedError,
    e.StorageQuotaError,
    e.StorageUnavailableError,
    e.WorkflowConcurrencyLimitExceededError,
)
"""The same call may succeed later, or with the store's new owner, and did nothing now."""

MASKED = {"code": "InternalError", "message": "an internal error; the server's log says which", "facts": {}}


def http_status(error: BaseException | type[BaseException]) -> int:
    """The status code of an error; 500 for one that is not ours."""
    cls = error if isinstance(error, type) else type(error)
    return next((STATUS[base] for base in cls.__mro__ if base in STATUS), 500)


def is_retryable(error: BaseException | type[BaseException]) -> bool:
    """Whether the same call may be sent again as it is: nothing was done, and nothing about it is wrong."""
    return issubclass(error if isinstance(error, type) else type(error), RETRYABLE)


def http_error(error: BaseException) -> tuple[int, dict[str, Any]]:
    """Status and JSON body. What an error that is not ours says stays here: it may hold anything."""
    if isinstance(error, WeftError):
        return http_status(error), error.to_json()
    return 500, dict(MASKED)
