"""A snapshot of a restored run is as long as the snapshot that it was restored from.

It is not always the same bytes: a set made anew may be in another order, and an iterator over nothing has no position.
"""

from __future__ import annotations

from collections import Counter

from tests.frames.differential.execution import Outcome, begin, finish, moment, resume
from tests.frames.differential.generator import program
from tests.frames.differential.runner import refusals
from tests.frames.differential.worlds import World, forget


def check_stability(seed: int, counts: Counter[str]) -> list[int]:
    """The suspensions of the program of ``seed`` at which the second snapshot differs from the first."""
    name, unstable = f"stability_{seed}", []
    try:
        with refusals(counts):
            text = program(seed)
            here, there = World(name, text), World(name, text)

            def watch(i, w):
                m = moment(w, here, i)
                again = resume(m, there)
                if len(again.snapshot()) != len(m.data):
                    unstable.append(i)
                again.evict()
                here.enter()
                counts["snapshots"] += 1

            finish(begin(here), here, Outcome(), watch)
    finally:
        forget(name)
    return unstable
