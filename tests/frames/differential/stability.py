"""A snapshot of a restored run is byte for byte the snapshot that it was restored from."""

from __future__ import annotations

from collections import Counter

from tests.frames.differential.runner import TooManySteps, forget, leaf_operations, load, program, refusals
from tests.frames.toy_engine import Ctx, Workflow
from weft_core.frames import durable


def check_stability(seed: int, counts: Counter[str]) -> list[int]:
    """The suspensions of the program of ``seed`` at which the second snapshot differs from the first."""
    name, unstable = f"stability_{seed}", []
    try:
        with refusals(counts):
            module, trace = load(name + "_durable", program(seed), durable)
            do = leaf_operations(trace)
            w = Workflow.start(Ctx(), module.wf)
            n = 0
            while not w.done:
                data = w.snapshot()
                again = Workflow.restore(data, w.ctx)
                if again.snapshot() != data:
                    unstable.append(n)
                again.evict()
                counts["snapshots"] += 1
                n += 1
                w.step(do)
    except TooManySteps:
        pass
    finally:
        forget(name + "_durable")
    return unstable
