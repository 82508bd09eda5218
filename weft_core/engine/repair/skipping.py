"""Skips: what a run waits for, answered by hand."""

from __future__ import annotations

from dataclasses import dataclass

from weft_core.engine.batch import Batch, Envelope
from weft_core.engine.repair.parts import RepairParts
from weft_core.errors import EditError, RunFinishedError
from weft_core.machine import records
from weft_core.machine.operations import HOOKS
from weft_core.model.messages import Skip
from weft_core.model.run import STOPPED, RunState, Task


@dataclass(frozen=True, slots=True)
class Skipping:
    """The order to answer what a run waits for. A job of the pump."""

    parts: RepairParts
    run_id: str
    task: int | None
    value: bytes | None
    error: BaseException | None
    reason: str | None
    by: str | None

    async def __call__(self, batch: Batch, now: int) -> Envelope:
        run = self.parts.live.get(self.run_id)
        loaded = run is None
        if run is None:
            header = await self.parts.header(self.run_id)
            if header.finished_at is not None:
                raise RunFinishedError(run_id=self.run_id, status=header.status, action="skipping what it waits for")
            run = await self.parts.live.load(header)
        try:
            task = self._chosen(run)
        except EditError:
            if loaded:
                records.evict(run)
            raise
        if loaded:
            if run.header.status in STOPPED:
                await self.parts.go_on(run)
            self.parts.live.keep(run)
        message = Skip(task.id, task.step, self.value, self.error, loaded, self.reason, self.by)
        return Envelope(self.run_id, message)

    def _chosen(self, run: RunState) -> Task:
        """The task that is meant, or the only one whose operation somebody may answer."""
        waiting = {
            task.id: task for task in run.tasks.values() if task.op is not None and HOOKS[type(task.op)].skippable
        }
        if self.task is None and len(waiting) == 1:
            return next(iter(waiting.values()))
        if self.task is not None and self.task in waiting:
            return waiting[self.task]
        there = ", ".join(f"{t.id} ({t.op.kind} {t.op.label})" for t in waiting.values() if t.op is not None)
        which = "say which task" if self.task is None else f"task {self.task} waits for nothing that can be skipped"
        raise EditError(run_id=run.id, reason=f"{which}; there are: {there or 'none'}")
