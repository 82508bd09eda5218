"""Weft: durable execution that checkpoints the function itself. The public names; everything else is inside."""

from weft_core.engine import (
    Aggregate,
    BulkPlan,
    BulkResult,
    Engine,
    EventPage,
    EventTail,
    Page,
    ScheduleHandle,
    UpdateState,
    WorkflowHandle,
    assert_durable_storage_for_recovery,
)
from weft_core.errors import RetryLater, RunCancelled, WeftError, error_from_json, is_weft_error, is_weft_error_like
from weft_core.frames import load_source
from weft_core.model.blobs import BlobRef
from weft_core.model.concurrency import Concurrency
from weft_core.model.events import Event, parse_event
from weft_core.model.limits import Limits
from weft_core.model.operations import ReviewDecision, StateValue
from weft_core.model.placement import Device
from weft_core.model.queues import Queue, queue
from weft_core.model.retention import Retention
from weft_core.model.retry import RetryPolicy
from weft_core.model.streams import StreamItem, StreamPage, StreamRef
from weft_core.model.verdicts import Done, NotDone, Unknown
from weft_core.version import VERSION
from weft_core.workflow import (
    Activity,
    ActivityInfo,
    CancelCall,
    Context,
    Interceptor,
    OperationCall,
    QueryCall,
    Schedule,
    SignalCall,
    StartCall,
    StoredRun,
    UpdateCall,
    Workflow,
    activity,
    activity_info,
    durable,
    query,
    schedule,
    search_attribute,
    signal,
    update,
    workflow,
)

__all__ = [
    "VERSION",
    "Activity",
    "ActivityInfo",
    "Aggregate",
    "BlobRef",
    "BulkPlan",
    "BulkResult",
    "CancelCall",
    "Concurrency",
    "Context",
    "Device",
    "Done",
    "Engine",
    "Event",
    "EventPage",
    "EventTail",
    "Interceptor",
    "Limits",
    "NotDone",
    "OperationCall",
    "Page",
    "QueryCall",
    "Queue",
    "Retention",
    "RetryLater",
    "RetryPolicy",
    "ReviewDecision",
    "RunCancelled",
    "Schedule",
    "ScheduleHandle",
    "SignalCall",
    "StartCall",
    "StateValue",
    "StoredRun",
    "StreamItem",
    "StreamPage",
    "StreamRef",
    "Unknown",
    "UpdateCall",
    "UpdateState",
    "WeftError",
    "Workflow",
    "WorkflowHandle",
    "activity",
    "activity_info",
    "assert_durable_storage_for_recovery",
    "durable",
    "error_from_json",
    "is_weft_error",
    "is_weft_error_like",
    "load_source",
    "parse_event",
    "query",
    "queue",
    "schedule",
    "search_attribute",
    "signal",
    "update",
    "workflow",
]
