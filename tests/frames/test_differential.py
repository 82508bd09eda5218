"""Random programs behave the same however often they crash.

``WEFT_DIFF_PROGRAMS=5000 pytest tests/frames/test_differential.py`` runs that many from a random seed; ``make soak``
runs 20,000.
"""

from __future__ import annotations

import os
import random
from collections import Counter

import pytest

from tests.frames.differential.campaign import campaign
from tests.frames.differential.corpus import corpus
from tests.frames.differential.coverage import EXPECTED, VALUES, missing, table
from tests.frames.differential.stability import check_stability

FIXED = range(1, 201)
MORE = int(os.environ.get("WEFT_DIFF_PROGRAMS", "150"))
# the generator also writes what Weft refuses, and what is no Python; at least 300 programs in all are really run
RAN_OF_FIXED, RAN_OF_MORE = 200, MORE * 2 // 3

pytestmark = [
    pytest.mark.timeout(max(600, MORE * 3)),
    # the programs leave coroutines un-awaited on purpose
    pytest.mark.filterwarnings("ignore"),
]


def _check(seeds, capsys):
    """``seeds`` are numbers, or names of the corpus."""
    report = campaign(seeds)
    with capsys.disabled():
        print(f"\n  seeds from {seeds[0]}: {report.headline()}; left out: {report.refused()}", end=" ")
    found = "\n".join(f"seed {seed}: {what}" for seed, what in report.failures.items())
    assert not found, f"{found}\n(python -m tests.frames.differential --shrink SEED makes a program small)"
    return report.counts


def test_fixed_programs_behave_the_same_however_often_they_crash(capsys):
    counts = _check([*FIXED, *corpus()], capsys)
    with capsys.disabled():
        print(f"\n{table(counts)}\n ", end=" ")
    assert counts["programs"] >= RAN_OF_FIXED
    assert counts["restores"] > 10 * len(FIXED)
    assert not missing(counts, EXPECTED, ""), "no program was suspended there: is the construct still generated?"
    assert not missing(counts, VALUES, "local "), "no program held such a value while it was suspended"


def test_new_programs_behave_the_same_however_often_they_crash(capsys):
    first = random.SystemRandom().randrange(10**6, 10**9)
    assert _check(range(first, first + MORE), capsys)["programs"] >= RAN_OF_MORE


def test_runs_do_not_grow_by_being_stored_and_restored():
    counts: Counter[str] = Counter()
    unstable = {seed: found for seed in range(2000, 2025) if (found := check_stability(seed, counts))}
    assert counts["snapshots"] > 100
    assert not unstable
