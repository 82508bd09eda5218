"""SQLiteSnapshot: a store as it is at one moment, for reading, while whoever owns it goes on writing."""

from __future__ import annotations

import os
import sqlite3
from typing import Final

from weft_core.ports import DEFAULT_PAGE, Row
from weft_core.storage import check_bounds, check_key, encode_text
from weft_server.storage import _sqlite_sql as sql
from weft_server.storage._sqlite_file import Settings, open_file, translate

_PATIENCE_S: Final = 5.0


class SQLiteSnapshot:
    """One read transaction from the first read to :meth:`close`. It blocks the thread. Nothing of the file changes; as
    long as it lasts the owner's write-ahead log grows. Raises what SQLiteStorage does."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.path.abspath(os.fspath(path))
        settings = Settings(self.path, strict=False, busy_timeout_s=_PATIENCE_S, read_only=True)
        self._connection = open_file(settings, reading=True)
        self._connection.execute("BEGIN")

    async def get(self, key: str) -> bytes | None:
        check_key(key)
        try:
            return sql.get(key.encode(), self._connection)
        except sqlite3.Error as error:
            raise translate(error, self.path) from None

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
        bounds = (None if bound is None else encode_text(bound) for bound in (after, before))
        low, high = sql.span(prefix.encode(), *bounds)
        try:
            rows = sql.scan(low, high, max(0, limit), reverse, self._connection)
        except sqlite3.Error as error:
            raise translate(error, self.path) from None
        return [(key.decode(), value) for key, value in rows]

    def close(self) -> None:
        self._connection.close()
