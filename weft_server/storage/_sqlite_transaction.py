"""Transactions that hold statements of the author's and a batch of ours: both are committed, or neither (G5)."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

from weft_core.errors import OperationMisuseError, StorageClosedError
from weft_core.ports import Condition, Op
from weft_server.storage._sqlite_batch import batch_of
from weft_server.storage._sqlite_file import Settings, open_file, translate
from weft_server.storage._sqlite_in_loop import LoopLane
from weft_server.storage._sqlite_lanes import Job, Lane
from weft_server.storage._sqlite_work import SameFile, roll_back

T = TypeVar("T")

_MOST_UNMOVED = 250
"""Commits before the log is moved into the file."""
_FORBIDDEN = frozenset({
    sqlite3.SQLITE_TRANSACTION, sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH, sqlite3.SQLITE_CREATE_TEMP_TABLE,
    sqlite3.SQLITE_CREATE_TEMP_VIEW, sqlite3.SQLITE_CREATE_TEMP_TRIGGER, sqlite3.SQLITE_CREATE_TEMP_INDEX,
})  # fmt: skip
_LOOKING = frozenset({"table_info", "table_xinfo", "table_list", "index_list", "index_info", "foreign_key_list"})
"""Pragmas that only look at the author's tables."""
_OURS = "kv"
_ON_A_TABLE = frozenset({sqlite3.SQLITE_ALTER_TABLE, sqlite3.SQLITE_CREATE_TRIGGER, sqlite3.SQLITE_CREATE_INDEX})
"""Here the table is the second argument."""


class Transaction:
    """What a transactional activity is given: the author's tables, in the transaction that records its outcome.

    It can neither commit nor roll back: the activity's return commits, an error rolls back. It works only in the thread
    that the activity is called in, and only until it returns. Foreign keys are enforced.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection: sqlite3.Connection | None = connection

    def execute(self, statement: str, parameters: Any = ()) -> sqlite3.Cursor:
        """One statement; its rows are those of the cursor, as tuples. ``sqlite3.Error``, and ``OperationMisuseError``
        for what may not be done here."""
        return self._do(lambda connection: connection.execute(statement, parameters))

    def executemany(self, statement: str, parameters: Iterable[Any]) -> sqlite3.Cursor:
        """One statement for each of the parameters."""
        return self._do(lambda connection: connection.executemany(statement, parameters))

    def _do(self, call: Callable[[sqlite3.Connection], sqlite3.Cursor]) -> sqlite3.Cursor:
        connection = self._connection
        if connection is None or not connection.in_transaction:
            told = "the transaction is over" if connection is None else "the database has rolled the transaction back"
            raise OperationMisuseError(operation="a transactional activity", reason=told)
        try:
            return call(connection)
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) != sqlite3.SQLITE_AUTH:
                raise
            told = (
                "it can neither end the transaction, nor attach databases, nor set pragmas, nor touch Weft's own table"
            )
            raise OperationMisuseError(operation="a transactional activity", reason=f"{told}: {error}") from None

    def close(self) -> None:
        """It has been handed out for long enough."""
        self._connection = None


class SQLiteTransaction:
    """One transaction, driven from the event loop; its steps are made in the lane's thread."""

    def __init__(self, lane: Lane | LoopLane, file: SameFile, path: str) -> None:
        self._lane, self._file, self._path = lane, file, path
        self._connection: sqlite3.Connection | None = None
        self._cut_short = False
        self.is_open = False
        """Begun, and neither committed nor rolled back."""

    async def begin(self, conditions: Sequence[Condition]) -> bool:
        """False: a condition does not hold, and nothing has begun. StorageError: likewise."""
        held = batch_of(conditions, ())
        self.is_open = await self._lane.submit(partial(self._begin, held))
        return self.is_open

    async def run(self, fn: Callable[[Transaction], T]) -> T:
        """Have the author's statements made. What it raises is raised; then :meth:`abandon` it."""
        return await self._lane.submit(partial(self._run, fn))

    async def commit(self, ops: Sequence[Op]) -> None:
        """Add our batch and commit. StorageError: not committed, as far as is known; while it ``is_open`` this may be
        tried again."""
        await self._lane.submit(partial(self._commit, batch_of((), ops)))

    def interrupt(self) -> None:
        """End the statement under way, and refuse further ones. From the event loop."""
        self._cut_short = True
        if self._connection is not None:
            self._connection.interrupt()

    def abandon(self) -> None:
        """Roll back, when what runs in it has ended. Nobody waits for that."""
        self.interrupt()
        try:
            self._lane.submit(self._abandon).add_done_callback(_seen)
        except StorageClosedError:
            pass  # and with it the connection

    # -- in the lane's thread

    def _begin(self, held: Callable[[sqlite3.Connection], bool], connection: sqlite3.Connection) -> bool:
        roll_back(connection)
        try:
            self._file.check()
            connection.execute("BEGIN IMMEDIATE")
            if held(connection):
                self._connection = connection
                return True
        except Exception as error:
            roll_back(connection)
            raise translate(error, self._path) from None
        roll_back(connection)
        return False

    def _run(self, fn: Callable[[Transaction], T], connection: sqlite3.Connection) -> T:
        given = Transaction(connection)
        connection.set_authorizer(self._allow)
        # Looked at between the steps of a statement too, so that a long one can be cut short.
        connection.set_progress_handler(lambda: self._cut_short, 1000)
        try:
            value = fn(given)
        finally:
            given.close()
            connection.set_progress_handler(None, 0)
            connection.set_authorizer(None)
        if not connection.in_transaction:
            reason = "the database has rolled the transaction back, and the activity went on as if it had not"
            raise OperationMisuseError(operation="a transactional activity", reason=reason)
        _check_deferred(connection)
        return value

    def _allow(self, action: int, first: str | None, second: str | None, *_: Any) -> int:
        if self._cut_short or action in _FORBIDDEN:
            return sqlite3.SQLITE_DENY
        if action == sqlite3.SQLITE_PRAGMA:
            return sqlite3.SQLITE_OK if first in _LOOKING else sqlite3.SQLITE_DENY
        table = second if action in _ON_A_TABLE else first
        return sqlite3.SQLITE_DENY if table == _OURS else sqlite3.SQLITE_OK

    def _commit(self, ours: Callable[[sqlite3.Connection], bool], connection: sqlite3.Connection) -> None:
        try:
            ours(connection)
            connection.execute("COMMIT")
        except Exception as error:
            self.is_open = connection.in_transaction
            raise translate(error, self._path, commit_unknown=not self.is_open) from None
        self.is_open = False

    def _abandon(self, connection: sqlite3.Connection) -> None:
        self.is_open = False
        roll_back(connection)


