"""One schedule, as its caller sees it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Protocol, Unpack

from weft_core.engine.handle import WorkflowHandle
from weft_core.workflow.schedule import ScheduleChanges


class ScheduleOwner(Protocol):
    """What a handle needs of its engine."""

    async def describe_schedule(self, schedule_id: str) -> dict[str, Any]: ...

    async def pause_schedule(self, schedule_id: str, reason: str | None = None) -> None: ...

    async def resume_schedule(self, schedule_id: str) -> None: ...

    async def trigger_schedule(self, schedule_id: str) -> WorkflowHandle: ...

    async def update_schedule(self, schedule_id: str, **changes: Unpack[ScheduleChanges]) -> None: ...

    async def backfill_schedule(
        self,
        schedule_id: str,
        start: datetime | int | float,
        end: datetime | int | float,
        *,
        overlap: Literal["allow", "queue"] = "allow",
    ) -> list[str]: ...

    async def delete_schedule(self, schedule_id: str) -> None: ...


class ScheduleHandle:
    """A schedule by its id. Cheap; any number may exist for one schedule."""

    def __init__(self, engine: ScheduleOwner, schedule_id: str) -> None:
        self._engine = engine
        self.id = schedule_id

    async def describe(self) -> dict[str, Any]:
        """Spec, status, counters, next times, last log entries; instants in epoch milliseconds."""
        return await self._engine.describe_schedule(self.id)

    async def pause(self, reason: str | None = None) -> None:
        """Start nothing more until ``resume``."""
        await self._engine.pause_schedule(self.id, reason)

    async def resume(self) -> None:
        """Go on with the next time from now. Times that passed meanwhile are not made up: ``backfill`` does that."""
        await self._engine.resume_schedule(self.id)

    async def trigger(self) -> WorkflowHandle:
        """Start a run now, whatever still runs, also while it is paused."""
        return await self._engine.trigger_schedule(self.id)

    async def update(self, **changes: Unpack[ScheduleChanges]) -> None:
        """Change some of what was asked for; the rest and the counters stay."""
        await self._engine.update_schedule(self.id, **changes)

    async def backfill(
        self,
        start: datetime | int | float,
        end: datetime | int | float,
        *,
        overlap: Literal["allow", "queue"] = "allow",
    ) -> list[str]:
        """Start a run for every time from ``start`` up to before ``end`` that has none; returns the ids of all of them.

        ``overlap="allow"`` starts them at once, ``"queue"`` one after the other.
        """
        return await self._engine.backfill_schedule(self.id, start, end, overlap=overlap)

    async def delete(self) -> None:
        """Remove the schedule with its timer and its log. Its runs stay and go on."""
        await self._engine.delete_schedule(self.id)

    def __repr__(self) -> str:
        return f"<ScheduleHandle {self.id}>"
