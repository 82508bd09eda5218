"""The mirror of a run that has moved: what its owner tells of it, written down as it was written there.

The numbers of its events go on where they were, so that a tail of the run goes on without gap or repetition.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from weft_core.engine.batch import Batch
from weft_core.engine.handoff.parts import HandoffParts
from weft_core.errors import EnvelopeDamagedError
from weft_core.machine import handoffs, records
from weft_core.machine.sealed import unseal_plain
from weft_core.model import keys
from weft_core.model.run import RunHeader


@dataclass(slots=True)
class Mirror:
    """The order to add the events of one turn. A job of the pump."""

    parts: HandoffParts
    run_id: str
    log: bytes
    first: int

    async def __call__(self, batch: Batch, now: int) -> None:
        header = await self.parts.header(self.run_id)
        if header.status != "moved" or self.first < header.next_seq:
            return
        key = keys.log(self.run_id, self.first)
        _, first, at, events = unseal_plain(key, self.log)
        if first != self.first or not events:
            raise EnvelopeDamagedError(reason=f"{key} holds other events")
        header.next_seq, header.updated_at = first + len(events), max(header.updated_at, at)
        batch.ops += [(key, self.log), *records.write_run(header)]
        batch.events.append((self.run_id, first, at, events))


@dataclass(slots=True)
class Told:
    """The order to have the record of a mirror say what that of its owner says. A job of the pump."""

    parts: HandoffParts
    run_id: str
    owner: RunHeader
    ended: bool = False

    async def __call__(self, batch: Batch, now: int) -> None:
        owner, handoff = self.owner, await self.parts.handoff(self.run_id)
        header = await self.parts.header(self.run_id)
        if header.status != "moved" or handoff is None or handoff.state not in ("moved", "asking"):
            return
        header.tags, header.attributes, header.steps = owner.tags, owner.attributes, owner.steps
        header.cancel_requested, header.cancel_reason = owner.cancel_requested, owner.cancel_reason
        header.version = owner.version
        if owner.finished_at is not None:
            header.status, header.finished_at = owner.status, owner.finished_at
            header.result, header.error, header.exposed = owner.result, owner.error, owner.exposed
            header.highest, header.updated_at = owner.highest, owner.updated_at
            batch.ended.append(header)
            batch.ops += handoffs.write(self.run_id, replace(handoff, state="ended", at=now, back="", why=""))
            self.ended = True
        batch.ops += records.write_run(header)
        batch.stopped.add(self.run_id)
