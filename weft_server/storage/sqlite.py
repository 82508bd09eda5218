"""SQLiteStorage: one file on a local disk. The default store of one machine.

Writes go to one thread with one connection; whatever waits there when it is free is committed together, so that many
callers share one sync of the disk. Reads go to a second thread with its own connection: in WAL mode they neither wait
for the writer nor hold it up, and the event loop waits for nobody.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from weft_core.errors import CorruptRecordError, StorageOpenError
from weft_core.ports import DEFAULT_PAGE, Condition, Op, Row, StorageCapabilities
from weft_core.storage import check_bounds, check_key, check_value, encode_text
from weft_server.storage import _sqlite_sql as sql
from weft_server.storage._sqlite_file import Settings, open_file
from weft_server.storage._sqlite_lanes import InlineLane, Lane
from weft_server.storage._sqlite_work import Commits, Reads
from weft_server.storage.lock import OwnerLock


class SQLiteStorage:
    """A store in the file ``path``, which is created when it is first used, never by the constructor.

    ``durability="strict"`` (``synchronous=FULL``): what was acknowledged survives a power loss. ``"relaxed"``
    (``synchronous=NORMAL``): it survives the death of the process; a power loss may take the last commits, all or none
    of each. Another process that holds the file's write lock is waited for ``busy_timeout`` seconds, then
    StorageUnavailableError. A caller that is cancelled while it waits does not undo its write.

    ``inline=True`` uses no threads: every call is made in the event loop's own thread, which waits for the disk. That
    saves the hand-off (about 0.1 ms a commit) and suits a script that does nothing else meanwhile. Not for servers: a
    disk that hangs, or another process that writes, stops the whole loop for that time.

    Raises StorageOpenError from the first call if the file is of another program or a newer version of this one.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        durability: Literal["strict", "relaxed"] = "strict",
        busy_timeout: float = 5.0,
        inline: bool = False,
    ) -> None:
        text = os.fspath(path)
        if not text or text == ":memory:" or text.startswith("file:"):
            raise StorageOpenError(
                store="SQLite",
                path=text,
                reason="it is not a path of a file",
                remedy="use MemoryStorage for a store in memory",
            )
        if durability not in ("strict", "relaxed"):
            raise StorageOpenError(
                store="SQLite",
                path=text,
                reason=f"durability {durability!r} is unknown",
                remedy='use "strict" or "relaxed"',
            )
        self.path = os.path.abspath(text)
        self.capabilities = StorageCapabilities(persistence="local", durability=durability, shared=True)
        settings = Settings(self.path, strict=durability == "strict", busy_timeout_s=busy_timeout)
        commits, reads = Commits(self.path, syncing=settings.strict), Reads(self.path)
        reader = partial(open_file, settings, reading=True)
        self._writer: Lane | InlineLane
        self._reader: Lane | InlineLane
        if inline:
            self._writer = InlineLane(partial(open_file, settings), commits, self.path)
            self._reader = InlineLane(reader, reads, self.path)
        else:
            self._writer = Lane("writer", partial(open_file, settings), commits, self.path)
            self._reader = Lane("reader", reader, reads, self.path)

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
        await self._writer.submit(Batch((), ((key.encode(), value),), ()))

    async def delete(self, key: str) -> None:
        check_key(key)
        await self._writer.submit(Batch((), (), (key.encode(),)))

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
        await self._writer.submit(_batch((), ops))

    async def conditional_batch(self, conditions: Sequence[Condition], ops: Sequence[Op]) -> bool:
        return await self._writer.submit(_batch(conditions, ops))

    async def delete_prefix(self, prefix: str) -> int:
        check_bounds(prefix, None, None)
        return await self._writer.submit(partial(sql.delete_span, *sql.span(prefix.encode(), None, None)))

    async def close(self) -> None:
        """Finish what was asked before, close the file, end both threads. Later calls raise StorageClosedError."""
        # The connection closed last folds the write-ahead log into the file; it must be the one that may write.
        await self._reader.close()
        await self._writer.close()


def _bytes(bound: str | None) -> bytes | None:
    return None if bound is None else encode_text(bound)


@dataclass(slots=True)
class Batch:
    """One batch in the database's terms. Calling it inside a transaction applies it; False: a condition failed."""

    conditions: Sequence[tuple[bytes, bytes | None]]
    puts: Sequence[tuple[bytes, bytes]]
    deletes: Sequence[bytes]

    def __call__(self, connection: sqlite3.Connection) -> bool:
        for key, expected in self.conditions:
            if sql.get(key, connection) != expected:
                return False
        if self.puts:
            sql.put_all(self.puts, connection)
        if self.deletes:
            sql.delete_all(self.deletes, connection)
        return True


def _batch(conditions: Sequence[Condition], ops: Sequence[Op]) -> Batch:
    """Check and encode. Only the last write of a key counts, so that puts and deletes may be applied set by set."""
    last: dict[str, bytes | None] = {}
    for key, value in ops:
        check_key(key)
        if value is not None:
            check_value(key, value)
        last[key] = value
    for key, _ in conditions:
        check_key(key)
    return Batch(
        [(key.encode(), expected) for key, expected in conditions],
        [(key.encode(), value) for key, value in last.items() if value is not None],
        [key.encode() for key, value in last.items() if value is None],
    )
