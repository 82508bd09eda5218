"""A run from its start to its end, through as many processes as that takes."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from weft_core.engine import StoreReader, WorkflowHandle
from weft_core.errors import (
    InvalidInputError,
    RunCancelledError,
    RunFailedError,
    RunHeldError,
    RunTerminatedError,
    RunTimedOutError,
)  # fmt: skip
from weft_core.model.durations import Duration, duration_ms
from weft_core.model.run import FINISHED
from weft_core.ports import Op
from weft_core.storage import MemoryStorage
from weft_core.testing.crashing import CrashingStorage, SimulatedCrash
from weft_core.testing.engine import Drive, TestEngine
from weft_core.testing.virtual import SeededIds, VirtualClock
from weft_core.workflow import Activity, Signal, Workflow
from weft_core.workflow.attempt import ActivityInfo

Mode = Literal["before", "after"]
Script = Sequence[tuple[Signal[Any] | str, Any] | Duration]
"""Signals as ``(signal, payload)``, and durations that pass between them."""

ENDED = (RunFailedError, RunCancelledError, RunTimedOutError, RunTerminatedError, RunHeldError)
"""What a handle raises for a run that will not go on."""
RUN_ID = "run"
_FINAL_EVENTS = ("activity_completed", "activity_failed")


@dataclass(slots=True)
class Plan:
    """What is the same for every journey of a scenario."""

    workflow: Workflow
    inputs: tuple[Any, ...]
    drive: Drive | None
    limit: Duration
    reset: Callable[[], object] | None
    mocks: Mapping[Activity[..., Any] | str, Callable[..., Any]]
    options: dict[str, Any]
    """Of the engine."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What a receiver that deduplicates sees as one effect."""

    workflow: str
    activity: str
    step: int
    run_id: str
    key: str

    @property
    def label(self) -> tuple[str, str]:
        """The same in every journey. Ids of other runs than the first may not be, nor the steps of branches that run
        side by side: they are numbered as they come."""
        return self.workflow, self.activity


@dataclass(slots=True)
class Travelled:
    """What a journey was like."""

    ending: tuple[str, Any] = ("", None)
    """``("completed", value)``, or the error's code and text."""
    value: Any = None
    """The result, or the error itself."""
    writes: int = 0
    """Made by the first process."""
    crashes: int = 0
    fatal: list[Op] = field(default_factory=list)
    """The write at which the first process died."""
    calls: Counter[Effect] = field(default_factory=Counter)
    calls_at_crash: Counter[Effect] = field(default_factory=Counter)
    recorded_at_crash: set[tuple[str, int]] = field(default_factory=set)
    """Run and step of the activities whose outcome was durable when the first process died."""
    stores: set[str] = field(default_factory=set)
    """Identities that the store had when activities were called."""
    unfinished: list[dict[str, Any]] = field(default_factory=list)
    rows: dict[str, bytes] = field(default_factory=dict)


async def travel(plan: Plan, crash_at: int | None = None, mode: Mode = "before") -> Travelled:
    """Make one journey. The first process dies at write ``crash_at``, and others go on over the same rows."""
    if plan.reset is not None:
        plan.reset()
    made, rows = Travelled(), MemoryStorage()
    clock, ids = VirtualClock(), SeededIds(numbers=itertools.count(1))
    while True:
        storage = CrashingStorage(rows.reopen(), None if made.crashes else crash_at, mode)
        engine = TestEngine(storage=storage, clock=clock, ids=ids, **plan.options)
        engine.watcher = lambda info, args: _called(made, info)
        for act, fn in plan.mocks.items():
            engine.mock(act, fn)
        try:
            await _live(engine, plan, made)
            break
        except (Exception, SimulatedCrash):
            # Whatever it was: code that goes on after the death of its process is no code that has failed.
            if not storage.dead:
                raise
        finally:
            if not made.crashes:
                made.writes, made.fatal = storage.writes, storage.fatal
            await engine.crash()
        made.crashes += 1
        made.calls_at_crash = made.calls.copy()
        made.recorded_at_crash = await _recorded(rows.reopen())
    made.rows = rows.rows()
    return made


def _called(made: Travelled, info: ActivityInfo) -> None:
    made.calls[Effect(info.workflow, info.activity, info.step, info.run_id, info.idempotency_key)] += 1
    made.stores.add(info.store_id)


async def _live(engine: TestEngine, plan: Plan, made: Travelled) -> None:
    """The life of one process."""
    await engine.open()
    again = made.crashes > 0
    try:
        made.value = await engine.run_once(plan.workflow, plan.inputs, RUN_ID, plan.drive, plan.limit, again=again)
        made.ending = ("completed", made.value)
    except ENDED as error:
        made.value, made.ending = error, (error.code, str(error))
    await _finish_others(engine, plan)
    made.unfinished = [run async for run in _unfinished(engine)]


async def _finish_others(engine: TestEngine, plan: Plan) -> None:
    """Children may outlive the run that started them."""
    seen: set[str] = set()
    while others := [run["id"] async for run in _unfinished(engine) if run["id"] not in seen]:
        seen.update(others)
        for run_id in others:
            try:
                await engine.run_to_end(engine.get_handle(run_id), plan.limit)
            except ENDED:
                pass  # how they end is compared by what is left of them
    engine.check_alive()


async def _unfinished(engine: TestEngine) -> Any:
    cursor: str | None = None
    while True:
        page = await engine.list(limit=1000, cursor=cursor)
        for run in page.items:
            if run["status"] not in FINISHED:
                yield run
        cursor = page.cursor
        if cursor is None:
            return


async def _recorded(rows: MemoryStorage) -> set[tuple[str, int]]:
    """The activities that will not be called again, according to the store."""
    reader = StoreReader(rows)
    found = set()
    for run in (await reader.list(limit=1000)).items:
        for event in await reader.history(run["id"], limit=1_000_000):
            if event["type"] in _FINAL_EVENTS and event.get("retry_at") is None:
                found.add((run["id"], event["step"]))
    return found


def as_drive(steps: Drive | Script | None) -> Drive | None:
    """A script as a function. It may be called again after a crash: ids make its signals one, and time passes until
    instants that are counted from the start of the run."""
    if steps is None or callable(steps):
        return steps
    script = list(steps)

    async def drive(engine: TestEngine, handle: WorkflowHandle) -> None:
        passed = 0
        started = (await engine.header(handle.id)).created_at
        for number, step in enumerate(script):
            if isinstance(step, tuple):
                await handle.signal(step[0], step[1], signal_id=f"script-{number}")
            else:
                passed += duration_ms(step, "drive")
                await engine.advance_to_ms(started + passed)

    return drive


def options_of(workflow: Workflow, others: Iterable[Workflow], options: dict[str, Any]) -> dict[str, Any]:
    """Those of the engine, with the workflows."""
    if not isinstance(workflow, Workflow):
        raise InvalidInputError(call="assert_survives_every_crash", reason=f"{workflow!r} is not a workflow")
    return {**options, "workflows": [workflow, *(w for w in others if w is not workflow)]}
