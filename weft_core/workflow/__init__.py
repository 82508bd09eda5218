"""What authors write: workflows, activities, signals, and the context that a workflow is given."""

from weft_core.workflow import durable_types as _durable_types  # noqa: F401  registers our own types
from weft_core.workflow.activity import Activity, activity
from weft_core.workflow.attempt import ActivityInfo, activity_info
from weft_core.workflow.attributes import SearchAttribute, search_attribute
from weft_core.workflow.context import Context
from weft_core.workflow.definition import (
    Query,
    Signal,
    Update,
    Workflow,
    WorkflowBuilder,
    durable,
    query,
    signal,
    update,
    workflow,
)  # fmt: skip
from weft_core.workflow.discovery import declared_in, definitions_in
from weft_core.workflow.interceptors import (
    CancelCall,
    Interceptor,
    OperationCall,
    QueryCall,
    SignalCall,
    StartCall,
    UpdateCall,
)  # fmt: skip
from weft_core.workflow.migration import Frame, StoredRun
from weft_core.workflow.schedule import Schedule, schedule

__all__ = [
    "Activity",
    "ActivityInfo",
    "CancelCall",
    "Context",
    "Frame",
    "Interceptor",
    "OperationCall",
    "Query",
    "QueryCall",
    "Schedule",
    "SearchAttribute",
    "Signal",
    "SignalCall",
    "StartCall",
    "StoredRun",
    "Update",
    "UpdateCall",
    "Workflow",
    "WorkflowBuilder",
    "activity",
    "activity_info",
    "declared_in",
    "definitions_in",
    "durable",
    "query",
    "schedule",
    "search_attribute",
    "signal",
    "update",
    "workflow",
]
