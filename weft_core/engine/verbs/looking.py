"""Reading what is stored of runs."""

from __future__ import annotations

from typing import Any

from weft_core.engine.core import EngineCore
from weft_core.model.run import RunHeader

EventList = list[dict[str, Any]]
"""``list`` is a method here."""


class LookingVerbs(EngineCore):
    """describe, history, frames."""

    async def header(self, run_id: str) -> RunHeader:
        """The record of a run as it is stored."""
        return await self.reader.header(run_id)

    async def describe(self, run_id: str) -> dict[str, Any]:
        return await self.reader.describe(run_id)

    async def history(self, run_id: str, *, after: int = 0, limit: int = 1000) -> EventList:
        return await self.reader.history(run_id, after=after, limit=limit)

    async def frames(self, run_id: str, *, at: int | None = None) -> dict[str, Any]:
        """Where a run stands, or stood ``at`` a step that is retained: stacks, source lines, live locals."""
        return await self.reader.frames(run_id, at=at)
