"""The engine's care for its index rows: those of a store that has none are made while it works."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from weft_core.engine.patience import PatientReads
from weft_core.engine.search import upkeep
from weft_core.engine.search.upkeep import Differences
from weft_core.errors import EngineError, StorageError
from weft_core.model import keys
from weft_core.ports import Op

Decide = Callable[[], Awaitable[list[Op]]]
_RUNS = 128
"""How many runs are repaired in one batch."""


class IndexKeeper:
    """``alone`` commits what a function decides from what is stored, while nothing else is decided."""

    def __init__(self, storage: PatientReads, alone: Callable[[Decide], Awaitable[None]]) -> None:
        self._storage, self._alone = storage, alone
        self._building: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Look whether the rows are there; if not, begin to make them, from where that was left off."""
        version, done = upkeep.state(await self._storage.get(keys.INDEX))
        if (version, done) == (upkeep.VERSION, None):
            return
        if not await self._storage.scan(keys.RUNS, limit=1):
            await self._alone(self._complete)
            return
        work = self._build(done if version == upkeep.VERSION and done is not None else "")
        self._building = asyncio.get_running_loop().create_task(work, name="weft-indexes")

    async def _complete(self) -> list[Op]:
        return [upkeep.state_record(None)]

    async def _build(self, done: str | None) -> None:
        """Page by page; each says in the same batch how far it goes, so that a crash loses one page."""

        async def page() -> list[Op]:
            nonlocal done
            ops, done = await upkeep.next_page(self._storage, done or "")
            return [*ops, upkeep.state_record(done)]

        try:
            while done is not None:
                await self._alone(page)
        except (EngineError, StorageError):
            pass  # the engine has stopped, and says why to whoever asks; the next one goes on here

    async def ready(self) -> None:
        """Wait until every run has its rows."""
        if self._building is not None:
            await asyncio.shield(self._building)

    async def repair(self) -> Differences:
        """Make the rows those of the records; what was wrong with them. Runs go on meanwhile."""
        await self.ready()
        found = await upkeep.differences(self._storage)
        suspects: dict[str, list[str]] = {}
        for difference in found:
            suspects.setdefault(difference["run_id"], []).append(difference["key"])
        left = list(suspects)
        while left:
            some, left = left[:_RUNS], left[_RUNS:]

            async def decide(some: list[str] = some) -> list[Op]:
                return [op for run_id in some for op in await upkeep.repairs(self._storage, run_id, suspects[run_id])]

            await self._alone(decide)
        return found

    def close(self) -> None:
        if self._building is not None:
            self._building.cancel()
