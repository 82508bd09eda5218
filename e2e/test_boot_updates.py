"""A new build of a site comes in beside the old one: nothing of a running tab is exchanged under it."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from playwright.sync_api import Page

from e2e.harness.browser import Browser
from e2e.harness.pages import CHECKOUT_ALONE, call, offline_ready, open_weft, order
from e2e.harness.server import Server
from weft_browser.build import build

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent / "examples" / "checkout.py"


BUILDS = "caches.keys().then((names) => names.filter((name) => name.startsWith('weft:')).length)"
GONE_WITHIN_S = 60
ONE_BUILD = f"weftUntil(async () => await {BUILDS} === 1, null, 60000)"


def caches(page: Page) -> int:
    """How many builds the browser keeps."""
    found: int = page.evaluate(BUILDS)
    return found


def edition(page: Page) -> str:
    found: str = page.evaluate("fetch('edition.txt').then((answer) => answer.text())")
    return found


def test_a_new_build_waits_for_the_old_tabs_and_replaces_everything_at_once(chrome: Browser, tmp_path: Path) -> None:
    """angular #46960, replicache #233: tabs that got half of a new version broke."""
    page_folder, out = tmp_path / "page", tmp_path / "site"
    shutil.copytree(HERE / "site", page_folder)
    shutil.copyfile(page_folder / "test.html", page_folder / "index.html")
    for name in ("first", "second"):
        (page_folder / "edition.txt").write_text(name)
        build(tmp_path / name, page=page_folder, workflows=[CHECKOUT])
    shutil.copytree(tmp_path / "first", out)
    server = Server(out, tmp_path / "shop.jsonl").start()

    page = open_weft(chrome, server.url, **CHECKOUT_ALONE)
    offline_ready(page)
    run = call(page, "start", "checkout", [order("U-1")])["id"]
    # With the time of now: the server answers "not modified" by the date of a file.
    shutil.copytree(tmp_path / "second", out, dirs_exist_ok=True, copy_function=shutil.copyfile)
    page.evaluate("navigator.serviceWorker.getRegistration().then((found) => found.update())")
    page.evaluate("weftUntil(() => navigator.serviceWorker.getRegistration().then((f) => f.waiting), null, 60000)")
    assert (edition(page), caches(page)) == ("first", 2), "the new build is there whole, and the tab keeps the old one"
    assert call(page, "describe", run)["status"] == "running"

    workers = chrome.service_workers(chrome.tab("about:blank"))
    workers.wait_for("installed")
    page.close()
    server.stop()
    workers.take_over()  # what is left of a tab that was closed may hold on to the old build for a moment
    page = open_weft(chrome, server.url, **CHECKOUT_ALONE)  # with the server gone
    page.evaluate(ONE_BUILD)
    assert edition(page) == "second"
    call(page, "signal", run, "confirm", {"confirmed": True, "by": "the new build"})
    assert call(page, "result", run)["confirmed_by"] == "the new build"


def test_a_tab_that_outlives_an_update_keeps_the_files_of_its_build_until_it_is_closed(
    chrome: Browser, tmp_path: Path
) -> None:
    """workbox #1995, angular #46960: what an old page loads late came from the new build."""
    page_folder, out = tmp_path / "page", tmp_path / "site"
    shutil.copytree(HERE / "site", page_folder)
    shutil.copyfile(page_folder / "test.html", page_folder / "index.html")
    (page_folder / "edition.txt").write_text("first")
    build(out, page=page_folder, workflows=[CHECKOUT])
    server = Server(out, tmp_path / "shop.jsonl").start()
    page = open_weft(chrome, server.url, **CHECKOUT_ALONE)
    offline_ready(page)
    (page_folder / "edition.txt").write_text("second")
    build(out, page=page_folder, workflows=[CHECKOUT])
    page.evaluate("navigator.serviceWorker.getRegistration().then((found) => found.update())")
    page.evaluate("weftUntil(() => navigator.serviceWorker.getRegistration().then((f) => f.waiting), null, 60000)")
    server.stop()
    page.evaluate("""(async () => {
        const { waiting } = await navigator.serviceWorker.getRegistration();
        waiting.postMessage({ v: 2, t: "activate" });
        await weftUntil(() => waiting.state === "activated", null, 60_000);
    })()""")
    assert (edition(page), caches(page)) == ("first", 2)
    assert page.evaluate(ASKED_BY_A_WORKER) == "first", "also what its workers ask for"
    second = open_weft(chrome, server.url, **CHECKOUT_ALONE)
    assert edition(second) == "second"
    assert edition(page) == "first"
    workers = chrome.service_workers(second)
    workers.stop_and_see()
    assert (edition(page), edition(second)) == ("first", "second"), "a stopped service worker has not forgotten it"

    page.close()
    deadline = time.monotonic() + GONE_WITHIN_S
    while caches(second) != 1:  # the first load of a page after the old one is gone removes its files
        assert time.monotonic() < deadline, "the files of the old build are still there"
        second.reload()
        second.wait_for_timeout(500)
    assert edition(second) == "second"


ASKED_BY_A_WORKER = """new Promise((resolve) => {
    const asking = new Worker("./ask.mjs", { type: "module" });
    asking.onmessage = ({ data }) => resolve(data);
})"""
