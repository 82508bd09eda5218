"""Processes that write into a SQLite store are killed, and get in each other's way."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import weft_core
from weft_server.storage.sqlite import SQLiteStorage

ROOT = Path(weft_core.__file__).parents[1]


def start(*arguments: object) -> subprocess.Popen[bytes]:
    """One of the programs in children.py."""
    command = [sys.executable, str(Path(__file__).with_name("children.py")), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "weft.db"


@pytest.mark.parametrize("where", ["thread", "loop"])
@pytest.mark.parametrize("durability", ["strict", "relaxed"])
async def test_kill_9_loses_nothing_acknowledged_and_leaves_no_half_batch(path: Path, durability: str, where: str):
    """The durability table: process SIGKILL, SQLite FULL and NORMAL: safe. Killed at several moments, one after the
    other on the same file: right at the start, within the growth of the log, and after it was extended."""
    for turns in (1, 3, 17, 60, 400):
        acknowledged = 0
        with start("write_for_ever", path, durability, where) as child:
            assert child.stdout is not None
            for _ in range(turns):
                acknowledged = int(child.stdout.readline())
            child.kill()
            # What it still wrote to the pipe before it died has been acknowledged, too.
            for line in child.stdout.read().split(b"\n")[:-1]:
                acknowledged = int(line)
        storage = SQLiteStorage(path, durability=durability)
        turn = int(await storage.get("turn") or b"0")
        assert acknowledged <= turn <= acknowledged + 1
        rows = await storage.scan("row/")
        assert [value for _, value in rows] == [str(turn).encode()] * 20
        log = await storage.scan("log/", limit=10_000)
        assert [int(key[4:]) for key, _ in log] == list(range(1, turn + 1))
        await storage.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


@pytest.mark.parametrize("where", ["thread", "loop"])
async def test_two_processes_that_raise_the_epoch_win_each_epoch_once(path: Path, where: str):
    """G11: the condition is decided inside the transaction, also between processes."""
    children = [start("take_over", path, name, 40, where) for name in ("a", "b")]
    for child in children:
        with child:
            assert child.wait(60) == 0
    storage = SQLiteStorage(path)
    assert await storage.get("meta/epoch") == b"80"
    wins = [key.split("/") for key, _ in await storage.scan("won/")]
    assert sorted(int(epoch) for _, epoch, _ in wins) == list(range(1, 81))
    assert [name for _, _, name in wins].count("a") == 40
    await storage.close()
