"""Rewriting a snapshot that nobody changes: the run goes on as if nothing had happened."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.frames.differential.execution import Outcome, begin, finish, moment, resume
from tests.frames.differential.generator import program
from tests.frames.differential.runner import refusals
from tests.frames.differential.worlds import World, forget
from tests.frames.toy_engine import Ctx
from weft_core.codec.encoder import as_externals
from weft_core.frames import rewrite

pytestmark = pytest.mark.filterwarnings("ignore")


def differing(seed: int, counts: Counter[str]) -> list[int]:
    """The suspensions of a random program whose rewritten snapshot does not restore to the same snapshot."""
    name, found = f"rewritten_{seed}", []
    try:
        with refusals(counts):
            text = program(seed)
            here, there = World(name, text), World(name, text)

            def watch(i, w):
                m = moment(w, here, i)
                size = len(m.data)
                there.enter()
                m.data = rewrite(m.data, as_externals({"ctx": Ctx()}), {}, lambda root: None)
                again = resume(m, there)
                if not len(again.snapshot()) == len(m.data) == size:
                    found.append(i)
                again.evict()
                here.enter()
                counts["snapshots"] += 1

            finish(begin(here), here, Outcome(), watch)
    finally:
        forget(name)
    return found


def test_a_snapshot_that_is_rewritten_without_a_change_stays_what_it_was():
    counts: Counter[str] = Counter()
    wrong = {seed: found for seed in range(3000, 3012) if (found := differing(seed, counts))}
    assert counts["snapshots"] > 60, counts
    assert not wrong
