"""Asking beforehand: which stored runs could today's code continue, and what stands in the way of the others (G16)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from weft_core.engine.live import LiveRuns
from weft_core.engine.patience import RETRY_DELAYS_S, PatientReads
from weft_core.engine.reader import StoreReader
from weft_core.engine.registry import Registry
from weft_core.engine.stopped import NEEDS_CODE
from weft_core.errors import ActivityNotRegisteredError, RunNotFoundError, StorageError, WeftError
from weft_core.machine import records
from weft_core.model import keys
from weft_core.model.limits import Limits
from weft_core.model.operations import RunActivity
from weft_core.model.run import RunHeader, RunState
from weft_core.ports import Host, Storage, default_host
from weft_core.workflow import Activity, Workflow

_TRIES = 5
"""A run that is driven meanwhile may be read half before and half after a step."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What would become of one unfinished run. ``verdict`` "damaged": its records cannot be read, whatever the code."""

    run_id: str
    workflow: str
    version: str
    status: str
    verdict: Literal["continues", "migrates", "held", "damaged"]
    to_version: str | None = None
    """The version it goes on with, if that is another."""
    how: Literal["migration", "structure"] | None = None
    """Why it may: a migration leads there, or the code fits as it is."""
    waiting_for: list[dict[str, Any]] = field(default_factory=list)
    function: str = ""
    line: int | None = None
    position: str = ""
    """Where it stands, innermost, in the code it was stored with."""
    code: str = ""
    """The fingerprint of the workflow's code that it was stored with, as ``migrate(from_code=)`` takes it."""
    error: str | None = None
    reason: str = ""
    """What to do, if it is not to continue."""

    @property
    def fine(self) -> bool:
        return self.verdict in ("continues", "migrates")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


async def check_runs(
    storage: Storage,
    workflows: Iterable[Workflow],
    activities: Iterable[Activity[..., Any]] = (),
    *,
    host: Host | None = None,
) -> list[Verdict]:
    """One verdict for each unfinished run, oldest first.

    Reads, and writes nothing; takes no ownership, so it works beside the engine that has it. Each run is loaded with
    these workflows as an engine would, which runs none of their statements; only migrations are called.
    """
    registry = Registry()
    registry.add_activities(activities)
    for workflow in workflows:
        registry.add_workflow(workflow)
    checking = _Checking(storage, registry, host or default_host())
    found = [verdict async for verdict in checking.verdicts()]
    return [verdict for _, verdict in sorted(found, key=lambda pair: pair[0])]


class _Checking:
    def __init__(self, storage: Storage, registry: Registry, host: Host) -> None:
        self._reads = PatientReads(storage, RETRY_DELAYS_S)
        self._reader = StoreReader(self._reads)
        self._registry = registry
        self._live = LiveRuns(self._reads, registry, host.clock, host.ids, Limits(max_live_runs=1))

    async def verdicts(self) -> AsyncIterator[tuple[tuple[int, str], Verdict]]:
        seen: set[str] = set()
        for prefix in (keys.checkpoint(""), keys.ACTIVE):  # the second for runs whose checkpoint is gone
            after: str | None = None
            while rows := await self._reads.scan(prefix, after=after):
                after = rows[-1][0]
                for key, _ in rows:
                    run_id = key.removeprefix(prefix)
                    verdict = await self._verdict(run_id) if run_id not in seen else None
                    seen.add(run_id)
                    if verdict is not None:
                        yield verdict

    async def _verdict(self, run_id: str) -> tuple[tuple[int, str], Verdict] | None:
        """None: it has finished meanwhile."""
        for last in [False] * (_TRIES - 1) + [True]:
            before = await self._reads.get(keys.checkpoint(run_id))
            try:
                header = await self._reader.header(run_id)
            except RunNotFoundError:
                return None
            except WeftError as damage:
                return (0, run_id), Verdict(run_id, "?", "?", "?", "damaged", error=damage.code, reason=str(damage))
            if header.finished_at is not None:
                return None
            facts = await self._outcome(header)
            if last or facts.get("error") is None or before == await self._reads.get(keys.checkpoint(run_id)):
                break
        place = await self._place(run_id)
        made = Verdict(run_id, header.workflow, header.version, header.status, **facts, **place)
        return (header.created_at, run_id), made

    async def _outcome(self, header: RunHeader) -> dict[str, Any]:
        try:
            run = await self._live.load(header)
        except StorageError:
            raise
        except Exception as obstacle:
            return _obstacle(obstacle)
        try:
            return self._loaded(run)
        finally:
            records.evict(run)

    def _loaded(self, run: RunState) -> dict[str, Any]:
        operations = [task.op for task in run.tasks.values()]
        new = run.migrated
        if new is not None and new.instead is not None:
            operations[0] = new.instead
        for op in operations:
            if isinstance(op, RunActivity) and op.fn is None and op.activity not in self._registry:
                return _obstacle(ActivityNotRegisteredError(activity=op.activity))
        if new is None:
            return {"verdict": "continues"}
        return {"verdict": "migrates", "to_version": new.to_version, "how": new.how}

    async def _place(self, run_id: str) -> dict[str, Any]:
        try:
            described = await self._reader.describe(run_id)
            tasks = (await self._reader.frames(run_id))["tasks"]
        except WeftError:
            return {}
        facts = {"waiting_for": described["waiting_for"]}
        if not tasks or not tasks[0]["frames"]:
            return facts
        at = tasks[0]["frames"][-1]
        facts["code"] = tasks[0]["frames"][0]["code"]
        return {**facts, "function": at["function"], "line": at["line"], "position": at["label"]}


def _obstacle(error: Exception) -> dict[str, Any]:
    held = isinstance(error, NEEDS_CODE)
    code = error.code if isinstance(error, WeftError) else type(error).__name__
    return {"verdict": "held" if held else "damaged", "error": code, "reason": str(error)}
