"""What a hundred thousand parked runs cost, and whether they can still be listed and signalled."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from benchmarks.definitions import ACTIVITIES, WORKFLOWS, go, parked
from benchmarks.report import Figure, at_most
from weft_core import Engine
from weft_server.storage.sqlite import SQLiteStorage

RUNS = 100_000
WAVE = 1_000


async def figures(folder: Path, runs: int = RUNS, wave: int = WAVE) -> list[Figure]:
    storage = SQLiteStorage(folder / "crowd.db", durability="relaxed")
    async with Engine(storage=storage, workflows=WORKFLOWS, activities=ACTIVITIES) as engine:
        await asyncio.gather(*[engine.start(parked, n, id=f"warm-{n}") for n in range(2 * wave)])
        before, began = resident_bytes(), time.perf_counter()
        for first in range(0, runs, wave):
            await asyncio.gather(*[engine.start(parked, n, id=f"run-{n}") for n in range(first, first + wave)])
        started, after = time.perf_counter() - began, resident_bytes()
        listing = await timed_ms(engine.list(status="running", limit=50))
        signalling = await timed_ms(wake(engine, f"run-{runs // 2}"))
    reopen = await reopen_seconds(storage_path=folder / "crowd.db")
    return [
        Figure(f"starting {runs:,} runs that park, SQLite relaxed", f"{runs / started:,.0f} runs/s"),
        at_most("memory kept per parked run", max(0, after - before) / runs, 200, "B"),
        Figure("resident memory with all of them parked", f"{after / 1e6:.0f} MB"),
        Figure(f"a page of 50 of {runs:,} / wake one and finish it", f"{listing:.1f} / {signalling:.1f} ms"),
        Figure(f"closing and opening the engine on {runs:,} parked runs", f"{reopen:.2f} s"),
    ]


async def wake(engine: Engine, run_id: str) -> None:
    await engine.signal(run_id, go, "now")
    await engine.get_handle(run_id).result()


async def timed_ms(work: object) -> float:
    began = time.perf_counter()
    await work  # type: ignore[misc]
    return (time.perf_counter() - began) * 1000


async def reopen_seconds(storage_path: Path) -> float:
    began = time.perf_counter()
    storage = SQLiteStorage(storage_path, durability="relaxed")
    async with Engine(storage=storage, workflows=WORKFLOWS, activities=ACTIVITIES) as engine:
        await engine.describe("run-7")
        return time.perf_counter() - began


def resident_bytes() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise OSError("this kernel does not tell resident memory")
