"""The async shell around the machine: deliver, decide, commit one batch, act."""

from weft_core.engine.bulk import BulkPlan, BulkResult
from weft_core.engine.commit import assert_durable_storage_for_recovery
from weft_core.engine.engine import Engine
from weft_core.engine.handle import WorkflowHandle
from weft_core.engine.reader import StoreReader
from weft_core.engine.schedules import ScheduleHandle, describe_schedule, list_schedules
from weft_core.engine.search.page import Aggregate, Page
from weft_core.engine.streams import StreamTail
from weft_core.engine.tails import EventTail
from weft_core.engine.transfer import check_export, export_store, import_store
from weft_core.engine.verbs.start_or_signal import StartedOrSignalled
from weft_core.engine.verbs.state import EngineState, StateAccess
from weft_core.engine.verbs.tailing import EventPage
from weft_core.engine.verbs.updates import UpdateState

__all__ = [
    "Aggregate", "BulkPlan", "BulkResult", "Engine", "EngineState", "EventPage", "EventTail", "Page", "ScheduleHandle",
    "StartedOrSignalled", "StateAccess", "StoreReader", "StreamTail", "UpdateState", "WorkflowHandle",
    "assert_durable_storage_for_recovery", "check_export", "describe_schedule", "export_store",
    "import_store", "list_schedules",
]  # fmt: skip
