"""Programs that storage tests start as processes of their own, to be killed. ``python children.py NAME ARGUMENTS``."""

from __future__ import annotations

import asyncio
import os
import sys

from weft_server.storage.lock import OwnerLock
from weft_server.storage.sqlite import SQLiteStorage


async def write_for_ever(path: str, durability: str) -> None:
    """Turn n puts 20 rows that all say n; the number of each acknowledged turn goes to stdout."""
    storage = SQLiteStorage(path, durability=durability)  # type: ignore[arg-type]
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


async def take_over(path: str, name: str, times: str) -> None:
    """Raise the epoch so many times by compare-and-swap, against whoever does it too; write each epoch won."""
    storage = SQLiteStorage(path)
    won = 0
    while won < int(times):
        seen = await storage.get("meta/epoch")
        raised = str(int(seen or b"0") + 1)
        ops = [("meta/epoch", raised.encode()), (f"won/{raised}/{name}", b"")]
        won += await storage.conditional_batch([("meta/epoch", seen)], ops)
    await storage.close()


def hold(path: str) -> None:
    """Take the owner lock and keep it until stdin ends."""
    taken = OwnerLock(path).acquire()
    print("held" if taken else "taken", flush=True)
    sys.stdin.read()


def hold_and_fork(path: str) -> None:
    """Take the owner lock; a forked child says so and lives on when its parent is killed."""
    lock = OwnerLock(path)
    lock.acquire()
    if not hasattr(os, "fork") or os.fork() == 0:
        print("held", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    _, wanted, *arguments = sys.argv
    outcome = {"write_for_ever": write_for_ever, "take_over": take_over, "hold": hold, "hold_and_fork": hold_and_fork}[
        wanted
    ](*arguments)
    if outcome is not None:
        asyncio.run(outcome)
