"""A workflow with transactional activities; also a program, to be killed: ``python payments.py PATH WHERE``."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from typing import Any

from weft_core import Context, Engine, RetryPolicy, activity, workflow
from weft_server.storage.sqlite import SQLiteStorage, Transaction

ONCE = RetryPolicy(max_attempts=1)


def make_tables(path: Any) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS payments (run TEXT, step TEXT, amount INTEGER)")
    connection.close()


def paid(path: Any) -> list[tuple[str, str, int]]:
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT run, step, amount FROM payments ORDER BY run, step").fetchall()
    connection.close()
    return found


@activity(transactional=True, retry=ONCE)
def pay(tx: Transaction, run: str, step: str, amount: int) -> int:
    tx.execute("INSERT INTO payments VALUES (?, ?, ?)", (run, step, amount))
    (total,) = tx.execute("SELECT sum(amount) FROM payments WHERE run = ?", (run,)).fetchone()
    return int(total)


@activity
async def note(text: str) -> str:
    return text


@workflow
async def pay_twice(ctx: Context, run: str) -> list[Any]:
    first = await ctx.run(pay, run, "a", 10)
    await ctx.run(note, run)
    return [first, await ctx.run(pay, run, "b", 32)]


async def pay_for_ever(path: str, where: str) -> None:
    make_tables(path)
    storage = SQLiteStorage(path, commit_in=where)  # type: ignore[arg-type]
    async with Engine(storage=storage, workflows=[pay_twice]) as engine:
        print("open", flush=True)
        running: set[asyncio.Task[Any]] = set()
        for number in range(1_000_000):
            handle = await engine.start(pay_twice, f"run-{number}", id=f"run-{number}", on_conflict="return_existing")
            running.add(asyncio.create_task(handle.result()))
            if len(running) == 5:
                _, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                print(number, flush=True)


if __name__ == "__main__":
    asyncio.run(pay_for_ever(*sys.argv[1:]))
