"""SQLite stores whose commits are made in the event loop whatever the disk of the machine is like."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

from weft_server.storage._sqlite_in_loop import EagerLane
from weft_server.storage._sqlite_pace import Pace
from weft_server.storage._sqlite_work import Commits
from weft_server.storage.sqlite import SQLiteStorage


class AlwaysQuick(Pace):
    def __init__(self) -> None:
        super().__init__()
        self.quick = True

    def in_loop(self, seconds: float) -> None:
        pass

    def in_thread(self, seconds: float, pages: int) -> None:
        pass


def commits_of(storage: SQLiteStorage) -> Commits:
    assert isinstance(storage._writer, EagerLane)
    work = storage._writer._work
    assert isinstance(work, Commits)
    return work


def eager_storage(path: str | Path, **options: object) -> SQLiteStorage:
    """From the second commit on, which finds the file open, only size and who else is there decide."""
    storage = SQLiteStorage(path, **options)  # type: ignore[arg-type]
    commits_of(storage).pace = AlwaysQuick()
    return storage


class Watched:
    """A connection that tells which thread ran what, and has a disk whose time is simulated."""

    def __init__(self, connection: sqlite3.Connection, commits: Commits) -> None:
        self.connection = connection
        self.ran: list[tuple[str, str]] = []
        self.commit_takes = 0.0
        self.after_commit: Callable[[], None] = lambda: None
        self._now = 0.0
        commits.clock = lambda: self._now

    @property
    def in_transaction(self) -> bool:
        return self.connection.in_transaction

    def execute(self, statement: str, *parameters: object) -> sqlite3.Cursor:
        where = "loop" if threading.current_thread() is threading.main_thread() else "thread"
        self.ran.append((where, statement))
        result = self.connection.execute(statement, *parameters)  # type: ignore[arg-type]
        if statement == "COMMIT":
            self._now += self.commit_takes
            self.after_commit()
        return result

    def close(self) -> None:
        self.connection.close()

    def committed_in(self) -> list[str]:
        """Where each commit was made since the last look."""
        found = [where for where, statement in self.ran if statement == "COMMIT"]
        self.ran.clear()
        return found


async def watch(storage: SQLiteStorage) -> Watched:
    """Open the file, if it is not yet, and watch the connection from now on."""
    await storage.put("watched", b"")
    connection = storage._writer._connection
    assert isinstance(connection, sqlite3.Connection)
    watched = Watched(connection, commits_of(storage))
    storage._writer._connection = watched  # type: ignore[assignment]
    return watched
