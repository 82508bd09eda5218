"""Time that passes while an activity really waits: the engine does not settle meanwhile."""

from __future__ import annotations

import asyncio

from weft_core.model.durations import Duration, duration_ms
from weft_core.testing import TestEngine


async def let_run(turns: int = 12) -> None:
    """Give the event loop some turns."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def pass_time(engine: TestEngine, by: Duration) -> None:
    """Virtual time passes, from deadline to deadline, with attempts in flight."""
    until = engine.clock.now_ms() + duration_ms(by)
    await let_run()
    while (deadline := engine.clock.next_deadline()) is not None and deadline <= until:
        engine.clock.advance_to(deadline)
        await let_run()
    engine.clock.advance_to(until)
    await let_run()
