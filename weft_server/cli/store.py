"""Opening the store of a command: to run in it (one process at a time), or to look and leave messages (any number)."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

from weft_server.cli.failure import STORE_UNUSABLE, CommandError
from weft_server.storage.sqlite import SQLiteStorage


@contextlib.asynccontextmanager
async def owned(db: Path, durability: Literal["strict", "relaxed"]) -> AsyncIterator[SQLiteStorage]:
    """The store, made if it is not there, while no other process may run in it. Held by a living one: CommandError."""
    storage = SQLiteStorage(db, durability=durability)
    lock = storage.owner_lock()
    try:
        if not lock.acquire():
            owner = lock.owner_pid()
            raise CommandError(
                f"{db} is in use by another process"
                + (f" ({owner})" if owner else "")
                + ". Its runs can be spoken to from "
                "here with weft ls, show, signal and cancel; to start another run beside it, choose another --db",
                STORE_UNUSABLE,
            )
        yield storage
    finally:
        await storage.close()
        lock.release()


@contextlib.asynccontextmanager
async def shared(db: Path, *, read_only: bool = False) -> AsyncIterator[SQLiteStorage]:
    """The store, whoever owns it. No file there: CommandError, and none is made.

    ``read_only``: not a byte of the file changes.
    """
    if not db.is_file():
        raise CommandError(f"there is no store {str(db)!r}; weft run makes one, --db or WEFT_DB names another")
    storage = SQLiteStorage(db, read_only=read_only)
    try:
        yield storage
    finally:
        await storage.close()
