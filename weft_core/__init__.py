"""Weft: durable execution that checkpoints the function itself. The public names; everything else is inside."""

from weft_core.engine import (
    BulkPlan,
    BulkResult,
    Engine,
    Page,
    ScheduleHandle,
    UpdateState,
    WorkflowHandle,
    assert_durable_storage_for_recovery,
)
from weft_core.errors import RetryLater, RunCancelled, WeftError, is_weft_error, is_weft_error_like
from weft_core.frames import load_source
from weft_core.model.limits import Limits
from weft_core.model.retention import Retention
from weft_core.model.retry import RetryPolicy
from weft_core.model.verdicts import Done, NotDone, Unknown
from weft_core.version import VERSION
from weft_core.workflow import (
    Activity,
    ActivityInfo,
    Context,
    Schedule,
    StoredRun,
    Workflow,
    activity,
    activity_info,
    durable,
    query,
    schedule,
    signal,
    update,
    workflow,
)

__all__ = [
    "VERSION",
    "Activity",
    "ActivityInfo",
    "BulkPlan",
    "BulkResult",
    "Context",
    "Done",
    "Engine",
    "Limits",
    "NotDone",
    "Page",
    "Retention",
    "RetryLater",
    "RetryPolicy",
    "RunCancelled",
    "Schedule",
    "ScheduleHandle",
    "StoredRun",
    "Unknown",
    "UpdateState",
    "WeftError",
    "Workflow",
    "WorkflowHandle",
    "activity",
    "activity_info",
    "assert_durable_storage_for_recovery",
    "durable",
    "is_weft_error",
    "is_weft_error_like",
    "load_source",
    "query",
    "schedule",
    "signal",
    "update",
    "workflow",
]
