"""A run that waits for everything at once travels from CPython to Pyodide and back, in one checkpoint (G20)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from e2e.harness.browser import Browser
from e2e.harness.pages import BARE, call, open_weft, until
from e2e.harness.report import told
from e2e.harness.rows import read_rows, write_rows
from e2e.harness.server import Server
from e2e.harness.server_side import example, on_server, put_rows, rows_of
from weft_core import Engine
from weft_core.client import leave_review
from weft_core.errors import UpdateValidationError

HERE = Path(__file__).resolve().parent
EVERYTHING = {"workflows": "everything.py", **BARE}
GONE = "const left = (await weft.describe(arg[0])).waiting_for; return !left.some((wait) => wait.kind === arg[1])"


@pytest.fixture(scope="module")
def book() -> Any:
    return example("everything", HERE / "harness")


def travels(tmp_path: Path, book: Any) -> Callable[[str, Callable[[Engine], Awaitable[Any]]], Any]:
    def use(name: str, what: Callable[[Engine], Awaitable[Any]]) -> Any:
        return on_server(tmp_path / name, what, [book.everything, book.helper])

    return use


async def kinds(engine: Engine, run_id: str) -> list[str]:
    return sorted(wait["kind"] for wait in (await engine.describe(run_id))["waiting_for"])


async def begun(engine: Engine) -> dict[str, Any]:
    """Two runs that wait for everything: ``a`` has the lock, ``b`` waits for it."""
    for run_id in ("a", "b"):
        await engine.start("everything", id=run_id)
        while len(found := await kinds(engine, run_id)) != 8 or "activity" in found:
            await asyncio.sleep(0.01)  # a commit takes as long as the disk does
    [asked] = (await engine.reviews(status="pending", run_id="a")).items
    host = engine._host
    assert host is not None
    await leave_review(engine.storage, host.ids, asked["id"], decision="approved", reviewer="ann")
    return {run_id: [await kinds(engine, run_id), standing(await engine.frames(run_id))] for run_id in ("a", "b")}


def standing(view: dict[str, Any]) -> list[Any]:
    frames = [frame for task in view["tasks"] for frame in task["frames"]]
    return [(frame["function"], frame["line"], frame["locals"]) for frame in frames]


def test_a_run_that_waits_for_everything_goes_on_in_a_browser_and_ends_on_a_server(
    chrome: Browser, server: Server, tmp_path: Path, book: Any
) -> None:
    use = travels(tmp_path, book)
    before = use("there.db", begun)
    assert before["a"][0] == ["child", "group", "map", "review", "signal", "signal", "signal", "until"]
    assert before["b"][0] == ["child", "group", "lock", "map", "review", "signal", "signal", "until"]
    rows = rows_of(tmp_path / "there.db")
    write_rows(chrome.tab(f"{server.url}crashed.html"), "moved", rows)

    page = open_weft(chrome, server.url, name="moved", **EVERYTHING)
    assert standing(call(page, "frames", "b")) == before["b"][1]
    until(page, GONE, ["a", "review"])  # decided while it travelled
    in_browser(page)
    page.close()

    put_rows(tmp_path / "back.db", read_rows(chrome.tab(f"{server.url}crashed.html"), "moved"))
    result = use("back.db", lambda engine: ended(engine, book))
    assert result == {
        "careful": "PRINT inky", "child": "book found", "decided": "approved",
        "pages": ["FOLD 1 one", "FOLD 2 two", "FOLD 3 three"], "total": 12,
    }  # fmt: skip
    told("everything there and back", records_moved=len(rows), status="completed")


def in_browser(page: Page) -> None:
    """There: a child ends, a map goes on, and the other run is cancelled, which runs what it prepared for that."""
    [child] = [run["id"] for run in call(page, "list", {"workflow": "helper"})["items"] if run["id"].startswith("a")]
    call(page, "signal", child, "go", "found")
    until(page, GONE, ["a", "child"])
    call(page, "signal", "a", "page", "one")
    call(page, "cancel", "b", "no more paper")
    until(page, "return (await weft.describe('b')).status === 'cancelled'")
    done = [e["name"] for e in call(page, "history", "b") if e["type"] == "activity_scheduled"]
    assert done.count("work") == 3, "two folds, and the table is cleared"
    assert call(page, "query", "a", "total") == 0


async def ended(engine: Engine, book: Any) -> Any:
    with pytest.raises(UpdateValidationError):
        await engine.update("a", book.add, 0)
    assert await engine.update("a", book.add, 12, update_id="u") == 12
    await engine.signal("a", book.page, "two")
    await engine.signal("a", book.page, "three")
    await engine.signal("a", book.press, "inky")
    assert (await engine.describe("b"))["status"] == "cancelled"
    return await asyncio.wait_for(engine.get_handle("a").result(), 60)
