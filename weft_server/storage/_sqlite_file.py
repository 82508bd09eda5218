"""Opening the file: whose it is, how it is set up, and what its errors mean to us."""

from __future__ import annotations

import os
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from weft_core.errors import (
    CommitUnknownError,
    StorageCorruptError,
    StorageError,
    StorageOpenError,
    StorageQuotaError,
    StorageUnavailableError,
)
from weft_server.storage import _sqlite_sql as sql

APPLICATION_ID = 0x57454654
"""Written into the header of the file; "WEFT" in ASCII."""

FORMAT = 1
"""The version of the table layout (``user_version``). A file with a greater one was written by a newer Weft."""

_STORE = "SQLite"
_RETRY_S = 0.02
_LOG_BYTES = 4_608 * 1024
"""A little over the 1,000 pages after which the log is moved into the file and begun anew."""
_ZEROS = bytes(64 * 1024)


@dataclass(frozen=True, slots=True)
class Settings:
    path: str
    strict: bool
    busy_timeout_s: float
    read_only: bool = False


def open_file(settings: Settings, *, reading: bool = False) -> sqlite3.Connection:
    """A connection to the store in this file, made if the file is absent or empty. StorageOpenError: not ours."""
    try:
        # One thread at a time uses it, but not always the same: see the lanes.
        connection = sqlite3.connect(
            _address(settings),
            uri=settings.read_only,
            timeout=settings.busy_timeout_s,
            isolation_level=None,
            check_same_thread=False,
        )
    except sqlite3.Error as error:
        raise _cannot_open(settings.path, str(error)) from None
    try:
        _prepare(connection, settings)
        if reading:
            connection.execute("PRAGMA query_only = ON")
    except BaseException as error:
        connection.close()
        raise _opening_error(error, settings.path) from None
    return connection


def _address(settings: Settings) -> str:
    # Opened so, not even what a killed process left in the log is moved into the file.
    return f"{Path(settings.path).as_uri()}?mode=ro" if settings.read_only else settings.path


def _prepare(connection: sqlite3.Connection, settings: Settings) -> None:
    # Looked at before anything is changed: switching to WAL would write into another program's file.
    connection.execute("BEGIN")  # one view of the file: another process may be making the store just now
    ours = _is_ours(connection, settings.path)
    connection.execute("COMMIT")
    if settings.read_only:
        if not ours:
            raise StorageOpenError(
                store=_STORE, path=settings.path, reason="it is empty", remedy="weft run makes a store"
            )
        return
    _switch_to_wal(connection, settings)
    connection.execute(f"PRAGMA synchronous = {'FULL' if settings.strict else 'NORMAL'}")
    if settings.strict:
        # macOS: a plain fsync there leaves the data in the drive's cache.
        connection.execute("PRAGMA fullfsync = ON")
        connection.execute("PRAGMA checkpoint_fullfsync = ON")
    # Deleted rows are not overwritten with zeros; some builds do that by default, and it costs writes.
    connection.execute("PRAGMA secure_delete = OFF")
    connection.execute("PRAGMA cache_size = -8000")
    # Moving the log into the file may take long; who commits decides when and where.
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    if not ours:
        _create(connection, settings.path)


def _is_ours(connection: sqlite3.Connection, path: str) -> bool:
    """True: our store. False: an empty file. Anything else is refused."""
    application = _pragma(connection, "application_id")
    version = _pragma(connection, "user_version")
    if application == APPLICATION_ID:
        if version > FORMAT:
            reason = f"it was written by a newer Weft (format {version}, this one knows {FORMAT})"
            raise StorageOpenError(
                store=_STORE, path=path, reason=reason, remedy="upgrade weft-engine; it is unchanged"
            )
        return True
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if application or version or tables:
        raise StorageOpenError(
            store=_STORE,
            path=path,
            reason=f"it is a database of another program (application_id {application:#x}, {tables} tables)",
            remedy="give Weft a path of its own; this file is unchanged",
        )
    return False


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value


def _switch_to_wal(connection: sqlite3.Connection, settings: Settings) -> None:
    """Two connections that switch at once get SQLITE_BUSY without SQLite's own waiting, so the waiting is here."""
    deadline = time.monotonic() + settings.busy_timeout_s
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            break
        except sqlite3.OperationalError as error:
            if _primary(error) not in _BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_S)
    if mode != "wal":
        raise StorageOpenError(
            store=_STORE,
            path=settings.path,
            reason=f"its file system cannot hold a write-ahead log (journal mode {mode})",
            remedy="put it on a local disk",
        )


def _create(connection: sqlite3.Connection, path: str) -> None:
    connection.execute("BEGIN IMMEDIATE")
    # Another process may have made the store while we waited for the lock.
    if not _is_ours(connection, path):
        connection.execute(sql.CREATE)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FORMAT}")
    connection.execute("COMMIT")
    _sync_directory(os.path.dirname(path))


def _sync_directory(path: str) -> None:
    """The name of the new file must survive a power loss as well as its contents."""
    if os.name != "posix":
        return
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def extend_log(connection: sqlite3.Connection, path: str) -> None:
    """Bring the write-ahead log to the size it will have anyway, with zeros.

    A commit that lengthens a file also has to sync the file system's own journal: on ext4 that doubles its time, for
    the first 300 commits after each start. Zeros after the last frame are no frame to SQLite (their checksum is wrong).
    The write lock keeps others from appending meanwhile. About 10 ms.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            log = os.open(path + "-wal", os.O_RDWR | getattr(os, "O_BINARY", 0))
            try:
                _fill(log)
            finally:
                os.close(log)
        finally:
            connection.execute("ROLLBACK")
    except (OSError, sqlite3.Error):
        pass  # it is only faster with it; a full disk shows itself at the next commit


def _fill(file: int) -> None:
    end = os.lseek(file, 0, os.SEEK_END)
    while end < _LOG_BYTES:
        end += os.write(file, _ZEROS)
    os.fsync(file)


# ------------------------------------------------------------------ errors

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def _primary(error: BaseException) -> int:
    """SQLite's primary result code; extended codes carry it in their low byte."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def translate(error: BaseException, path: str, *, commit_unknown: bool = False) -> BaseException:
    """Our error for what SQLite (or Python around it) raised. All but CommitUnknownError mean: nothing was written."""
    if isinstance(error, StorageError):
        return error
    code = _primary(error)
    reason = f"{error} [{getattr(error, 'sqlite_errorname', type(error).__name__)}]"
    if code == sqlite3.SQLITE_FULL:
        return StorageQuotaError(store=_STORE, path=path, reason=reason)
    if code in _DAMAGED:
        return StorageCorruptError(store=_STORE, path=path, reason=reason)
    if code in _BUSY:
        return StorageUnavailableError(store=_STORE, path=path, reason=f"another process is writing: {reason}")
    if commit_unknown:
        return CommitUnknownError(store=_STORE, path=path, reason=reason)
    return StorageUnavailableError(store=_STORE, path=path, reason=reason)


def _cannot_open(path: str, reason: str) -> StorageOpenError:
    remedy = "check that its directory exists and that this user may write there"
    return StorageOpenError(store=_STORE, path=path, reason=reason, remedy=remedy)


def _opening_error(error: BaseException, path: str) -> BaseException:
    code = _primary(error)
    if code == sqlite3.SQLITE_NOTADB:
        reason, remedy = "it is not a database", "give Weft a path of its own; this file is unchanged"
        return StorageOpenError(store=_STORE, path=path, reason=reason, remedy=remedy)
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return _cannot_open(path, str(error))
    return translate(error, path)
