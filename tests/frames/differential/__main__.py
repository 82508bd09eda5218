"""``python -m tests.frames.differential FIRST COUNT``: check that many programs; ``--show SEED`` prints one."""

from __future__ import annotations

import sys
import time
import warnings

from tests.frames.differential.runner import program, run

warnings.simplefilter("ignore")  # programs leave coroutines un-awaited on purpose
if sys.argv[1] == "--show":
    print(program(int(sys.argv[2])))
    sys.exit()
first, count = int(sys.argv[1]), int(sys.argv[2])
began = time.monotonic()
counts, failures = run(range(first, first + count))
print(dict(counts), f"{time.monotonic() - began:.1f} s, Python {sys.version.split()[0]}")
for seed, what in failures.items():
    print(f"--- seed {seed}: {what}")
sys.exit(bool(failures))
