"""A batch of the port in the database's terms."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from weft_core.ports import Condition, Op
from weft_core.storage import check_key, check_value
from weft_server.storage import _sqlite_sql as sql

_PAGE = 4096


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

    def pages(self) -> int:
        """About how many pages it changes: one for each row, and one more for each 4 KiB."""
        size = sum([len(value) for _, value in self.puts])
        return len(self.conditions) + len(self.puts) + len(self.deletes) + size // _PAGE


def batch_of(conditions: Sequence[Condition], ops: Sequence[Op]) -> Batch:
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
