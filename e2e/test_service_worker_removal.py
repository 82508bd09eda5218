"""A site may give up its service worker: browsers drop it, and the runs stay."""

from __future__ import annotations

import shutil
from pathlib import Path

from e2e.harness.browser import Browser
from e2e.harness.editions import EXAMPLES, edition
from e2e.harness.pages import CHECKOUT_ALONE, call, offline_ready, open_weft, order
from e2e.harness.server import Server
from weft_browser.build import build


def test_a_build_without_a_service_worker_removes_the_one_there_is_and_no_run(chrome: Browser, tmp_path: Path) -> None:
    """nextstrain/auspice PR #2062: a service worker that nobody serves any more stays for ever."""
    site = edition(tmp_path, "first", [EXAMPLES / "checkout.py"])
    server = Server(site, tmp_path / "shop.jsonl").start()
    page = open_weft(chrome, server.url, storage="service-worker", **CHECKOUT_ALONE)
    offline_ready(page)
    run = call(page, "start", "checkout", [order("R-1")])["id"]

    page_folder = tmp_path / "page-first"
    shutil.rmtree(site)
    build(site, page=page_folder, workflows=[EXAMPLES / "checkout.py"], remove_service_worker=True)
    call(page, "checkForUpdate")
    # What is left tells whether the runs were lost (docs/browser-storage.md), and goes when the site's data is cleared.
    page.evaluate("weftUntil(async () => `${await caches.keys()}` === 'weft-witness', null, 60000)")
    assert call(page, "describe", run)["status"] == "running", "a tab that is open goes on, with its store"
    page.close()
    page = open_weft(chrome, server.url, serviceWorker="none", **CHECKOUT_ALONE)
    assert page.evaluate("navigator.serviceWorker.controller") is None
    assert page.evaluate("navigator.serviceWorker.getRegistrations().then((all) => all.length)") == 0
    call(page, "signal", run, "confirm", {"confirmed": True, "by": "a page without it"})
    assert call(page, "result", run)["confirmed_by"] == "a page without it"
    server.stop()
