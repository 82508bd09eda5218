"""What a commit costs: SQLiteStorage against a bare sqlite3 loop, in the same process, on the same disk, turn by turn.

    python benchmarks/storage.py [--rounds 5] [--commits 400] [--dir DIR]

A bare commit writes one row of 200 bytes in autocommit mode. A batch is one condition and three puts (100, 600 and 100
bytes, one key always new), awaited one after the other from asyncio, as a sequential workflow does. Figures are the
median round; rounds of all kinds alternate, so that other load on the machine meets all of them. Where nothing else is
said commits are made in the event loop while the disk is quick, else in the thread (``commit_in="auto"``).
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path

from weft_core.ports import Op, Storage
from weft_core.storage import MemoryStorage
from weft_server.storage.sqlite import SQLiteStorage

EPOCH = [("meta/epoch", b"1")]
_serial = count()


class Bare:
    """The loop everything is compared with."""

    def __init__(self, path: Path, synchronous: str) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute(f"PRAGMA synchronous = {synchronous}")
        self.connection.execute("CREATE TABLE t (k TEXT PRIMARY KEY, v BLOB) WITHOUT ROWID")

    async def commits(self, times: int) -> float:
        value = b"v" * 200
        began = time.perf_counter()
        for _ in range(times):
            self.connection.execute("INSERT OR REPLACE INTO t VALUES (?, ?)", (f"k{next(_serial):08d}", value))
        return times / (time.perf_counter() - began)


def step_ops(run: int) -> list[Op]:
    return [
        (f"run/{run:04d}", b"r" * 100),
        (f"ckpt/{run:04d}", b"c" * 600),
        (f"log/{run:04d}/{next(_serial):016x}", b"e" * 100),
    ]


async def batches(storage: Storage, times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        assert await storage.conditional_batch(EPOCH, step_ops(1))
    return times / (time.perf_counter() - began)


async def hundred_at_once(storage: Storage, times: int) -> float:
    """Rate of batches when 100 callers wait at a time."""
    rounds = max(1, times // 100)
    began = time.perf_counter()
    for _ in range(rounds):
        await asyncio.gather(*(storage.conditional_batch(EPOCH, step_ops(run)) for run in range(100)))
    return rounds * 100 / (time.perf_counter() - began)


async def hundred_in_one(storage: Storage, times: int) -> float:
    """Rate of puts in batches of 100."""
    rounds = max(1, times // 100)
    began = time.perf_counter()
    for _ in range(rounds):
        await storage.conditional_batch(EPOCH, [(f"one/{next(_serial):08d}", b"v" * 200) for _ in range(100)])
    return rounds * 100 / (time.perf_counter() - began)


async def gets(storage: Storage, times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        await storage.get("ckpt/0001")
    return times / (time.perf_counter() - began)


async def measure(folder: Path, rounds: int, commits: int) -> None:
    strict = SQLiteStorage(folder / "strict.db")
    relaxed = SQLiteStorage(folder / "relaxed.db", durability="relaxed")
    in_thread = SQLiteStorage(folder / "thread.db", commit_in="thread")
    in_loop = SQLiteStorage(folder / "loop.db", commit_in="loop")
    memory = MemoryStorage()
    full, normal = Bare(folder / "full.db", "FULL"), Bare(folder / "normal.db", "NORMAL")
    kinds: dict[str, Callable[[int], Awaitable[float]]] = {
        "bare FULL": full.commits,
        "strict: batch": lambda times: batches(strict, times),
        "strict, in thread": lambda times: batches(in_thread, times),
        "strict, in loop": lambda times: batches(in_loop, times),
        "strict: 100 callers": lambda times: hundred_at_once(strict, times),
        "strict: puts by 100": lambda times: hundred_in_one(strict, times),
        "bare NORMAL": normal.commits,
        "relaxed: batch": lambda times: batches(relaxed, times),
        "relaxed: 100 callers": lambda times: hundred_at_once(relaxed, times),
        "strict: get": lambda times: gets(strict, times),
        "memory: batch": lambda times: batches(memory, times * 20),
    }
    for storage in (strict, relaxed, in_thread, in_loop, memory):
        await storage.put(*EPOCH[0])
    found: dict[str, list[float]] = {name: [] for name in kinds}
    for round_ in range(rounds + 1):
        for name, kind in kinds.items():
            rate = await kind(commits)
            if round_:  # the first one warms the files up
                found[name].append(rate)
    report({name: statistics.median(rates) for name, rates in found.items()})
    for storage in (strict, relaxed, in_thread, in_loop):
        await storage.close()


def report(rates: dict[str, float]) -> None:
    for name, rate in rates.items():
        base = rates["bare NORMAL" if "relaxed" in name or "NORMAL" in name else "bare FULL"]
        ratio = "" if "get" in name or "memory" in name else f"{rate / base:8.2f} x bare"
        print(f"{name:22}{rate:12,.0f}/s{1e6 / rate:10.1f} us{ratio}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--commits", type=int, default=400)
    parser.add_argument("--dir", help="where the files go; default: a temporary folder")
    options = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}")
    with tempfile.TemporaryDirectory(dir=options.dir) as folder:
        asyncio.run(measure(Path(folder), options.rounds, options.commits))


if __name__ == "__main__":
    main()
