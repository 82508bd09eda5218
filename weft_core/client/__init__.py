"""Speaking to an engine from elsewhere: the wire, the inbox."""

from weft_core.client.inbox import (
    leave_cancel,
    leave_order,
    leave_purge,
    leave_review,
    leave_schedule,
    leave_signal,
    leave_start,
    leave_to_schedule,
)  # fmt: skip
from weft_core.client.local import LocalClient
from weft_core.client.wire import Dispatcher

__all__ = [
    "Dispatcher", "LocalClient", "leave_cancel", "leave_order", "leave_purge", "leave_review", "leave_schedule",
    "leave_signal", "leave_start", "leave_to_schedule",
]  # fmt: skip
