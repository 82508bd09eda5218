"""Random programs behave the same however often they crash.

``WEFT_DIFF_PROGRAMS=5000 pytest tests/frames/test_differential.py`` runs that many more, all from a random seed.
"""

from __future__ import annotations

import os
import random
import warnings
from collections import Counter

import pytest

from tests.frames.differential.runner import run
from tests.frames.differential.stability import check_stability

FIXED = range(1, 51)
MORE = int(os.environ.get("WEFT_DIFF_PROGRAMS", "10"))

pytestmark = [
    pytest.mark.timeout(max(120, MORE * 3)),
    # the programs leave coroutines un-awaited on purpose
    pytest.mark.filterwarnings("ignore"),
]


def _check(seeds, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        counts, failures = run(seeds)
    with capsys.disabled():
        print(f"\n  seeds from {seeds[0]}: {counts['programs']} programs, {counts['restores']} restores", end=" ")
    assert not failures, "\n".join(f"seed {seed}: {what}" for seed, what in failures.items())
    return counts


def test_fixed_programs_behave_the_same_however_often_they_crash(capsys):
    counts = _check(FIXED, capsys)
    assert counts["programs"] > len(FIXED) * 0.9
    assert counts["restores"] > 10 * len(FIXED)


def test_new_programs_behave_the_same_however_often_they_crash(capsys):
    first = random.SystemRandom().randrange(10**6, 10**9)
    _check(range(first, first + MORE), capsys)


def test_a_snapshot_of_a_restored_run_has_the_same_bytes():
    counts: Counter[str] = Counter()
    unstable = {seed: found for seed in range(2000, 2025) if (found := check_stability(seed, counts))}
    assert counts["snapshots"] > 100
    assert not unstable
