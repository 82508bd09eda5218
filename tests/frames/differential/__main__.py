"""``python -m tests.frames.differential FIRST COUNT``: check that many programs; ``--show SEED`` prints one."""

from __future__ import annotations

import sys
import time
import warnings
from collections import Counter

from tests.frames.differential.runner import program, run

warnings.simplefilter("ignore")  # programs leave coroutines un-awaited on purpose
if sys.argv[1] == "--show":
    print(program(int(sys.argv[2])))
    sys.exit()
first, count = int(sys.argv[1]), int(sys.argv[2])
began = time.monotonic()
counts: Counter[str] = Counter()
failed = 0
for at in range(first, first + count, 100):
    more, failures = run(range(at, min(at + 100, first + count)))
    counts.update(more)
    failed += len(failures)
    for seed, what in failures.items():
        print(f"--- seed {seed}: {what}")
    print(
        dict(counts), f"failed {failed}, {time.monotonic() - began:.0f} s, Python {sys.version.split()[0]}", flush=True
    )
sys.exit(bool(failed))
