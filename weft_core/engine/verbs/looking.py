"""Reading what is stored of runs."""

from __future__ import annotations

from typing import Any

from weft_core.engine.core import EngineCore
from weft_core.model.blobs import BlobRef
from weft_core.model.run import RunHeader

EventList = list[dict[str, Any]]
"""``list`` is a method here."""


class LookingVerbs(EngineCore):
    """describe, history, frames, load_blob."""

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

    async def load_blob(self, where: BlobRef | str, key: str | None = None) -> Any:
        """The value of a reference, or what a run (its id) has stored last under a key; until the run is purged.

        ``BlobNotFoundError``; ``RunNotFoundError``; ``UnknownTypeError`` (a class is not at hand here).
        """
        self._check_open()
        if isinstance(where, str):
            await self.reader.header(where)
            where = await self._parts.blobs.last(where, key or "")
        return await self._parts.blobs.load(where)
