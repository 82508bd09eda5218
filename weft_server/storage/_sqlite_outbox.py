"""Starts and messages that become durable in the transaction of the caller, together with his own rows."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from weft_core import codec
from weft_core.engine.left_starts import Message, same_run, start_message, starts_among
from weft_core.errors import (
    OperationMisuseError,
    PayloadTooLargeError,
    RunFinishedError,
    RunNotFoundError,
    SignalNotDeclaredError,
    StorageOpenError,
)  # fmt: skip
from weft_core.machine import records
from weft_core.machine.sealed import seal_plain
from weft_core.model import keys
from weft_core.model.durations import Duration
from weft_core.model.limits import DEFAULT_LIMITS
from weft_core.model.run import RunHeader
from weft_core.workflow import Signal, Workflow
from weft_server.host import SystemIds
from weft_server.storage import _sqlite_sql as sql
from weft_server.storage._sqlite_file import APPLICATION_ID, FORMAT

_ids = SystemIds()
"""One for the process: messages are taken up in the order of their ids."""
_LEGACY = -1
"""``autocommit`` of a connection that goes by its ``isolation_level``; Python 3.11 knows no other."""


class Outbox:
    """Leaves starts, signals and cancels for the engine that owns the store, in whatever transaction is open.

    They exist if that transaction commits, and then the engine takes them up, once: within a fraction of a second if it
    runs, else when it next does. Use it where the connection may be used.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        application, version = self._pragma("application_id"), self._pragma("user_version")
        if application != APPLICATION_ID or version > FORMAT:
            raise StorageOpenError(
                store="SQLite",
                path=self._query("PRAGMA database_list")[0][2] or ":memory:",
                reason=f"its main database is no Weft store of this version ({application:#x}, format {version})",
                remedy="connect to the file of the store, after SQLiteStorage has made it",
            )

    def start(
        self,
        workflow: Workflow | str,
        /,
        *inputs: Any,
        id: str | None = None,
        idempotency_key: str | None = None,
        delay: Duration | None = None,
        start_at: datetime | int | float | None = None,
        execution_timeout: Duration | None = None,
        tags: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """Start a run if the transaction commits. Returns its id: ``id``, that of the run which has the key already, or
        a new one. The options are those of ``engine.start``; the execution timeout counts from when it is taken up.

        ``RunExistsError``, ``IdempotencyKeyConflictError``, ``InvalidInputError``, ``PayloadTooLargeError``. A workflow
        that the engine does not know, or whose inputs do not fit there, waits until one knows it and they do.
        """
        message = start_message(
            workflow, inputs, time.time_ns() // 1_000_000, _ids.new_id() if id is None else id,
            idempotency_key=idempotency_key, delay=delay, start_at=start_at, execution_timeout=execution_timeout,
            tags=tags, headers=headers,
        )  # fmt: skip
        found: str | None = self._leave(message, lambda own: self._same_run(message, id, own))
        return found or str(message[3]["id"])

    def signal(
        self, run_id: str, signal: Signal[Any] | str, payload: Any = None, *, signal_id: str | None = None
    ) -> None:
        """Send a signal if the transaction commits; also to a run that :meth:`start` is about to start.

        ``RunNotFoundError``, ``RunFinishedError``, ``SignalNotDeclaredError``, ``PayloadTooLargeError``.
        """
        name, data = signal.name if isinstance(signal, Signal) else signal, codec.dumps(payload)
        limit = DEFAULT_LIMITS.max_payload_bytes
        if len(data) > limit:
            raise PayloadTooLargeError(what=f"the payload of signal {name}", actual=len(data), limit=limit)
        self._leave(["signal", run_id, name, data, signal_id], lambda own: self._check_signal(run_id, name))

    def cancel(self, run_id: str, *, reason: str | None = None) -> None:
        """Ask a run to stop if the transaction commits. ``RunNotFoundError``, ``RunFinishedError``."""
        self._leave(["cancel", run_id, reason], lambda own: self._check_unfinished(run_id, "cancelling it"))

    # -- what is there already

    def _same_run(self, message: Message, chosen: str | None, own: str) -> str | None:
        run_id, key = message[3]["id"], message[3].get("key")
        of_key = self._get(keys.idempotency(key)) if key is not None else None
        return same_run(message, chosen, of_key, self._get(keys.run(run_id)), self._starts_left(own))

    def _check_signal(self, run_id: str, name: str) -> None:
        header = self._check_unfinished(run_id, "a signal")
        if header is not None and header.signals and name not in header.signals:
            raise SignalNotDeclaredError(workflow=header.workflow, signal=name, declared=header.signals)

    def _check_unfinished(self, run_id: str, action: str) -> RunHeader | None:
        """The run; None if it is about to start."""
        header = self._header(run_id)
        if header is None and all(start[3]["id"] != run_id for start in self._starts_left()):
            raise RunNotFoundError(run_id=run_id)
        if header is not None and header.finished_at is not None:
            raise RunFinishedError(run_id=run_id, status=header.status, action=action)
        return header

    def _header(self, run_id: str) -> RunHeader | None:
        record = self._get(keys.run(run_id))
        return records.read_header(run_id, record) if record is not None else None

    def _starts_left(self, own: str = "") -> Iterator[Message]:
        """The starts that nobody has taken up yet, but for the one of that key."""
        low, high = sql.span(keys.INBOX.encode(), None, None)
        rows = self._query("SELECT key, value FROM kv WHERE key >= ? AND key < ?", low, high)
        return starts_among((key.decode(), data) for key, data in rows if key != own.encode())

    def _get(self, key: str) -> bytes | None:
        rows = self._query("SELECT value FROM kv WHERE key = ?", key.encode())
        return rows[0][0] if rows else None

    # -- the transaction

    def _leave(self, message: Message, check: Callable[[str], Any]) -> Any:
        """Write it, unless ``check`` raises or says what is there already."""
        self._begin()
        self._query("SAVEPOINT weft_outbox")
        kept = False
        try:
            # First, for it takes the write lock: what is read now is true until the transaction ends.
            key = keys.inbox(_ids.new_id())
            self._query("INSERT INTO kv (key, value) VALUES (?, ?)", key.encode(), seal_plain(key, message))
            found = check(key)
            kept = not isinstance(found, str)
            return found
        finally:
            if not kept:
                self._query("ROLLBACK TO weft_outbox")
            self._query("RELEASE weft_outbox")

    def _begin(self) -> None:
        """See to it that there is a transaction which the caller ends."""
        connection = self._connection
        if connection.in_transaction:
            return
        if getattr(connection, "autocommit", _LEGACY) is True or connection.isolation_level is None:
            reason = "the connection commits every statement by itself, and no transaction is open; BEGIN one first"
            raise OperationMisuseError(operation="outbox", reason=reason)
        self._query("BEGIN IMMEDIATE")

    def _query(self, text: str, *values: Any) -> list[Any]:
        cursor = self._connection.cursor()
        cursor.row_factory = None  # whatever the caller's is
        try:
            return cursor.execute(text, values).fetchall()
        finally:
            cursor.close()

    def _pragma(self, name: str) -> int:
        return int(self._query(f"PRAGMA {name}")[0][0])


def outbox(connection: sqlite3.Connection) -> Outbox:
    """Starts, signals and cancels in the caller's own transaction: ``outbox(connection).start(ship, order)``.

    ``connection`` is one to the file of a store, and has the caller's own tables beside it. ``StorageOpenError``.
    """
    return Outbox(connection)
