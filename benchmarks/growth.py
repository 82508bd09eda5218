"""Whether anything grows with a run's past: checkpoint size and recovery time after 10 steps and after 100,000.

And what a step costs where the state itself grows (``benchmarks/growing.py``).
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

from benchmarks import growing, recovery
from benchmarks.report import Figure, at_most
from weft_core.ports import Condition, Op
from weft_core.storage import MemoryStorage

FEW, MANY = 10, 100_000
RECOVERIES = 15


class Weighing(MemoryStorage):
    """Remembers the size of the first and the last checkpoint written through it."""

    first = last = 0

    def weigh(self, ops: Sequence[Op]) -> None:
        for key, value in ops:
            if key.startswith("ckpt/") and value is not None:
                self.first = self.first or len(value)
                self.last = len(value)

    async def batch(self, ops: Sequence[Op]) -> None:
        self.weigh(ops)
        await super().batch(ops)

    async def conditional_batch(self, conditions: Sequence[Condition], ops: Sequence[Op]) -> bool:
        self.weigh(ops)
        return await super().conditional_batch(conditions, ops)


async def figures(folder: Path, many_steps: int = MANY, growing_steps: int = growing.STEPS) -> list[Figure]:
    return [*await past(many_steps), *await growing.figures(folder, growing_steps)]


async def past(many_steps: int) -> list[Figure]:
    few, many = Weighing(), Weighing()
    for store, steps in ((few, FEW), (many, many_steps)):
        await recovery.run(store, steps)
    early, late = [], []
    for _ in range(RECOVERIES):
        early.append(await recovery.answer_ms(few.reopen, FEW))
        late.append(await recovery.answer_ms(many.reopen, many_steps))
    return [
        Figure(f"checkpoint after step 1 / at its end, {many_steps:,} steps", f"{many.first} / {many.last} B"),
        at_most(f"change of a checkpoint over {many_steps:,} steps", abs(many.last - many.first), 64, "B"),
        Figure(
            f"open, recover and answer after 10 / {many_steps:,} steps", f"{median(early):.2f} / {median(late):.2f} ms"
        ),
        at_most(f"recovery after {many_steps:,} steps / after 10", median(late) / median(early), 1.5),
    ]


def median(values: list[float]) -> float:
    return statistics.median(values)
