"""``make bench``: every ratio of the project, measured in one run. Nothing here is a test: a busy machine shows.

python benchmarks/run.py [throughput] [growth] [crowd] [search] [frames] [recovery] [browser]      (default: all)
"""

from __future__ import annotations

import asyncio
import importlib.util
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.report import Figure


def throughput(folder: Path) -> list[Figure]:
    from benchmarks import throughput

    return asyncio.run(throughput.figures(folder))


def growth(folder: Path) -> list[Figure]:
    from benchmarks import growth

    return asyncio.run(growth.figures(folder))


def crowd(folder: Path) -> list[Figure]:
    from benchmarks import crowd

    return asyncio.run(crowd.figures(folder))


def search(folder: Path) -> list[Figure]:
    from benchmarks import search

    return asyncio.run(search.figures(folder))


def frames(folder: Path) -> list[Figure]:
    from benchmarks import frames

    return frames.figures()


def recovery(folder: Path) -> list[Figure]:
    from benchmarks import recovery

    return asyncio.run(recovery.figures(folder))


def browser(folder: Path) -> list[Figure]:
    from benchmarks import browser

    return list(browser.figures())


PARTS: dict[str, Callable[[Path], list[Figure]]] = {
    "throughput": throughput,
    "growth": growth,
    "crowd": crowd,
    "search": search,
    "frames": frames,
    "recovery": recovery,
    "browser": browser,
}


def main() -> int:
    """Exit code 1: a target was missed."""
    wanted = sys.argv[1:] or [name for name in PARTS if importlib.util.find_spec(f"benchmarks.{name}")]
    if unknown := set(wanted) - set(PARTS):
        print(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    print(f"CPython {platform.python_version()} · {platform.system()} {platform.machine()}\n")
    missed = 0
    for name in wanted:
        with tempfile.TemporaryDirectory(prefix="weft-bench-") as folder:
            for figure in PARTS[name](Path(folder)):
                print(figure, flush=True)
                missed += figure.met is False
        print()
    print(f"{missed} targets missed" if missed else "every target met")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
