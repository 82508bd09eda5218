"""Random programs, crashed at each suspension point and taken up under random edits of them: a run goes on at the
statement where it stood, with its variables, or is refused (G16).

``WEFT_EDIT_PROGRAMS=5000 pytest tests/frames/test_code_changes_random.py`` checks that many more.
"""

from __future__ import annotations

import os
import random
from collections import Counter

import pytest

from tests.frames.edits.check import WrongPlace, check

FIXED = range(1, 41)
MORE = int(os.environ.get("WEFT_EDIT_PROGRAMS", "10"))

pytestmark = [pytest.mark.timeout(max(120, MORE * 3)), pytest.mark.filterwarnings("ignore")]


def _check(seeds, capsys):
    counts: Counter[str] = Counter()
    wrong = []
    for seed in seeds:
        try:
            check(seed, counts)
        except WrongPlace as error:
            wrong.append(f"seed {seed}: {error}")
    with capsys.disabled():
        print(f"\n  seeds from {seeds[0]}: {dict(counts)}", end=" ")
    assert not wrong, f"{len(wrong)} of {len(seeds)}\n" + "\n".join(wrong[:3])
    return counts


def test_runs_of_fixed_programs_go_on_where_they_stood_or_are_refused(capsys):
    counts = _check(FIXED, capsys)
    assert counts["continued"] > 300
    assert counts["refused"] > 300


def test_runs_of_new_programs_go_on_where_they_stood_or_are_refused(capsys):
    first = random.SystemRandom().randrange(10**6, 10**9)
    _check(range(first, first + MORE), capsys)
