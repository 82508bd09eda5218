"""What repairs need of their engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from weft_core.engine.batch import Batch
from weft_core.engine.live import LiveRuns
from weft_core.engine.patience import PatientReads
from weft_core.engine.refusing import moved
from weft_core.engine.registry import Registry
from weft_core.errors import RunNotFoundError
from weft_core.machine import records
from weft_core.machine.records import Event
from weft_core.model import keys
from weft_core.model.limits import Limits
from weft_core.model.run import AWAY, RunHeader, RunState


@dataclass(frozen=True, slots=True)
class RepairParts:
    """The parts of an engine that jobs of its pump work with."""

    storage: PatientReads
    live: LiveRuns
    registry: Registry
    limits: Limits
    go_on: Callable[[RunState], Awaitable[None]]
    call_again: Callable[[str], Awaitable[None]]
    revived: Callable[[RunHeader], None]
    """Told of a run, as it was, that is finished no more."""

    async def header(self, run_id: str) -> RunHeader:
        """The record of a run. ``RunNotFoundError``."""
        data = await self.storage.get(keys.run(run_id))
        if data is None:
            raise RunNotFoundError(run_id=run_id)
        header = records.read_header(run_id, data)
        if header.status in AWAY:
            raise moved(header)
        return header

    @staticmethod
    def event(type_: str, header: RunHeader, batch: Batch, now: int, **data: Any) -> None:
        """Write an event of a run that has no turn, and its record."""
        events: list[Event] = [(type_, data)]
        batch.ops.append(records.write_events(header.id, header.next_seq, now, events))
        batch.events.append((header.id, header.next_seq, now, events))
        header.next_seq, header.updated_at = header.next_seq + 1, now
        batch.ops.extend(records.write_run(header))
