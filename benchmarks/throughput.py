"""Steps per second: one run after another and a thousand at once, against bare sqlite3 commits on the same disk."""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import time
from pathlib import Path

from benchmarks.definitions import ACTIVITIES, WORKFLOWS, counting
from benchmarks.report import Figure, at_least, at_most
from weft_core import Engine
from weft_core.storage import MemoryStorage
from weft_server.storage.sqlite import SQLiteStorage

ROUNDS = 3
COMMITS = 1_000
ROW = bytes(500)
CONCURRENT_RUNS, CONCURRENT_STEPS = 1_000, 10
MEMORY_STEPS = 20_000


async def figures(folder: Path) -> list[Figure]:
    """Bare and engine rounds alternate, so that a noisy neighbour meets both."""
    bare, sequential = [], []
    for number in range(ROUNDS):
        bare.append(bare_commits(folder / f"bare-{number}.db"))
        sequential.append(await steps_per_second(SQLiteStorage(folder / f"sequential-{number}.db"), COMMITS))
    one, base = statistics.median(sequential), statistics.median(bare)
    many = await concurrent(SQLiteStorage(folder / "concurrent.db"))
    memory = min([await cpu_seconds_per_step() for _ in range(ROUNDS)])
    return [
        Figure("bare sqlite3 commits of one row, synchronous=FULL", f"{base:,.0f} /s"),
        Figure("sequential steps on SQLite, strict", f"{one:,.0f} /s"),
        at_least("sequential steps / bare commits", one / base, 0.5),
        Figure(f"{CONCURRENT_RUNS:,} runs x {CONCURRENT_STEPS} steps on SQLite, strict", f"{many:,.0f} steps/s"),
        at_least("concurrent / sequential", many / one, 5),
        at_most("engine time per step, MemoryStorage (CPU)", 1e6 * memory, 60, "us"),
    ]


def bare_commits(path: Path) -> float:
    """What the disk and sqlite3 give to anyone: commits per second of one row of 500 bytes."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE kv (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID")
    began = time.perf_counter()
    for _ in range(COMMITS):
        db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT OR REPLACE INTO kv VALUES ('checkpoint', ?)", (ROW,))
        db.execute("COMMIT")
    took = time.perf_counter() - began
    db.close()
    return COMMITS / took


async def steps_per_second(storage: SQLiteStorage | MemoryStorage, steps: int) -> float:
    async with Engine(storage=storage, workflows=WORKFLOWS, activities=ACTIVITIES) as engine:
        await (await engine.start(counting, 50)).result()
        began = time.perf_counter()
        await (await engine.start(counting, steps)).result()
        return steps / (time.perf_counter() - began)


async def cpu_seconds_per_step() -> float:
    """CPU time, not wall time: nothing is waited for here, so a busy machine must not count."""
    async with Engine(storage=MemoryStorage(), workflows=WORKFLOWS, activities=ACTIVITIES) as engine:
        await (await engine.start(counting, 500)).result()
        began = time.process_time()
        await (await engine.start(counting, MEMORY_STEPS)).result()
        return (time.process_time() - began) / MEMORY_STEPS


async def concurrent(storage: SQLiteStorage) -> float:
    async with Engine(storage=storage, workflows=WORKFLOWS, activities=ACTIVITIES) as engine:

        async def one() -> None:
            await (await engine.start(counting, CONCURRENT_STEPS)).result()

        began = time.perf_counter()
        await asyncio.gather(*[one() for _ in range(CONCURRENT_RUNS)])
        return CONCURRENT_RUNS * CONCURRENT_STEPS / (time.perf_counter() - began)
