"""OwnerLock says whether an owner lives; the operating system frees it when the owner dies."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import weft_core
from weft_core.errors import StorageOpenError
from weft_server.storage.lock import OwnerLock
from weft_server.storage.sqlite import SQLiteStorage

ROOT = Path(weft_core.__file__).parents[1]


def holder(path: Path, how: str = "hold") -> subprocess.Popen[bytes]:
    command = [sys.executable, str(Path(__file__).with_name("children.py")), how, str(path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    assert child.stdout is not None
    assert child.stdout.readline() == b"held\n"
    return child


def test_one_of_two_gets_the_lock(tmp_path: Path):
    one, two = OwnerLock(tmp_path / "lock"), OwnerLock(tmp_path / "lock")
    assert one.owner_pid() is None
    assert one.acquire() and one.held
    assert one.acquire(), "who holds it has it"
    assert not two.acquire() and not two.held
    assert one.owner_pid() == two.owner_pid() == os.getpid()
    one.release()
    one.release()
    assert two.owner_pid() is None
    assert two.acquire()
    two.release()


def test_the_lock_of_another_process_is_seen_and_freed_by_kill_9(tmp_path: Path):
    lock = OwnerLock(tmp_path / "lock")
    with holder(tmp_path / "lock") as child:
        assert lock.owner_pid() == child.pid
        assert not lock.acquire()
        child.kill()
    assert lock.owner_pid() is None
    assert lock.acquire()
    assert lock.owner_pid() == os.getpid()
    lock.release()


def test_who_blocks_gets_the_lock_when_its_owner_dies(tmp_path: Path):
    lock = OwnerLock(tmp_path / "lock")
    with holder(tmp_path / "lock") as child:
        waiting = threading.Thread(target=lock.acquire, args=(True,))
        waiting.start()
        assert not lock.held
        child.kill()
        waiting.join(30)
    assert lock.held
    lock.release()


def test_looking_for_the_owner_does_not_keep_others_from_becoming_it(tmp_path: Path):
    path = tmp_path / "lock"
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            OwnerLock(path).owner_pid()

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for _ in range(200):
            lock = OwnerLock(path)
            assert lock.acquire(blocking=True)
            lock.release()
    finally:
        stop.set()
        looking.join()


def test_a_forked_child_does_not_keep_the_lock_of_its_dead_parent(tmp_path: Path):
    with holder(tmp_path / "lock", "hold_and_fork") as parent:
        parent.kill()
        parent.wait()
        assert OwnerLock(tmp_path / "lock").acquire()


def test_a_lock_in_a_missing_directory_says_what_to_do(tmp_path: Path):
    with pytest.raises(StorageOpenError, match="directory"):
        OwnerLock(tmp_path / "missing" / "lock").acquire()
    assert OwnerLock(tmp_path / "missing" / "lock").owner_pid() is None


def test_a_store_names_the_lock_beside_its_file(tmp_path: Path):
    lock = SQLiteStorage(tmp_path / "weft.db").owner_lock()
    assert lock.path == str(tmp_path / "weft.db-lock")
    with lock:
        assert SQLiteStorage(tmp_path / "weft.db").owner_lock().owner_pid() == os.getpid()
    assert not lock.held