def _seen(rolled_back: asyncio.Future[None]) -> None:
    if not rolled_back.cancelled():
        rolled_back.exception()  # the next begin rolls back first


def _check_deferred(connection: sqlite3.Connection) -> None:
    """Constraints that would be checked at the commit are checked now, while the outcome can still be an error."""
    deferred = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND sql LIKE '%INITIALLY%DEFERRED%'"
    if connection.execute(deferred).fetchone() and connection.execute("PRAGMA foreign_key_check").fetchone():
        raise sqlite3.IntegrityError("FOREIGN KEY constraint failed")


class Steps:
    """The work of the lane: each call by itself, and what it raises as it is."""

    def __init__(self, path: str) -> None:
        self.file = SameFile(path)
        self._commits = 0

    def __call__(self, connection: sqlite3.Connection, jobs: list[Job]) -> None:
        for job in jobs:
            try:
                job.result = job.call(connection)
            except BaseException as error:  # of the author's function, perhaps SystemExit
                job.error = error if not isinstance(error, StopIteration) else RuntimeError(repr(error))
        self._commits += len(jobs)

    @property
    def has_chores(self) -> bool:
        return self._commits >= _MOST_UNMOVED

    def tidy(self, connection: sqlite3.Connection) -> None:
        """Move the log into the file, as the lane of the commits does with what it has written."""
        self._commits = 0
        if not connection.in_transaction:
            try:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            except sqlite3.Error:
                pass  # the log is still there and complete


def open_for_transactions(settings: Settings) -> sqlite3.Connection:
    connection = open_file(settings)
    connection.execute("PRAGMA foreign_keys = ON")
    return connection
