"""Schedules: when they are due, what is started then, and how they are changed."""

from weft_core.engine.schedules.handle import ScheduleHandle
from weft_core.engine.schedules.keeper import ScheduleKeeper
from weft_core.engine.schedules.reading import describe_schedule, list_schedules

__all__ = ["ScheduleHandle", "ScheduleKeeper", "describe_schedule", "list_schedules"]
