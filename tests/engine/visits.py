"""Somebody who uses an engine from outside and comes back after a crash, at every write that one visit makes."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Literal

from tests.engine.invariants import Invariants
from weft_core import Workflow
from weft_core.storage import MemoryStorage
from weft_core.testing import CrashingStorage, SimulatedCrash, TestEngine, VirtualClock

Use = Callable[[TestEngine], Awaitable[Any]]
Mode = Literal["before", "after"]


async def after_every_crash(
    workflows: Sequence[Workflow], use: Use, *, reset: Callable[[], object] = lambda: None
) -> AsyncIterator[Any]:
    """What ``use(engine)`` gives in the end: first without a crash, then with one before and after each write.

    ``use`` is called again with the next engine when one has crashed. The invariants hold after each of them.
    """
    modes: tuple[Mode, Mode] = ("before", "after")
    reset()
    told, writes, _ = await _visits(workflows, use, 0, "before")
    assert writes > 3
    yield told
    for crash_at, mode in itertools.product(range(1, writes + 1), modes):
        reset()
        told, _, crashes = await _visits(workflows, use, crash_at, mode)
        assert crashes == 1, (crash_at, mode)
        yield told


async def _visits(workflows: Sequence[Workflow], use: Use, crash_at: int, mode: Mode) -> tuple[Any, int, int]:
    rows, clock, invariants = MemoryStorage(), VirtualClock(), Invariants()
    crashes = 0
    while True:
        storage = CrashingStorage(rows.reopen(), None if crashes or not crash_at else crash_at, mode)
        engine = TestEngine(workflows=workflows, storage=storage, clock=clock)
        try:
            await engine.open()
            return await use(engine), storage.writes, crashes
        except SimulatedCrash:
            crashes += 1
        finally:
            await engine.crash()
            invariants.check(rows.rows())


async def settled(engine: TestEngine) -> None:
    """Wait until the engine rests, so that every visit makes the same writes; raise what stopped it."""
    await engine.settle()
    if engine.status != "open":
        assert engine.trouble is not None
        raise engine.trouble
