"""Many programs, in several processes at once."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BATCH = 25  # programs that one process is given at once: what it remembers of programs goes with it


@dataclass
class Report:
    """What was run, and ``{seed or name: what differed}``."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: dict[int | str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def add(self, line: str) -> None:
        counts, failures = json.loads(line)
        self.counts.update(counts)
        self.failures.update(failures)

    def headline(self) -> str:
        c = self.counts
        return (
            f"{c['programs']} programs, {c['suspensions']} suspensions, {c['restores']} restores "
            f"({c['bytes'] / 1e6:.1f} MB), {len(self.failures)} differ, {self.seconds:.0f} s"
        )

    def refused(self) -> dict[str, int]:
        """What was left out, and how often."""
        return {k: n for k, n in sorted(self.counts.items()) if k.startswith(("refused", "not valid"))}


def campaign(seeds: Iterable[int | str], jobs: int = 2, python: str = sys.executable, batch: int = BATCH) -> Report:
    """Check the programs of these seeds, or names of the corpus, each batch in a fresh process."""
    began, report = time.monotonic(), Report()
    waiting, running = list(seeds), []
    while waiting or running:
        while waiting and len(running) < jobs:
            mine, waiting = waiting[:batch], waiting[batch:]
            command = [python, "-W", "ignore", "-m", "tests.frames.differential", "--batch", *map(str, mine)]
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            running.append((mine, process))
        mine, process = running.pop(0)
        output, errors = process.communicate()
        if process.returncode != 0:
            report.failures[mine[0]] = f"the process of {mine[0]}..{mine[-1]} ended: {errors[-300:]}"
            continue
        report.add(output.splitlines()[-1])
    report.seconds = time.monotonic() - began
    return report


def batch(seeds: Iterable[int | str]) -> str:
    """One process's part, as a line of JSON."""
    from tests.frames.differential.runner import run

    return json.dumps(run(list(seeds)))
