"""G3: what a run stores and what its recovery costs do not depend on how much it has done."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from weft_core import Context, Engine, activity, signal, workflow
from weft_core.ports import Condition, Op
from weft_core.storage import MemoryStorage

STEPS = 5_000
go = signal("go")


@activity
async def nothing(number: int) -> int:
    return number


@workflow
async def loop(ctx: Context, steps: int) -> int:
    total = 0
    for number in range(steps):
        total += await ctx.run(nothing, number)
    await ctx.wait_for_signal(go)
    return total


class Weighing(MemoryStorage):
    """Remembers the size of every checkpoint, and counts what is read."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []
        self.reads = 0

    async def get(self, key: str) -> bytes | None:
        self.reads += 1
        return await super().get(key)

    async def conditional_batch(self, conditions: Sequence[Condition], ops: Sequence[Op]) -> bool:
        self.sizes += [len(value) for key, value in ops if key.startswith("ckpt/") and value is not None]
        return await super().conditional_batch(conditions, ops)


async def run_up_to_the_signal(store: Weighing, steps: int) -> None:
    async with Engine(storage=store, workflows=[loop], close_storage=False) as engine:
        handle = await engine.start(loop, steps, id="loop")
        async for event in handle.tail():
            if event["type"] == "activity_completed" and event["step"] == steps:
                return


@pytest.mark.timeout(60)
async def test_G3_the_last_of_many_checkpoints_is_as_large_as_the_first() -> None:
    store = Weighing()
    await run_up_to_the_signal(store, STEPS)
    assert len(store.sizes) >= STEPS
    assert max(store.sizes) - min(store.sizes) <= 64


@pytest.mark.timeout(60)
async def test_G3_recovery_reads_as_little_after_many_steps_as_after_few() -> None:
    """The event log is never read: it is for people."""
    reads = []
    for steps in (5, STEPS):
        store = Weighing()
        await run_up_to_the_signal(store, steps)
        store.reads = 0
        async with Engine(storage=store, workflows=[loop], close_storage=False) as engine:
            await engine.signal("loop", go, "on")
            assert await engine.get_handle("loop").result() == steps * (steps - 1) // 2
            reads.append(store.reads)
    assert reads[0] == reads[1]
