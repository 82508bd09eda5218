"""Commits in the event loop's own thread: when, and that nothing else is different."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import weft_core
from tests.storage.eager import commits_of, eager_storage, watch
from weft_core.errors import CommitUnknownError, StorageOpenError, StorageQuotaError, StorageUnavailableError
from weft_server.storage import _sqlite_in_loop
from weft_server.storage._sqlite_pace import QUICK_S, Pace
from weft_server.storage.sqlite import SQLiteStorage

SMALL = [("k", b"1")]
MANY = [(f"many/{index}", b"") for index in range(65)]
LARGE = [("large", bytes(260 * 1024))]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "weft.db"


# ------------------------------------------------------------------ where a commit is made


async def test_the_event_loop_commits_once_the_disk_has_been_seen_to_be_quick(path: Path):
    storage = SQLiteStorage(path)
    watched = await watch(storage)
    commits_of(storage).pace = Pace()
    watched.commit_takes = QUICK_S / 5
    for _ in range(60):
        await storage.put("k", b"1")
    # one that comes while the thread is looking for more work is left to it
    where = watched.committed_in()
    assert where[:8] == ["thread"] * 8 and "loop" in where[8:]
    await storage.close()


async def test_one_slow_commit_sends_the_following_ones_to_the_thread_until_the_disk_is_quick_again(path: Path):
    storage = SQLiteStorage(path)
    watched = await watch(storage)
    for _ in range(60):
        await storage.put("k", b"1")
    assert "loop" in watched.committed_in()
    watched.commit_takes = 0.1
    for _ in range(50):
        await storage.put("k", b"2")
    assert watched.committed_in()[1:] == ["thread"] * 49
    watched.commit_takes = QUICK_S / 5
    for _ in range(80):
        await storage.put("k", b"3")
    where = watched.committed_in()
    assert where[:8] == ["thread"] * 8 and "loop" in where[8:]
    await storage.close()


async def test_on_a_disk_that_is_always_slow_the_event_loop_never_commits(path: Path):
    storage = SQLiteStorage(path)
    watched = await watch(storage)
    watched.commit_takes = 2 * QUICK_S
    commits_of(storage).pace = Pace()
    for _ in range(100):
        await storage.put("k", b"1")
    assert set(watched.committed_in()) == {"thread"}
    await storage.close()


def test_a_disk_that_does_not_stay_quick_is_trusted_less_and_less():
    pace = Pace()
    proofs = []
    for _ in range(10):
        proofs.append(0)
        while not pace.quick:
            pace.in_thread(0.0001, 1)
            proofs[-1] += 1
        pace.in_loop(1)
    assert proofs == sorted(proofs) and proofs[0] == 8 and 1024 <= proofs[-1] < 1100
    pace = Pace()
    for _ in range(8):
        pace.in_thread(0.0001, 1)
    for _ in range(1000):
        pace.in_loop(0.0001)
        pace.in_loop(2 * QUICK_S if _ % 100 == 0 else 0.0001)
    assert pace.quick, "who waits for a processor now and then has no slow disk"
    pace.in_thread(1.0, 1000)
    assert pace.quick, "a large commit says nothing"


@pytest.mark.parametrize("ops", [MANY, LARGE])
async def test_a_large_batch_goes_to_the_thread(path: Path, ops: list[tuple[str, bytes]]):
    storage = eager_storage(path)
    watched = await watch(storage)
    await storage.batch(SMALL)
    await storage.batch(ops)
    await storage.delete_prefix("many")
    assert watched.committed_in() == ["loop", "thread", "thread"]
    assert await storage.get(ops[-1][0]) == (None if ops is MANY else ops[-1][1])
    await storage.close()


async def test_a_thread_store_never_commits_in_the_event_loop_and_a_loop_store_has_no_thread(path: Path):
    before = set(threading.enumerate())
    storage = SQLiteStorage(path, commit_in="loop")
    await storage.put("k", b"1")
    assert await storage.get("k") == b"1"
    assert set(threading.enumerate()) == before
    await storage.close()
    storage = SQLiteStorage(path, commit_in="thread")
    assert not hasattr(storage._writer, "_eager")
    with pytest.raises(StorageOpenError, match='use "auto" or "thread" or "loop"'):
        SQLiteStorage(path, commit_in="disk")  # type: ignore[arg-type]


async def test_callers_of_one_turn_share_a_commit_once_it_has_been_long(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_sqlite_in_loop, "STRETCH_S", 0.0)
    storage = eager_storage(path)
    watched = await watch(storage)
    await asyncio.gather(*(storage.put(f"k/{index}", b"") for index in range(40)))
    first, *others = watched.committed_in()
    # The thread, if it is tidying up after the first just then, has them all.
    assert first == "loop" and len(others) == 1, "the first one at once, all others together"
    await asyncio.gather(*(storage.put(f"k/{index}", b"") for index in range(100)))
    assert "thread" in watched.committed_in()
    assert len(await storage.scan("k/")) == 100
    await storage.close()


async def test_others_get_their_turn_while_one_caller_commits_and_commits(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_sqlite_in_loop, "STRETCH_S", 0.0)  # else they get it every few milliseconds
    storage = eager_storage(path, durability="relaxed")
    await storage.put("k", b"")
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.ensure_future(count())
    for _ in range(100):
        await storage.put("k", b"1")
    assert turns >= 50
    counting.cancel()
    await storage.close()


async def test_the_log_is_moved_into_the_file_by_the_thread_only_and_stays_small(path: Path):
    storage = eager_storage(path, durability="relaxed")
    watched = await watch(storage)
    for index in range(1200):
        await storage.batch([(f"row/{index:05d}", bytes(500)), ("same", str(index).encode())])
    where = {place for place, statement in watched.ran if "wal_checkpoint" in statement}
    assert where == {"thread"}
    assert storage._writer._connection.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)
    committed = watched.committed_in()
    assert committed.count("loop") > 1000
    assert os.path.getsize(f"{path}-wal") < 8 << 20
    await storage.close()


# ------------------------------------------------------------------ other processes


async def test_the_event_loop_goes_on_while_another_process_holds_the_write_lock(path: Path):
    """It would stand still for 30 seconds; the lock is only given back when it has turned a hundred times."""
    storage = eager_storage(path, busy_timeout=30)
    watched = await watch(storage)
    command = [sys.executable, str(Path(__file__).with_name("children.py")), "hold_write_lock", str(path)]
    environment = {**os.environ, "PYTHONPATH": str(Path(weft_core.__file__).parents[1])}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as child:
        assert child.stdin is not None and child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        writing = [asyncio.ensure_future(storage.put(f"k/{index}", b"1")) for index in range(3)]
        for _ in range(100):
            await asyncio.sleep(0.001)
            assert await storage.get("watched") == b""
        assert not any(task.done() for task in writing)
        child.stdin.close()
        await asyncio.gather(*writing)
    assert set(watched.committed_in()) == {"thread"}
    await storage.put("k", b"2")
    assert watched.committed_in() == ["loop"]
    await storage.close()


async def test_a_write_lock_held_too_long_is_unavailable_as_ever(path: Path):
    storage = eager_storage(path, busy_timeout=0.02)
    await storage.put("k", b"1")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for _ in range(2):
        with pytest.raises(StorageUnavailableError, match="another process"):
            await storage.put("k", b"2")
    other.close()
    assert await storage.get("k") == b"1"
    await storage.close()


# ------------------------------------------------------------------ order


@pytest.mark.parametrize("seed", range(3))
async def test_commits_are_made_in_the_order_they_were_asked_for(path: Path, seed: int):
    """Small ones and large ones, one at a time and many at once: each is conditional on the one before it."""
    storage = eager_storage(path, durability="relaxed")
    watched = await watch(storage)
    chance = random.Random(seed)
    await storage.put("n", b"0")

    async def write(number: int) -> None:
        padding = [(f"pad/{index}", b"x") for index in range(chance.choice([0, 0, 0, 1, 20, 70]))]
        held = [("n", str(number - 1).encode())]
        assert await storage.conditional_batch(held, [*padding, ("n", str(number).encode())]), number

    writes = []
    for number in range(1, 201):
        writes.append(asyncio.ensure_future(write(number)))
        for _ in range(chance.choice([0, 0, 0, 1, 2, 5])):
            await asyncio.sleep(0)
        if chance.random() < 0.1:
            await writes[-1]
    await asyncio.gather(*writes)
    assert set(watched.committed_in()) == {"loop", "thread"}
    await storage.close()


async def test_closing_finishes_what_was_asked_for_in_the_same_turn(path: Path):
    storage = eager_storage(path)
    await storage.put("k/first", b"")
    writes = [asyncio.ensure_future(storage.put(f"k/{index}", b"")) for index in range(10)]
    await asyncio.sleep(0)
    await storage.close()
    await asyncio.gather(*writes)
    again = SQLiteStorage(path)
    assert len(await again.scan("k/")) == 11
    await again.close()


def test_two_event_loops_may_commit_in_turns(path: Path):
    storage = eager_storage(path, durability="relaxed")

    async def write(name: str) -> None:
        for index in range(200):
            await storage.put(f"{name}/{index:03d}", b"1")
            assert await storage.has(f"{name}/{index:03d}")

    threads = [threading.Thread(target=asyncio.run, args=(write(name),)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(asyncio.run(storage.scan("", limit=999))) == 600
    asyncio.run(storage.close())


# ------------------------------------------------------------------ trouble


def _io_error() -> None:
    error = sqlite3.OperationalError("simulated")
    error.sqlite_errorcode, error.sqlite_errorname = sqlite3.SQLITE_IOERR, "SIMULATED"
    raise error


async def test_a_commit_in_the_loop_that_breaks_off_is_unknown_and_is_not_made_twice(path: Path):
    storage = eager_storage(path)
    watched = await watch(storage)
    watched.after_commit = _io_error
    with pytest.raises(CommitUnknownError, match="read back"):
        await storage.put("k", b"2")
    assert watched.committed_in() == ["loop"]
    watched.after_commit = lambda: None
    assert await storage.get("k") == b"2"
    await storage.put("k", b"3")
    await storage.close()


def test_an_interrupt_in_the_middle_of_a_commit_leaves_the_store_usable(path: Path):
    storage = eager_storage(path)
    watched = asyncio.run(watch(storage))

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    watched.after_commit = interrupt
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(storage.put("k", b"1"))
    watched.after_commit = lambda: None
    asyncio.run(storage.put("j", b"2"))
    assert watched.committed_in() == ["loop", "loop"]
    assert asyncio.run(storage.get("j")) == b"2"
    asyncio.run(storage.close())


async def test_a_call_that_fails_in_the_loop_fails_alone_and_says_why(path: Path):
    storage = eager_storage(path)
    await storage.put("k", b"1")
    await storage._writer.submit(lambda connection: connection.execute("PRAGMA max_page_count = 8").fetchall())
    outcomes = await asyncio.gather(
        storage.put("first", b"1"),
        storage.put("small", b"1"),
        storage.put("large", b"x" * 100_000),
        storage.conditional_batch([("small", None)], [("never", b"")]),
        return_exceptions=True,
    )
    assert isinstance(outcomes[2], StorageQuotaError)
    assert [*outcomes[:2], outcomes[3]] == [None, None, False]
    path.rename(path.with_name("moved.db"))
    with pytest.raises(StorageUnavailableError, match="deleted or replaced"):
        await storage.put("k", b"2")
    await storage.close()


async def test_a_cancelled_caller_of_a_held_commit_does_not_undo_it(path: Path):
    storage = eager_storage(path)
    await storage.put("k", b"0")
    tasks = [asyncio.ensure_future(storage.put(f"k/{index}", b"1")) for index in range(3)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await storage.put("j", b"2")
    assert len(await storage.scan("k/")) == 3
    await storage.close()
