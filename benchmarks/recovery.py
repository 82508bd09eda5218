"""How long after a crash a run answers, with 10 to 1,000,000 steps behind it, beside a replay of the same.

    python -m benchmarks.recovery [--write] [--steps 10 100 1000]

``--write``: draw docs/recovery.svg. The run waits for a signal and then calls an activity. Weft's time is from opening
an engine on the SQLite file, that included, until the activity is called; on the way the engine commits that it owns
the store, and the signal. The replay's (``benchmarks/replay.py``) is from opening its file until the coroutine asks
for the activity; on the way it commits the signal. Neither waits for the disk (``synchronous=NORMAL``, in WAL mode;
both files are in the system's cache), the two take turns, and the fastest round counts. The runs are made in memory
and copied into the file row by row; the longest without its event log, which recovery does not read.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from benchmarks import replay
from benchmarks.definitions import ACTIVITIES, WORKFLOWS, answers, counting_then_answering, go
from benchmarks.plot import Series, log_log
from benchmarks.report import Figure, at_most
from weft_core import Engine
from weft_core.ports import Condition, Op, Storage
from weft_core.storage import MemoryStorage
from weft_server.storage.sqlite import SQLiteStorage

STEPS = (10, 100, 1_000, 10_000, 100_000, 1_000_000)
LOGGED = 100_000
"""Runs with more steps are made without their event log."""
ROUNDS = 25
LONG_REPLAYS = 1_000_000
"""So many steps are replayed for each length, at least three times."""
PLOT = Path(__file__).resolve().parent.parent / "docs" / "recovery.svg"

Times = list[tuple[int, float, float]]
"""(steps, Weft's milliseconds, the replay's)"""


class Logless(MemoryStorage):
    """Forgets the events of runs."""

    async def batch(self, ops: Sequence[Op]) -> None:
        await super().batch([op for op in ops if not op[0].startswith("log/")])

    async def conditional_batch(self, conditions: Sequence[Condition], ops: Sequence[Op]) -> bool:
        return await super().conditional_batch(conditions, [op for op in ops if not op[0].startswith("log/")])


async def run(store: Storage, steps: int) -> None:
    """Start a run on the store and leave it where it has made ``steps`` steps and waits."""
    async with Engine(storage=store, workflows=WORKFLOWS, activities=ACTIVITIES, close_storage=False) as engine:
        await engine.start(counting_then_answering, steps, id="loop")
        await waiting(engine)


async def waiting(engine: Engine) -> None:
    while not any(w["kind"] == "signal" for w in (await engine.describe("loop"))["waiting_for"]):
        await asyncio.sleep(0.01)


async def answer_ms(open_store: Callable[[], Storage], steps: int) -> float:
    """Open an engine on the store, as after a crash, and signal the run, until it answers. It waits again then."""
    answers[:] = [asyncio.get_running_loop().create_future()]
    began = time.perf_counter()
    async with Engine(storage=open_store(), workflows=WORKFLOWS, activities=ACTIVITIES) as engine:
        await engine.signal("loop", go, None)
        total = await answers[0]
        took = time.perf_counter() - began
        await waiting(engine)
    assert total == sum(range(steps))
    return 1000 * took


def replay_ms(path: Path, steps: int) -> float:
    """The same by replay."""
    began = time.perf_counter()
    db = replay.open_history(path)
    name, total = replay.answer(db, steps)
    took = time.perf_counter() - began
    replay.take_back(db, steps)
    assert (name, total) == ("answer", sum(range(steps)))
    return 1000 * took


async def make(path: Path, steps: int) -> None:
    """A store with such a run."""
    memory = MemoryStorage() if steps <= LOGGED else Logless()
    await run(memory, steps)
    store, rows = SQLiteStorage(path, durability="relaxed"), list(memory.rows().items())
    for first in range(0, len(rows), 1_000):
        await store.batch(rows[first : first + 1_000])
    await store.close()


async def measure(folder: Path, all_steps: Sequence[int] = STEPS, rounds: int = ROUNDS) -> Times:
    """A round measures runs of all lengths, so that a noisy neighbour meets all; long replays have few rounds."""
    weft: dict[int, list[float]] = {steps: [] for steps in all_steps}
    replayed: dict[int, list[float]] = {steps: [] for steps in all_steps}
    for steps in all_steps:
        await make(folder / f"weft-{steps}.db", steps)
        replay.record(folder / f"replay-{steps}.db", "nothing", range(steps))
    for number in range(rounds):
        for steps in all_steps:
            store = partial(SQLiteStorage, folder / f"weft-{steps}.db", durability="relaxed")
            weft[steps].append(await answer_ms(store, steps))
            if number < max(3, LONG_REPLAYS // steps):
                replayed[steps].append(replay_ms(folder / f"replay-{steps}.db", steps))
    return [(steps, min(weft[steps]), min(replayed[steps])) for steps in all_steps]


async def figures(folder: Path, all_steps: Sequence[int] = STEPS, rounds: int = ROUNDS) -> list[Figure]:
    times = await measure(folder, all_steps, rounds)
    rows = [
        Figure(f"opened and answered after {steps:,} steps", show_ms(ours), beside=show_ms(replayed))
        for steps, ours, replayed in times
    ]
    (few, first, _), (many, last, _) = times[0], times[-1]
    rows.insert(0, Figure("", "Weft", beside="replay"))
    return [*rows, at_most(f"recovery after {many:,} steps / after {few:,}", last / first, 1.5)]


def show_ms(ms: float) -> str:
    """Two significant digits, or whole milliseconds."""
    return f"{ms:,.0f} ms" if ms >= 10 else f"{ms:.2g} ms"


def drawing(times: Times) -> str:
    """The plot of these times, as SVG."""
    weft = Series("Weft: the frame is restored", [(steps, ours) for steps, ours, _ in times])
    replayed = Series("Replay from the top (lean model)", [(steps, theirs) for steps, _, theirs in times])
    return log_log(
        "Recovery of a run", "steps behind the run", "until the run answers", [weft, replayed], show_y=show_tick
    )


def show_tick(ms: float) -> str:
    return f"{ms / 1000:.2g} s" if ms >= 1000 else f"{ms:.2g} ms" if ms < 100 else f"{ms:.0f} ms"


def table(times: Times) -> str:
    """The same as Markdown."""
    rows = [f"| {steps:,} | {show_ms(ours)} | {show_ms(theirs)} |" for steps, ours, theirs in times]
    return "\n".join(["| steps behind the run | Weft | replay |", "|---:|---:|---:|", *rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help=f"draw {PLOT.parent.name}/{PLOT.name}")
    parser.add_argument("--steps", type=int, nargs="+", default=STEPS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="weft-bench-") as folder:
        times = asyncio.run(measure(Path(folder), options.steps))
    print(table(times))
    if options.write:
        PLOT.write_text(drawing(times))
        print(f"written: {PLOT}")


if __name__ == "__main__":
    main()
