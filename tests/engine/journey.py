"""A run from its start to its end over twelve minutes, through a crash at a write."""

from __future__ import annotations

from typing import Any, Literal

from weft_core import Workflow
from weft_core.errors import RunExistsError, RunFailedError
from weft_core.storage import MemoryStorage
from weft_core.testing import CrashingStorage, SimulatedCrash, TestEngine, VirtualClock


async def outcome(program: Workflow, crash_at: int, mode: Literal["before", "after"]) -> tuple[Any, int, int]:
    """What the run of ``program(3)`` ends with, how many writes the last engine made, and how many engines crashed.

    ``crash_at`` numbers the write that crashes the first engine; 0 for none.
    """
    rows, clock = MemoryStorage(), VirtualClock()
    crashes = 0
    while True:
        storage = CrashingStorage(rows.reopen(), None if crashes else crash_at, mode)
        engine = TestEngine(workflows=[program], storage=storage, clock=clock)
        try:
            await engine.open()
            try:
                await engine.start(program, 3, id="run")
            except RunExistsError:
                pass
            for _ in range(12):
                await engine.settle()
                if engine.state != "open":
                    assert engine.trouble is not None
                    raise engine.trouble
                await engine.advance_time("1 minute")
            try:
                return await engine.get_handle("run").result(), storage.writes, crashes
            except RunFailedError as failed:
                return str(failed), storage.writes, crashes
        except SimulatedCrash:
            crashes += 1
        finally:
            await engine.crash()
