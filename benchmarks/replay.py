"""A replay engine reduced to what it cannot do without: a workflow is run again from the top with recorded results.

This is the fastest honest one we could write, so that recovery is compared with the idea and not with an engine. It
reads one table of one SQLite file in the order of its primary key, decodes each record with msgpack's C unpacker,
checks that the workflow asks for what was recorded (one comparison of names) and sends it the result. It leaves out
all else that replay engines do: an event loop and its tasks, an own record for scheduled, started and completed,
comparing arguments, paging a history over a network, timers, signals, locks and a sandbox; and it opens no engine and
takes no ownership of the store.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Coroutine, Generator, Iterable
from pathlib import Path
from typing import Any

import msgpack


class DivergedError(Exception):
    """The workflow asks for something else than it did."""


class Asked:
    """What a workflow awaits."""

    __slots__ = ("args", "name")

    def __init__(self, name: str, *args: Any) -> None:
        self.name, self.args = name, args

    def __await__(self) -> Generator[Asked, Any, Any]:
        return (yield self)


class Context:
    """The part of Weft's context that the workflow uses."""

    def run(self, activity: str, *args: Any) -> Awaitable[Any]:
        return Asked(activity, *args)

    def wait_for_signal(self, name: str) -> Awaitable[Any]:
        return Asked(name)


async def counting_then_answering(ctx: Context, steps: int) -> None:
    """The workflow of ``definitions.py``, as a plain coroutine."""
    total = 0
    for number in range(steps):
        total += await ctx.run("nothing", number)
    while True:
        await ctx.wait_for_signal("go")
        await ctx.run("answer", total)


def record(path: Path, name: str, results: Iterable[Any]) -> None:
    """Write what a replay engine would have written by then."""
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode = WAL")
    with db:
        db.execute("CREATE TABLE history (run TEXT, step INTEGER, record BLOB, PRIMARY KEY (run, step)) WITHOUT ROWID")
        rows = ((step, msgpack.packb([name, result])) for step, result in enumerate(results))
        db.executemany("INSERT INTO history VALUES ('loop', ?, ?)", rows)
    db.close()


def open_history(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path)
    db.execute("PRAGMA synchronous = NORMAL")
    return db


def answer(db: sqlite3.Connection, steps: int) -> tuple[str, Any]:
    """Replay the run, signal it, and give what it asks for then: the activity's name and argument.

    The signal is committed, as the result of the activity would be.
    """
    run = counting_then_answering(Context(), steps)
    asked, step = recover(db, run)
    with db:
        db.execute("INSERT INTO history VALUES ('loop', ?, ?)", (step, msgpack.packb([asked.name, None])))
    asked = run.send(None)
    run.close()
    return asked.name, *asked.args


def take_back(db: sqlite3.Connection, steps: int) -> None:
    """Remove the signal, so that the same can be measured again, and close the file."""
    with db:
        db.execute("DELETE FROM history WHERE step >= ?", (steps,))
    db.close()


def recover(db: sqlite3.Connection, run: Coroutine[Asked, Any, Any]) -> tuple[Asked, int]:
    """Bring a coroutine to where its history ends: what it asks for there, and how many records there are."""
    send, unpack, step = run.send, msgpack.unpackb, 0
    asked = send(None)
    for (data,) in db.execute("SELECT record FROM history WHERE run = 'loop' ORDER BY step"):
        name, result = unpack(data)
        if name != asked.name:
            raise DivergedError(f"asked for {asked.name}, recorded was {name}")
        asked = send(result)
        step += 1
    return asked, step
