"""SQLiteStorage: one file on a local disk. The default store of one machine.

Writes go to one thread with one connection; whatever waits there when it is free is committed together, so that many
callers share one sync of the disk. While the disk is quick the event loop makes small commits itself, on the same
connection: handing one to a thread and back takes 0.1 to 0.2 ms, which is as long as a quick disk needs. Reads go to a
second thread with its own connection: in WAL mode they neither wait for the writer nor hold it up.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from functools import partial
from typing import Literal

from weft_core.errors import CorruptRecordError, StorageOpenError
from weft_core.ports import DEFAULT_PAGE, Condition, Op, Row, StorageCapabilities
from weft_core.storage import check_bounds, check_key, check_value, encode_text
from weft_server.storage import _sqlite_sql as sql
from weft_server.storage._sqlite_batch import Batch, batch_of
from weft_server.storage._sqlite_file import Settings, open_file
from weft_server.storage._sqlite_in_loop import EagerLane, LoopLane
from weft_server.storage._sqlite_lanes import Lane
from weft_server.storage._sqlite_outbox import Outbox, outbox
from weft_server.storage._sqlite_transaction import SQLiteTransaction, Steps, Transaction, open_for_transactions
from weft_server.storage._sqlite_work import Commits, Reads
from weft_server.storage.lock import OwnerLock

__all__ = ["Outbox", "SQLiteStorage", "Transaction", "outbox"]
_UNKNOWN_PAGES = 256
"""For a call that may delete any number of rows; more than is done in the event loop."""


class SQLiteStorage:
    """A store in the file ``path``, which is created when it is first used, never by the constructor.

    ``durability="strict"`` (``synchronous=FULL``): what was acknowledged survives a power loss. ``"relaxed"``
    (``synchronous=NORMAL``): it survives the death of the process; a power loss may take the last commits, all or none
    of each. Another process that holds the file's write lock is waited for ``busy_timeout`` seconds, then
    StorageUnavailableError. A caller that is cancelled while it waits does not undo its write.

    ``commit_in`` says where commits are made. ``"auto"``: in the event loop's own thread if the last ones took less
    than 1.5 ms, no other is waiting or under way, and it is small (64 rows, 256 KiB); else in a thread of their own.
    The loop never waits there for another process, nor while the log is moved into the file. Its worst case is the
    one commit that finds out that the disk has become slow: the loop stands still for as long as that one takes, and
    the following ones go to the thread until it has been quick again for eight in a row, or more if that did not last.
    ``"thread"``: the loop waits for no disk, ever. For disks that may hang, such as those of a network. ``"loop"``: no
    threads at all, also for reads; the loop waits for the disk and for other processes. For a script that does nothing
    else meanwhile.

    ``read_only``: for looking. Nothing of the file changes, and a write raises StorageUnavailableError.

    Raises StorageOpenError from the first call if the file is of another program or a newer version of this one.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        durability: Literal["strict", "relaxed"] = "strict",
        busy_timeout: float = 5.0,
        commit_in: Literal["auto", "thread", "loop"] = "auto",
        read_only: bool = False,
    ) -> None:
        text = os.fspath(path)
        if not text or text == ":memory:" or text.startswith("file:"):
            raise StorageOpenError(
                store="SQLite",
                path=text,
                reason="it is not a path of a file",
                remedy="use MemoryStorage for a store in memory",
            )
        _check_choice(text, "durability", durability, ("strict", "relaxed"))
        _check_choice(text, "commit_in", commit_in, ("auto", "thread", "loop"))
        self.path = os.path.abspath(text)
        self.capabilities = StorageCapabilities(
            persistence="local", durability=durability, shared=True, transactions=True
        )
        strict = durability == "strict"
        settings = Settings(self.path, strict=strict, busy_timeout_s=busy_timeout, read_only=read_only)
        commits, reads = Commits(settings), Reads(settings)
        to_write, to_read = partial(open_file, settings), partial(open_file, settings, reading=True)
        self._writer: Lane | LoopLane
        self._reader: Lane | LoopLane
        self._transactions: Lane | LoopLane
        to_transact, steps = partial(open_for_transactions, settings), Steps(self.path)
        self._steps = steps
        if commit_in == "loop":
            self._writer = LoopLane(to_write, commits, self.path)
            self._reader = LoopLane(to_read, reads, self.path)
            self._transactions = LoopLane(to_transact, steps, self.path)
        else:
            kind = EagerLane if commit_in == "auto" else Lane
            self._writer = kind("writer", to_write, commits, self.path)
            self._reader = Lane("reader", to_read, reads, self.path)
            self._transactions = Lane("transactions", to_transact, steps, self.path)

    def owner_lock(self) -> OwnerLock:
        """The lock beside the file that says whether an engine that owns this store is alive. Not yet acquired."""
        return OwnerLock(self.path + "-lock")

    async def get(self, key: str) -> bytes | None:
        check_key(key)
        return await self._reader.submit(partial(sql.get, key.encode()))

    async def has(self, key: str) -> bool:
        check_key(key)
        return await self._reader.submit(partial(sql.has, key.encode()))

    async def put(self, key: str, value: bytes) -> None:
        check_key(key)
        check_value(key, value)
        await self._write(Batch((), ((key.encode(), value),), ()))

    async def delete(self, key: str) -> None:
        check_key(key)
        await self._write(Batch((), (), (key.encode(),)))

    async def scan(
        self,
        prefix: str,
        *,
        after: str | None = None,
        before: str | None = None,
        limit: int = DEFAULT_PAGE,
        reverse: bool = False,
    ) -> list[Row]:
        check_bounds(prefix, after, before)
        low, high = sql.span(prefix.encode(), _bytes(after), _bytes(before))
        rows = await self._reader.submit(partial(sql.scan, low, high, max(0, limit), reverse))
        try:
            return [(key.decode(), value) for key, value in rows]
        except (AttributeError, UnicodeDecodeError):
            raise CorruptRecordError(key=prefix, reason="a key with this prefix is not UTF-8 text") from None

    async def batch(self, ops: Sequence[Op]) -> None:
        await self._write(batch_of((), ops))

    async def conditional_batch(self, conditions: Sequence[Condition], ops: Sequence[Op]) -> bool:
        return await self._write(batch_of(conditions, ops))

    async def delete_prefix(self, prefix: str) -> int:
        check_bounds(prefix, None, None)
        return await self._writer.submit(
            partial(sql.delete_span, *sql.span(prefix.encode(), None, None)), _UNKNOWN_PAGES
        )

    def transaction(self) -> SQLiteTransaction:
        """A transaction that has not begun; one at a time."""
        return SQLiteTransaction(self._transactions, self._steps.file, self.path)

    def _write(self, batch: Batch) -> asyncio.Future[bool]:
        return self._writer.submit(batch, batch.pages())

    async def close(self) -> None:
        """Finish what was asked before, close the file, end all threads. Later calls raise StorageClosedError."""
        # The connection closed last folds the write-ahead log into the file; it must be the one that may write.
        await self._transactions.close()
        await self._reader.close()
        await self._writer.close()


def _check_choice(path: str, name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        remedy = "use " + " or ".join(f'"{choice}"' for choice in choices)
        raise StorageOpenError(store="SQLite", path=path, reason=f"{name} {value!r} is unknown", remedy=remedy)


def _bytes(bound: str | None) -> bytes | None:
    return None if bound is None else encode_text(bound)
