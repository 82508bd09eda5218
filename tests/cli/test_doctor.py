"""``weft doctor`` and ``weft purge``."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.cli.conftest import Cli
from weft_server.storage.sqlite import SQLiteStorage

APP = """
from weft_core import Context, workflow

@workflow
async def done(ctx: Context, n: int) -> int:
    return n
"""


def finished(weft: Cli) -> None:
    (weft.folder / "app.py").write_text(APP)
    weft("run", "app.py:done", "--input", "1", "--id", "r")


async def damage_the_log(db: Path) -> int:
    storage = SQLiteStorage(db)
    rows = await storage.scan("log/r/")
    await storage.batch([(key, value + b"!") for key, value in rows])
    await storage.close()
    return len(rows)


def test_doctor_tells_what_is_in_a_store_and_finds_what_is_damaged(weft: Cli) -> None:
    finished(weft)
    found = weft.json("doctor", "--json")
    assert found["runs"] == {"completed": 1} and found["store"]["format"] == 1 and found["damaged"] == 0
    assert "format 1" in weft("doctor", "--deep").stdout
    changed = asyncio.run(damage_the_log(weft.folder / "weft.db"))
    assert changed > 0
    weft("doctor")
    deep = weft("doctor", "--deep", code=1)
    assert "damaged:" in deep.stdout and "log/r/" in deep.stdout and f"{changed} damaged records" in deep.stderr


def test_purge_leaves_a_request_and_the_next_engine_removes_the_run(weft: Cli) -> None:
    finished(weft)
    assert "request to purge run r" in weft("purge", "r").stdout
    weft("run", "app.py:done", "--input", "2", "--id", "s")
    assert [run["id"] for run in weft.json("ls", "--json")["items"]] == ["s"]
