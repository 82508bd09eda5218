"""What a durable frame costs by itself, here and in Pyodide (in node): awaiting, checkpoints, transforming.

``benchmarks/frame_costs.py`` measures in both. Targets in microseconds are CPython's on the reference machine; the
target of a ratio is both's.
"""

from __future__ import annotations

import tempfile

from benchmarks import frame_costs
from benchmarks.frame_costs import LOCALS, STATEMENTS
from benchmarks.report import Figure, at_most
from tests.frames.differential import pythons

AWAIT_RATIO = 1.1
CHECKPOINT_US = {5: (15.0, 20.0), 20: (25.0, 35.0), 100: (80.0, 110.0)}
"""Locals -> (snapshot, restore)."""


def figures(rounds: int = frame_costs.ROUNDS) -> list[Figure]:
    """One column if there is no Pyodide; the heading says what is missing."""
    here = frame_costs.measure(rounds)
    try:
        name, there = in_pyodide(rounds)
    except pythons.Absent as absent:
        return [Figure(str(absent), frame_costs.python()), *table(here, None)]
    return [Figure("", frame_costs.python(), beside=name), *table(here, there)]


def in_pyodide(rounds: int) -> tuple[str, dict[str, float]]:
    """Which Python it was, and what :func:`frame_costs.measure` found there. Raises pythons.Absent."""
    with tempfile.TemporaryDirectory(prefix="weft-bench-") as folder:
        worker = pythons.pyodide(folder, frame_costs.__name__)
        try:
            return worker.about, worker.ask("measure", rounds=rounds)
        finally:
            worker.close()


def table(here: dict[str, float], there: dict[str, float] | None) -> list[Figure]:
    def row(text: str, key: str, digits: int = 2, unit: str = "us") -> Figure:
        columns = [f"{costs[key]:,.{digits}f} {unit}" for costs in (here, there) if costs is not None]
        return Figure(text, columns[0], beside="".join(columns[1:]))

    out = [
        row("one await in a plain coroutine", "await plain"),
        row("one await in a durable coroutine", "await durable"),
    ]
    ratio = row("await in durable code / plain", "await ratio", unit="x")
    worst = max(costs["await ratio"] for costs in (here, there) if costs is not None)
    out.append(at_most(ratio.name, worst, AWAIT_RATIO).showing(ratio))
    for count in LOCALS:
        what = f"of a frame with {count} locals"
        out.append(row(f"bytes {what}", f"snapshot {count} bytes", 0, "B"))
        for kind, target in zip(("snapshot", "restore"), CHECKPOINT_US[count], strict=True):
            key = f"{kind} {count}"
            out.append(at_most("", here[key], target, "us").showing(row(f"{kind} {what}", key)))
    for count in STATEMENTS:
        what = f"a function of {count} statements"
        out += [
            row(f"transforming {what}, once", f"transform {count}", 0),
            row("  its resume variant, when first restored", f"resume {count}", 0),
            row("  transforming it, from the build-time cache", f"cached {count}", 0),
            row("  Python's own compile() of its text", f"plain {count}", 0),
        ]
    return out


if __name__ == "__main__":
    for figure in figures():
        print(figure)
