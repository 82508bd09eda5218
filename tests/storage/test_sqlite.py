"""What SQLiteStorage promises beyond the contract. Processes are real and are killed."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from pathlib import Path

import pytest

from weft_core.errors import (
    CommitUnknownError,
    StorageClosedError,
    StorageCorruptError,
    StorageOpenError,
    StorageQuotaError,
    StorageUnavailableError,
)
from weft_server.storage import _sqlite_file as file
from weft_server.storage.sqlite import SQLiteStorage


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "weft.db"


# ------------------------------------------------------------------ who waits for whom


async def test_a_reader_in_the_middle_of_a_read_does_not_hold_up_a_writer(path: Path):
    storage = SQLiteStorage(path, busy_timeout=0.1)
    await storage.batch([(f"k/{index}", b"1") for index in range(10)])
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    seen = reader.execute("SELECT key, value FROM kv ORDER BY key")
    first = seen.fetchone()
    await storage.batch([(f"k/{index}", b"2") for index in range(10)])
    assert await storage.get("k/0") == b"2"
    assert [first[1], *(value for _, value in seen)] == [b"1"] * 10
    reader.close()
    await storage.close()


async def test_reads_and_the_event_loop_go_on_while_a_write_waits_for_another_process(path: Path):
    storage = SQLiteStorage(path, busy_timeout=30)
    await storage.put("k", b"1")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writing = asyncio.ensure_future(storage.put("k", b"2"))
    for _ in range(20):
        assert await storage.get("k") == b"1"
    assert not writing.done()
    other.execute("ROLLBACK")
    await writing
    assert await storage.get("k") == b"2"
    other.close()
    await storage.close()


async def test_a_write_lock_held_too_long_is_unavailable_and_writes_nothing(path: Path):
    storage = SQLiteStorage(path, busy_timeout=0.02)
    await storage.put("k", b"1")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    outcomes = await asyncio.gather(*(storage.put("k", b"2") for _ in range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StorageUnavailableError] * 3
    other.execute("ROLLBACK")
    other.close()
    assert await storage.get("k") == b"1"
    await storage.put("k", b"3")
    assert await storage.get("k") == b"3"
    await storage.close()


async def test_writes_that_wait_together_share_commits(path: Path):
    storage = SQLiteStorage(path)
    await storage.put("k", b"")
    observer = sqlite3.connect(path, isolation_level=None)
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    writes = [asyncio.ensure_future(storage.put(f"k/{index}", b"")) for index in range(100)]
    await asyncio.sleep(0)
    blocker.execute("ROLLBACK")
    await asyncio.gather(*writes)
    frames = observer.execute("PRAGMA wal_checkpoint").fetchone()[1]
    assert frames < 30, f"{frames} pages were logged for 100 writes"
    blocker.close()
    observer.close()
    await storage.close()


async def test_a_call_that_fails_does_not_take_those_that_wait_with_it_along(path: Path):
    storage = SQLiteStorage(path)
    await storage.put("k", b"1")

    def broken(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO kv VALUES (x'61', NULL)")

    outcomes = await asyncio.gather(
        storage.put("before", b"1"),
        storage._writer.submit(broken),
        storage.conditional_batch([("k", b"0")], [("never", b"")]),
        storage.conditional_batch([("before", b"1")], [("after", b"1")]),
        return_exceptions=True,
    )
    assert isinstance(outcomes[1], StorageUnavailableError)
    assert [outcomes[0], *outcomes[2:]] == [None, False, True]
    assert [key for key, _ in await storage.scan("")] == ["after", "before", "k"]
    await storage.close()


async def test_a_cancelled_caller_neither_stops_its_write_nor_the_store(path: Path):
    storage = SQLiteStorage(path)
    task = asyncio.ensure_future(storage.put("k", b"1"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await storage.put("j", b"2")
    assert await storage.get("k") == b"1"
    await storage.close()


def test_a_store_may_be_used_by_one_event_loop_after_the_other(path: Path):
    storage = SQLiteStorage(path)
    asyncio.run(storage.put("k", b"1"))
    assert asyncio.run(storage.get("k")) == b"1"
    asyncio.run(storage.close())


def test_an_event_loop_that_ends_while_its_write_is_under_way_harms_nobody(path: Path):
    storage = SQLiteStorage(path)

    async def leave() -> None:
        for index in range(50):
            asyncio.ensure_future(storage.put(f"k/{index:02d}", b"1"))
        await asyncio.sleep(0)

    for _ in range(5):
        asyncio.run(leave())
    asyncio.run(storage.put("last", b""))
    assert len(asyncio.run(storage.scan("k/"))) == 50
    asyncio.run(storage.close())


def test_two_event_loops_may_use_one_store_at_once(path: Path):
    storage = SQLiteStorage(path)

    async def write(name: str) -> None:
        for index in range(50):
            await storage.put(f"{name}/{index:02d}", b"1")
            assert await storage.has(f"{name}/{index:02d}")

    threads = [threading.Thread(target=asyncio.run, args=(write(name),)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(asyncio.run(storage.scan(""))) == 100
    asyncio.run(storage.close())


def test_opening_and_closing_leaves_no_files_open(path: Path):
    async def use() -> None:
        storage = SQLiteStorage(path)
        await storage.put("k", b"1")
        await storage.get("k")
        await storage.close()

    asyncio.run(use())
    lowest = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest)
    for _ in range(5):
        asyncio.run(use())
    again = os.open(os.devnull, os.O_RDONLY)
    os.close(again)
    assert again == lowest, "the lowest free number is still the same"


async def test_closing_ends_the_threads_and_leaves_one_file(path: Path):
    before = set(threading.enumerate())
    storage = SQLiteStorage(path)
    await storage.put("k", b"1")
    await storage.get("k")
    started = {thread for thread in threading.enumerate() if thread.name.startswith("weft-sqlite")} - before
    assert len(started) == 2
    await storage.close()
    assert not any(thread.is_alive() for thread in started)
    assert os.listdir(path.parent) == ["weft.db"]
    with pytest.raises(StorageClosedError):
        await storage.get("k")


# ------------------------------------------------------------------ whose file it is


async def test_the_constructor_touches_nothing(path: Path):
    SQLiteStorage(path)
    assert os.listdir(path.parent) == []


async def test_a_file_of_another_program_is_refused_and_left_as_it_is(path: Path):
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE customers (name)")
    connection.close()
    before = path.read_bytes()
    storage = SQLiteStorage(path)
    for call in (storage.get("k"), storage.put("k", b"")):
        with pytest.raises(StorageOpenError, match="another program"):
            await call
    await storage.close()
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["weft.db"]


async def test_a_file_of_a_newer_version_is_refused_and_left_as_it_is(path: Path):
    storage = SQLiteStorage(path)
    await storage.put("k", b"1")
    await storage.close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {file.FORMAT + 1}")
    connection.close()
    newer = SQLiteStorage(path)
    with pytest.raises(StorageOpenError, match="upgrade weft-engine"):
        await newer.put("k", b"2")
    await newer.close()


async def test_a_file_that_is_no_database_is_refused(path: Path):
    path.write_bytes(b"This is a letter, not a database. " * 100)
    storage = SQLiteStorage(path)
    with pytest.raises(StorageOpenError, match="not a database"):
        await storage.get("k")
    await storage.close()


async def test_an_empty_file_is_taken(path: Path):
    path.touch()
    storage = SQLiteStorage(path)
    await storage.put("k", b"1")
    await storage.close()


@pytest.mark.parametrize("name", ["", ":memory:", "file:weft.db?mode=ro"])
def test_what_is_not_a_path_is_refused_with_a_remedy(name: str):
    with pytest.raises(StorageOpenError, match="MemoryStorage"):
        SQLiteStorage(name)


async def test_a_missing_directory_is_named_and_may_be_made_later(tmp_path: Path):
    path = tmp_path / "later" / "weft.db"
    storage = SQLiteStorage(path)
    with pytest.raises(StorageOpenError, match="directory"):
        await storage.put("k", b"1")
    path.parent.mkdir()
    await storage.put("k", b"1")
    assert await storage.get("k") == b"1"
    await storage.close()


async def test_two_stores_may_make_the_same_file_at_once(path: Path):
    stores = [SQLiteStorage(path) for _ in range(8)]
    won = await asyncio.gather(*(store.conditional_batch([("k", None)], [("k", b"")]) for store in stores))
    assert sorted(won) == [False] * 7 + [True]
    for store in stores:
        await store.close()


# ------------------------------------------------------------------ trouble


async def test_a_deleted_file_is_noticed_before_anything_is_acknowledged(path: Path):
    storage = SQLiteStorage(path)
    await storage.put("k", b"1")
    path.rename(path.with_name("moved.db"))
    with pytest.raises(StorageUnavailableError, match="deleted or replaced"):
        await storage.put("k", b"2")
    path.touch()
    with pytest.raises(StorageUnavailableError, match="deleted or replaced"):
        await storage.put("k", b"2")
    await storage.close()


async def test_a_full_disk_is_a_quota_error_and_writes_nothing(path: Path):
    """max_page_count gives the same error as a full disk, at the same places."""
    storage = SQLiteStorage(path)
    await storage.put("k", b"1")
    await storage._writer.submit(lambda connection: connection.execute("PRAGMA max_page_count = 8").fetchall())
    outcomes = await asyncio.gather(
        storage.put("small", b"1"), storage.put("large", b"x" * 100_000), return_exceptions=True
    )
    assert isinstance(outcomes[1], StorageQuotaError)
    assert [key for key, _ in await storage.scan("")] == ["k", "small"]
    await storage.close()


async def test_a_damaged_file_is_reported_as_damaged(path: Path):
    storage = SQLiteStorage(path)
    await storage.batch([(f"k/{index:04d}", b"x" * 200) for index in range(500)])
    await storage.close()
    damaged = bytearray(path.read_bytes())
    damaged[4096:] = b"\xa5" * (len(damaged) - 4096)
    path.write_bytes(damaged)
    again = SQLiteStorage(path)
    with pytest.raises(StorageCorruptError, match="damaged"):
        await again.scan("")
    await again.close()


def _sqlite_error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("simulated")
    error.sqlite_errorcode, error.sqlite_errorname = code, "SIMULATED"
    return error


@pytest.mark.parametrize(
    ("code", "commit_unknown", "expected"),
    [
        (sqlite3.SQLITE_BUSY, False, StorageUnavailableError),
        (sqlite3.SQLITE_BUSY | 2 << 8, False, StorageUnavailableError),
        (sqlite3.SQLITE_FULL, True, StorageQuotaError),
        (sqlite3.SQLITE_CORRUPT, False, StorageCorruptError),
        (sqlite3.SQLITE_IOERR | 4 << 8, False, StorageUnavailableError),
        (sqlite3.SQLITE_IOERR | 4 << 8, True, CommitUnknownError),
        (0, True, CommitUnknownError),
    ],
)
def test_each_error_of_sqlite_has_one_of_ours(code: int, commit_unknown: bool, expected: type):
    assert type(file.translate(_sqlite_error(code), "weft.db", commit_unknown=commit_unknown)) is expected


async def test_a_commit_that_breaks_off_is_unknown_and_the_next_one_works(path: Path):
    """A connection whose COMMIT fails after the transaction ended is what a failing fsync looks like."""
    storage = SQLiteStorage(path)
    await storage.put("k", b"1")
    whole = storage._writer._connection

    class Breaking:
        def __init__(self, connection: sqlite3.Connection) -> None:
            self.connection = connection

        @property
        def in_transaction(self) -> bool:
            return self.connection.in_transaction

        def execute(self, statement: str, *parameters: object) -> object:
            result = self.connection.execute(statement, *parameters)
            if statement == "COMMIT":
                raise _sqlite_error(sqlite3.SQLITE_IOERR)
            return result

    storage._writer._connection = Breaking(whole)  # type: ignore[arg-type]
    with pytest.raises(CommitUnknownError, match="read back"):
        await storage.put("k", b"2")
    storage._writer._connection = whole
    assert await storage.get("k") == b"2"
    await storage.put("k", b"3")
    await storage.close()
