"""One workflow file, two worlds: CPython 3.11 with SQLite and Pyodide with IndexedDB agree, and runs travel (G20)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from e2e.harness.browser import Browser
from e2e.harness.engines import ENGINES, AnyBrowser, engines
from e2e.harness.pages import BARE, CHECKOUT, CHECKOUT_ALONE, call, open_weft, order, until
from e2e.harness.report import shipped_once, told
from e2e.harness.rows import read_rows, write_rows
from e2e.harness.server import Server
from e2e.harness.server_side import EXAMPLES, example, on_server, parked, put_rows, rows_of
from weft_core import Engine

QUICK = {"confirm": False, "pause": "50ms"}
YES = {"confirmed": True, "by": "the other side"}
LARGE = {"items": [{"sku": ("shuttle", "yarn")[i % 2], "quantity": 1, "note": f"line {i}"} for i in range(300)]}
"""An order that its run keeps in chunks beside the checkpoint."""
PARKED = "return (await weft.describe(arg)).waiting_for.some((wait) => wait.kind === 'signal')"


def test_the_same_file_gives_equal_results_under_weft_run_and_in_a_browser(
    chrome: Browser, server: Server, tmp_path: Path
) -> None:
    wanted = order("B-1", **QUICK)
    command = [sys.executable, "-m", "weft_server.cli", "run", f"{EXAMPLES / 'checkout.py'}:checkout", "--quiet"]
    command += ["--db", str(tmp_path / "weft.db"), "--input", json.dumps(wanted)]
    there = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout)

    page = open_weft(chrome, server.url, **CHECKOUT_ALONE, **BARE)
    run = call(page, "start", "checkout", [wanted])["id"]
    assert call(page, "result", run) == there

    async def history(engine: Engine) -> list[dict[str, Any]]:
        [done] = (await engine.list()).items
        return await engine.history(done["id"])

    events = [story(found) for found in (on_server(tmp_path / "weft.db", history), call(page, "history", run))]
    assert events[0] == events[1], "the two logs must tell the same story"
    told("same file in both worlds", results="equal", events=len(events[0]))


@pytest.mark.scenario(11)
@engines(*ENGINES)
def test_only_the_activities_differ_between_a_server_and_a_browser(
    any_browser: AnyBrowser, server: Server, site: Path, tmp_path: Path
) -> None:
    """HTTP calls there, queued fetches here: the same workflow, the same effects at the shop, the same result."""
    wanted = order("B-2", **QUICK)
    other_shop = Server(site, tmp_path / "other.jsonl").start()
    try:
        command = [sys.executable, "-m", "weft_server.cli", "run", f"{EXAMPLES / 'checkout.py'}:checkout", "--quiet"]
        command += ["--activities", str(EXAMPLES / "checkout_http.py")]
        command += ["--db", str(tmp_path / "weft.db"), "--input", json.dumps(wanted)]
        environment = {**os.environ, "WEFT_SHOP_URL": other_shop.url}
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60, env=environment)
        there = shipped_once(other_shop, "B-2")
    finally:
        other_shop.stop()

    page = open_weft(any_browser, server.url, **CHECKOUT, **BARE)
    run = call(page, "start", "checkout", [wanted])["id"]
    assert call(page, "result", run) == json.loads(done.stdout)
    assert shipped_once(server, "B-2") == there
    told("two sets of activities", faults=0, effects=2 * len(there), results="equal")


def story(events: list[dict[str, Any]]) -> list[Any]:
    """What a log tells, without the identity of the run and the time."""
    apart = {"run_id", "at", "deadline", "seq"}
    plain = [{name: value for name, value in event.items() if name not in apart} for event in events]
    return sorted(plain, key=lambda event: (event.get("step", 0), event["type"]))  # two branches may end in any order


@pytest.mark.parametrize("more", [{}, LARGE], ids=["small", "large"])
def test_a_run_parked_on_a_server_is_finished_by_a_browser(
    chrome: Browser, server: Server, tmp_path: Path, more: dict[str, Any]
) -> None:
    async def begin(engine: Engine) -> tuple[str, dict[str, Any]]:
        handle = await engine.start("checkout", order("G-1", **more))
        return handle.id, await parked(engine, handle.id)

    run, before = on_server(tmp_path / "weft.db", begin)
    rows = rows_of(tmp_path / "weft.db")
    assert any(key.startswith("chunk/") for key, _ in rows) == bool(more)

    write_rows(chrome.tab(f"{server.url}crashed.html"), "moved", rows)
    page = open_weft(chrome, server.url, name="moved", **CHECKOUT_ALONE, **BARE)
    assert standing(call(page, "frames", run)) == standing(before)
    call(page, "signal", run, "confirm", YES)
    result = call(page, "result", run)
    assert (result["status"], result["confirmed_by"]) == ("shipped", "the other side")
    assert effects(call(page, "history", run)) == ["reserve_stock", "charge_card", "send_receipt", "ship_order"]
    told("server to browser", python=sys.version.split()[0], records_moved=len(rows), status=result["status"])


@pytest.mark.parametrize("more", [{}, LARGE], ids=["small", "large"])
def test_a_run_parked_in_a_browser_is_finished_by_a_server(
    chrome: Browser, server: Server, tmp_path: Path, more: dict[str, Any]
) -> None:
    page = open_weft(chrome, server.url, name="leaving", **CHECKOUT_ALONE, **BARE)
    run = call(page, "start", "checkout", [order("G-2", **more)])["id"]
    until(page, PARKED, run)
    before = call(page, "frames", run)
    page.close()
    rows = read_rows(chrome.tab(f"{server.url}crashed.html"), "leaving")
    assert any(key.startswith("chunk/") for key, _ in rows) == bool(more)
    put_rows(tmp_path / "weft.db", rows)

    async def finish(engine: Engine) -> tuple[dict[str, Any], dict[str, Any], list[dict[str, Any]]]:
        found = await engine.frames(run)
        await engine.signal(run, example("checkout").confirm, YES)
        return found, await engine.get_handle(run).result(), await engine.history(run)

    after, result, history = on_server(tmp_path / "weft.db", finish)
    assert standing(after) == standing(before)
    assert (result["status"], result["confirmed_by"]) == ("shipped", "the other side")
    assert effects(history) == ["reserve_stock", "charge_card", "send_receipt", "ship_order"]
    told("browser to server", python=sys.version.split()[0], records_moved=len(rows), status=result["status"])


def standing(view: dict[str, Any]) -> list[Any]:
    """Where a run stands and what it holds."""
    frames = [frame for task in view["tasks"] for frame in task["frames"]]
    return [(frame["function"], frame["line"], frame["locals"]) for frame in frames]


def effects(history: list[dict[str, Any]]) -> list[str]:
    """The activities that were completed, each once, in the order of their steps."""
    done = [event for event in history if event["type"] == "activity_completed"]
    return [event["name"] for event in sorted(done, key=lambda event: event["step"])]
