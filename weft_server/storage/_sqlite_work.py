"""What the two threads do with the calls they are given: reads one by one, writes in common transactions."""

from __future__ import annotations

import os
import sqlite3

from weft_core.errors import StorageUnavailableError
from weft_server.storage._sqlite_file import extend_log
from weft_server.storage._sqlite_lanes import Job, fail

_COMMITS_BEFORE_EXTENDING = 16
"""A command that only leaves a message does not pay for a long log."""


class Reads:
    """Each call by itself."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __call__(self, connection: sqlite3.Connection, jobs: list[Job]) -> None:
        for job in jobs:
            try:
                job.result = job.call(connection)
            except Exception as error:
                fail([job], error, self._path)


class Commits:
    """All calls in one transaction, one after the other, so that each sees the ones before it.

    A call that fails must not take others with it: then everything is rolled back and each is committed by itself.
    """

    def __init__(self, path: str, *, syncing: bool) -> None:
        self._path = path
        self._syncing = syncing
        self._file: tuple[int, int] | None = None
        self._commits = 0

    def __call__(self, connection: sqlite3.Connection, jobs: list[Job]) -> None:
        try:
            self._check_file()
            connection.execute("BEGIN IMMEDIATE")
        except Exception as error:
            fail(jobs, error, self._path)
            return
        try:
            for job in jobs:
                job.result = job.call(connection)
        except Exception as error:
            _roll_back(connection)
            if len(jobs) == 1:
                fail(jobs, error, self._path)
                return
            for job in jobs:
                self(connection, [job])
            return
        self._commit(connection, jobs)

    def _commit(self, connection: sqlite3.Connection, jobs: list[Job]) -> None:
        try:
            connection.execute("COMMIT")
        except Exception as error:
            # Still inside the transaction: the commit was refused as a whole and can be taken back.
            refused = connection.in_transaction
            _roll_back(connection)
            fail(jobs, error, self._path, commit_unknown=not refused)
            return
        self._commits += 1
        if self._syncing and self._commits == _COMMITS_BEFORE_EXTENDING:
            extend_log(connection, self._path)

    def _check_file(self) -> None:
        """Commits into a file that has been deleted would succeed, and be lost."""
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


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        try:
            connection.execute("ROLLBACK")
        except sqlite3.Error:
            pass  # the next BEGIN shows whether the connection still works
