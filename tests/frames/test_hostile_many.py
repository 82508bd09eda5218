"""G18, G19 at length: 20,000 damaged checkpoints, in processes that watch themselves (see hostile_audit)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter

import pytest

SHARDS = 6
done: dict[int, Counter[str]] = {}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("shard", range(SHARDS))
def test_damaged_checkpoints_end_in_our_errors_and_do_nothing_else_G19(shard, capsys):
    """No foreign exception, no hang, no import, no file, nothing compiled, none of the author's statements run."""
    out = subprocess.run(
        [sys.executable, "-m", "tests.frames.hostile_audit", str(shard), str(SHARDS)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        timeout=500,
    )
    assert out.returncode == 0, out.stderr[-3000:]
    report = json.loads(out.stdout.splitlines()[-1])
    done[shard] = Counter(report["cases"])
    assert report["ended"]["slowest ms"] < 5_000 and report["ended"]["CorruptRecordError"] > 0
    if len(done) == SHARDS:
        total = sum(done.values(), Counter())
        with capsys.disabled():
            print(f"\n  hostile checkpoints: {', '.join(f'{n:,} {kind}' for kind, n in total.items())}", end=" ")
        assert sum(total.values()) - total["sealed"] >= 20_000
