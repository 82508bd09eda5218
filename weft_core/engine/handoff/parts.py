"""What handing off needs of its engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from weft_core.engine.batch import Job
from weft_core.engine.live import LiveRuns
from weft_core.engine.patience import PatientReads, scan_all
from weft_core.engine.registry import Registry
from weft_core.errors import RunNotFoundError
from weft_core.machine import handoffs, records
from weft_core.machine.handoffs import Handoff
from weft_core.machine.travel import Traveller
from weft_core.model import keys
from weft_core.model.limits import Limits
from weft_core.model.messages import Message
from weft_core.model.run import RunHeader
from weft_core.ports import Clock, Ids, Op


@dataclass(frozen=True, slots=True)
class HandoffParts:
    """The parts of an engine."""

    reads: PatientReads
    live: LiveRuns
    registry: Registry
    limits: Limits
    clock: Clock
    ids: Ids
    store_id: str
    epoch: int
    work: Callable[[str, Job], Awaitable[None]]
    """Have a job done."""
    deliver: Callable[[str, Message | None, list[Op]], Awaitable[None]]
    arm: Callable[[int], None]
    """A timer has been stored."""

    async def handoff(self, run_id: str) -> Handoff | None:
        data = await self.reads.get(keys.handoff(run_id))
        return handoffs.read(run_id, data) if data is not None else None

    async def find(self, run_id: str) -> RunHeader | None:
        data = await self.reads.get(keys.run(run_id))
        return records.read_header(run_id, data) if data is not None else None

    async def header(self, run_id: str) -> RunHeader:
        """``RunNotFoundError``."""
        header = await self.find(run_id)
        if header is None:
            raise RunNotFoundError(run_id=run_id)
        return header

    async def summary(self, run_id: str) -> list[object] | None:
        """Of its checkpoint."""
        data = await self.reads.get(keys.checkpoint(run_id))
        return records.read_record(run_id, data).summary if data is not None else None

    async def rows(self, run_id: str) -> dict[str, bytes]:
        """All records of a run, by their keys without its id."""
        found: dict[str, bytes] = {}
        for kind, key in (("run", keys.run(run_id)), ("ckpt", keys.checkpoint(run_id))):
            data = await self.reads.get(key)
            if data is not None:
                found[kind] = data
        for kind in keys.MANY_OF_A_RUN:
            prefix = f"{kind}/{run_id}/"
            found |= {f"{kind}/{key.removeprefix(prefix)}": data for key, data in await scan_all(self.reads, prefix)}
        return found

    async def traveller(self, header: RunHeader, handoff: Handoff) -> Traveller:
        """A run that nobody steps, as it is sent. What its workflow is not registered for is raised."""
        rows = await self.rows(header.id)
        key = header.idempotency_key
        if key is not None and (data := await self.reads.get(keys.idempotency(key))) is not None:
            rows["idem"] = data
        code = self.registry.version(header.workflow, header.version).code
        return Traveller(
            header.id, header.workflow, header.version, code, handoff.moves, handoff.id, handoff.goes_on,
            self.store_id, rows,
        )  # fmt: skip
