"""The statements. Keys are the UTF-8 bytes of their text, so that the database's order of bytes is the port's order."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

CREATE = "CREATE TABLE kv (key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL) WITHOUT ROWID"

_ABOVE_ALL = b"\xff"
"""No UTF-8 text begins with this byte."""

_SIZES = (64, 16, 4, 3, 2, 1)
"""Rows per statement. Few different statements, so that all stay prepared; and the fewer steps a batch takes, the less
often the thread gives away the interpreter lock, which a busy event loop returns only after 5 ms."""

_PUT = {size: "INSERT OR REPLACE INTO kv (key, value) VALUES " + ",".join(["(?,?)"] * size) for size in _SIZES}
_DELETE = {size: f"DELETE FROM kv WHERE key IN ({','.join('?' * size)})" for size in _SIZES}
_SCAN = "SELECT key, value FROM kv WHERE key >= ? AND key < ? ORDER BY key LIMIT ?"
_SCAN_BACK = "SELECT key, value FROM kv WHERE key >= ? AND key < ? ORDER BY key DESC LIMIT ?"


def get(key: bytes, connection: sqlite3.Connection) -> bytes | None:
    row = connection.execute("SELECT value FROM kv WHERE key = ?", (key,)).fetchone()
    return None if row is None else row[0]


def has(key: bytes, connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM kv WHERE key = ?", (key,)).fetchone() is not None


def put_all(rows: Sequence[tuple[bytes, bytes]], connection: sqlite3.Connection) -> None:
    """Write rows with different keys."""
    for start, size in _portions(len(rows)):
        flat = [field for row in rows[start : start + size] for field in row]
        connection.execute(_PUT[size], flat)


def delete_all(keys: Sequence[bytes], connection: sqlite3.Connection) -> None:
    for start, size in _portions(len(keys)):
        connection.execute(_DELETE[size], keys[start : start + size])


def _portions(count: int) -> list[tuple[int, int]]:
    """``count`` rows as (start, size) with sizes that have a statement."""
    found = []
    start = 0
    for size in _SIZES:
        while count - start >= size:
            found.append((start, size))
            start += size
    return found


def span(prefix: bytes, after: bytes | None, before: bytes | None) -> tuple[bytes, bytes]:
    """The half-open range of keys with the prefix, strictly between the bounds."""
    low = prefix if after is None else max(prefix, after + b"\0")
    # The last byte of UTF-8 text is below 0xff, so counting it up gives the end of the prefix.
    high = prefix[:-1] + bytes([prefix[-1] + 1]) if prefix else _ABOVE_ALL
    return low, high if before is None else min(high, before)


def scan(
    low: bytes, high: bytes, limit: int, reverse: bool, connection: sqlite3.Connection
) -> list[tuple[bytes, bytes]]:
    return connection.execute(_SCAN_BACK if reverse else _SCAN, (low, high, limit)).fetchall()


def delete_span(low: bytes, high: bytes, connection: sqlite3.Connection) -> int:
    return connection.execute("DELETE FROM kv WHERE key >= ? AND key < ?", (low, high)).rowcount
