"""``python -m tests.frames.differential FIRST COUNT [JOBS]`` checks that many programs.

``--show SEED`` prints a program, ``--shrink SEED`` the smallest that fails as it does.
"""

from __future__ import annotations

import sys
import warnings

from tests.frames.differential.campaign import Report, batch, campaign

ROUND = 500


def main(arguments: list[str]) -> int:
    warnings.simplefilter("ignore")  # programs leave coroutines un-awaited on purpose
    if arguments[0] == "--show":
        from tests.frames.differential.generator import program

        print(program(int(arguments[1])))
    elif arguments[0] == "--shrink":
        from tests.frames.differential.shrink import shrink

        print(shrink(int(arguments[1])))
    elif arguments[0] == "--batch":
        print(batch(int(x) if x.isdigit() else x for x in arguments[1:]))
    else:
        return soak(*map(int, arguments))
    return 0


def soak(first: int, count: int, jobs: int = 2) -> int:
    """Check ``count`` programs, telling how far it is; returns 1 if one differs."""
    total = Report()
    for at in range(first, first + count, ROUND):
        found = campaign(range(at, min(at + ROUND, first + count)), jobs)
        total.counts.update(found.counts)
        total.failures.update(found.failures)
        total.seconds += found.seconds
        for seed, what in found.failures.items():
            print(f"--- seed {seed}: {what}")
        print(f"{total.headline()}; Python {sys.version.split()[0]}", flush=True)
    for what, times in total.refused().items():
        print(f"  {what}: {times}")
    return int(bool(total.failures))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
