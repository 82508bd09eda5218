"""Programs that storage tests start as processes of their own, to be killed. ``python children.py NAME ARGUMENTS``."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys

from tests.storage.eager import eager_storage
from weft_server.storage.lock import OwnerLock
from weft_server.storage.sqlite import SQLiteStorage, outbox


def open_storage(path: str, durability: str, where: str) -> SQLiteStorage:
    if where == "thread":
        return SQLiteStorage(path, durability=durability, commit_in="thread")  # type: ignore[arg-type]
    return eager_storage(path, durability=durability)


async def write_for_ever(path: str, durability: str, where: str) -> None:
    """Turn n puts 20 rows that all say n; the number of each acknowledged turn goes to stdout."""
    storage = open_storage(path, durability, where)
    last = await storage.get("turn") or b"0"
    turn = int(last)
    while True:
        before, turn = str(turn).encode(), turn + 1
        text = str(turn).encode()
        rows = [(f"row/{index:02d}", text) for index in range(20)]
        held = [("turn", before if turn > 1 else None)]
        assert await storage.conditional_batch(held, [*rows, ("turn", text), (f"log/{turn:09d}", b"x" * 300)])
        sys.stdout.buffer.write(text + b"\n")
        sys.stdout.buffer.flush()


async def take_over(path: str, name: str, times: str, where: str) -> None:
    """Raise the epoch so many times by compare-and-swap, against whoever does it too; write each epoch won."""
    storage = open_storage(path, "strict", where)
    won = 0
    while won < int(times):
        seen = await storage.get("meta/epoch")
        raised = str(int(seen or b"0") + 1)
        ops = [("meta/epoch", raised.encode()), (f"won/{raised}/{name}", b"")]
        won += await storage.conditional_batch([("meta/epoch", seen)], ops)
    await storage.close()


def sell_for_ever(path: str) -> None:
    """Orders of the program's own, each in one transaction with the start of a run for it; and some that it regrets."""
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY)")
    number = connection.execute("SELECT count(*) FROM orders").fetchone()[0]
    while True:
        number += 1
        connection.execute("INSERT INTO orders VALUES (?)", (f"order-{number}",))
        outbox(connection).start("ship", f"order-{number}", id=f"order-{number}")
        if number % 3 == 0:
            outbox(connection).signal(f"order-{number}", "rush", True)
        connection.commit()
        connection.execute("INSERT INTO orders VALUES (?)", (f"regretted-{number}",))
        outbox(connection).start("ship", "never", id=f"regretted-{number}")
        connection.rollback()
        print(number, flush=True)


def hold(path: str) -> None:
    """Take the owner lock and keep it until stdin ends."""
    taken = OwnerLock(path).acquire()
    print("held" if taken else "taken", flush=True)
    sys.stdin.read()


def hold_write_lock(path: str) -> None:
    """Be in the middle of a write until stdin ends."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    print("held", flush=True)
    sys.stdin.read()
    connection.close()


def hold_and_fork(path: str) -> None:
    """Take the owner lock; a forked child says so and lives on when its parent is killed."""
    lock = OwnerLock(path)
    lock.acquire()
    if not hasattr(os, "fork") or os.fork() == 0:
        print("held", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    _, wanted, *arguments = sys.argv
    programs = [write_for_ever, take_over, sell_for_ever, hold, hold_write_lock, hold_and_fork]
    outcome = {program.__name__: program for program in programs}[wanted](*arguments)
    if outcome is not None:
        asyncio.run(outcome)
