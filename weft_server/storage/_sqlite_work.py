"""What is done with the calls a lane is given: reads one by one, writes in common transactions."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable

from weft_core.errors import StorageUnavailableError
from weft_server.storage._sqlite_file import Settings, extend_log
from weft_server.storage._sqlite_lanes import Job, fail
from weft_server.storage._sqlite_pace import Pace

_COMMITS_BEFORE_EXTENDING = 16
"""A command that only leaves a message does not pay for a long log."""

_MOST_UNMOVED = 1_000
"""Pages written to the log, by our estimate, before it is moved into the file."""


class Reads:
    """Each call by itself."""

    has_chores = False

    def __init__(self, settings: Settings) -> None:
        self._path = settings.path

    def __call__(self, connection: sqlite3.Connection, jobs: list[Job]) -> None:
        for job in jobs:
            try:
                job.result = job.call(connection)
            except Exception as error:
                fail([job], error, self._path)

    def tidy(self, connection: sqlite3.Connection) -> None:
        pass


class Commits:
    """All calls in one transaction, one after the other, so that each sees the ones before it.

    A call that fails must not take others with it: then everything is rolled back and each is committed by itself.
    """

    clock: Callable[[], float] = staticmethod(time.perf_counter)

    def __init__(self, settings: Settings) -> None:
        self.pace = Pace()
        self._path = settings.path
        self._syncing = settings.strict
        self._patience_ms = round(1000 * settings.busy_timeout_s)
        self._patient = True
        self._file = SameFile(settings.path)
        self._commits = 0
        self._unmoved = 0

    def __call__(self, connection: sqlite3.Connection, jobs: list[Job]) -> None:
        """Wait for the write lock as long as was set, and commit. Every job has a result or an error then."""
        try:
            self._together(connection, jobs)
        finally:
            roll_back(connection)  # only Ctrl-C in the middle leaves something

    def _together(self, connection: sqlite3.Connection, jobs: list[Job]) -> None:
        try:
            self._file.check()
            self._be_patient(connection, True)
            connection.execute("BEGIN IMMEDIATE")
        except Exception as error:
            fail(jobs, error, self._path)
            return
        began = self.clock()
        try:
            for job in jobs:
                job.result = job.call(connection)
        except Exception as error:
            roll_back(connection)
            if len(jobs) == 1:
                fail(jobs, error, self._path)
                return
            for job in jobs:
                self._together(connection, [job])
            return
        pages = self._commit(connection, jobs)
        self.pace.in_thread(self.clock() - began, pages)

    def at_once(self, connection: sqlite3.Connection, jobs: list[Job]) -> bool:
        """Commit if nothing is in the way. False: something was, and nothing is written."""
        began = self.clock()
        try:
            self._file.check()
            self._be_patient(connection, False)
            connection.execute("BEGIN IMMEDIATE")
            for job in jobs:
                job.result = job.call(connection)
            self._commit(connection, jobs)
        except Exception:  # another process writes, or a call fails: the thread finds out which
            return False
        finally:
            roll_back(connection)
        self.pace.in_loop(self.clock() - began)
        return True

    def _commit(self, connection: sqlite3.Connection, jobs: list[Job]) -> int:
        pages = sum([job.pages for job in jobs])
        try:
            connection.execute("COMMIT")
        except Exception as error:
            # Still inside the transaction: the commit was refused as a whole and can be taken back.
            refused = connection.in_transaction
            roll_back(connection)
            fail(jobs, error, self._path, commit_unknown=not refused)
        else:
            self._commits += 1
            self._unmoved += pages
        return pages

    @property
    def has_chores(self) -> bool:
        """Whether :meth:`tidy` has something to do."""
        return self._unmoved >= _MOST_UNMOVED or self._commits == _COMMITS_BEFORE_EXTENDING

    def tidy(self, connection: sqlite3.Connection) -> None:
        """Bring the log to its size, once, and move it into the file whenever it is full. Takes milliseconds."""
        if self._commits == _COMMITS_BEFORE_EXTENDING:
            self._commits += 1
            if self._syncing:
                self._be_patient(connection, True)
                extend_log(connection, self._path)
        if self._unmoved >= _MOST_UNMOVED:
            # If a reader is in its way it moves what it can, and the rest next time.
            self._unmoved = 0
            try:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            except sqlite3.Error:
                pass  # the log is still there and complete; a disk in trouble shows itself at the next commit

    def _be_patient(self, connection: sqlite3.Connection, patient: bool) -> None:
        """Whether the next BEGIN waits for another process. The event loop never does."""
        if patient is not self._patient:
            connection.execute(f"PRAGMA busy_timeout = {self._patience_ms if patient else 0}")
            self._patient = patient


class SameFile:
    """Commits into a file that has been deleted would succeed, and be lost."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: tuple[int, int] | None = None

    def check(self) -> None:
        """StorageUnavailableError: it is not the file of the first call."""
        try:
            found = os.stat(self._path)
        except OSError:
            found = None
        file = None if found is None else (found.st_dev, found.st_ino)
        if self._file is None:
            self._file = file
        if file is None or file != self._file:
            reason = f"{self._path} was deleted or replaced while it was open; close this store and look for the file"
            raise StorageUnavailableError(store="SQLite", path=self._path, reason=reason)


def roll_back(connection: sqlite3.Connection) -> None:
    """End the transaction, if there is one, without having written."""
    if connection.in_transaction:
        try:
            connection.execute("ROLLBACK")
        except sqlite3.Error:
            pass  # the next BEGIN shows whether the connection still works
