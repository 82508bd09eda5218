"""The IndexedDB store keeps the storage contract in a real browser, directly and behind the Service Worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from e2e.harness.browser import Browser
from e2e.harness.server import Server

HERE = Path(__file__).resolve().parent
ROADS = ("direct", "service-worker")


@pytest.fixture(scope="session")
def store_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    from weft_browser.build import build

    out = tmp_path_factory.mktemp("store-site")
    build(out, page=HERE / "store_site")
    server = Server(out, tmp_path_factory.mktemp("ledger") / "unused.jsonl").start()
    yield server
    server.stop()


@pytest.fixture
def store_page(chrome: Browser, store_server: Server) -> Page:
    return open_page(chrome, store_server)


USAGE_AT_REST = """(async () => {  // the browser still stores what it has compiled when the files are there
  const usage = async () => (await navigator.storage.estimate()).usage;
  for (let before = -1, now = await usage(); ; before = now, now = await usage()) {
    if (now === before) return now;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
})()"""


def open_page(chrome: Browser, server: Server) -> Page:
    page = chrome.tab(f"{server.url}index.html")
    page.evaluate("window.ready ?? new Promise((resolve) => addEventListener('load', resolve))")
    return page


def check(page: Page, what: str, **options: Any) -> dict[str, Any]:
    report: dict[str, Any] = page.evaluate("([what, options]) => check(what, options)", [what, options])
    return report


@pytest.mark.parametrize("road", ROADS)
def test_the_store_keeps_the_storage_contract(store_page: Page, road: str) -> None:
    report = check(store_page, "contract", storage=road)
    assert report["ok"], "\n".join(f"{name}\n{trace}" for name, trace in report["failed"])
    assert len(report["passed"]) > 50


def test_writes_go_on_over_a_connection_that_the_browser_closed(store_page: Page) -> None:
    """Expensify/App #87864: a cached dead handle lost every later write."""
    assert check(store_page, "lost_connection")["rows"] == 20


@pytest.mark.parametrize("road", ROADS)
def test_a_thousand_calls_over_the_bridge_leave_nothing_behind(store_page: Page, road: str) -> None:
    """pyodide #5598: leaked proxies ended in fatal errors."""
    assert check(store_page, "leftovers", storage=road, calls=1_000)["blocks"] < 100


def test_a_service_worker_killed_at_any_moment_loses_no_batch_and_doubles_none(
    chrome: Browser, store_page: Page
) -> None:
    """G17. The counter moves by conditional batches only: a batch that was lost, or applied twice, would break it."""
    workers = chrome.service_workers(store_page)
    counting = {"storage": "service-worker", "database": "killed", "pause": 0.004}
    store_page.evaluate("(options) => void (window.counted = check('count_up', options))", counting)
    value = 0
    for round_ in range(5):
        # It counts again after the blow before. Where in a batch this one falls is left to chance.
        value = check(store_page, "count_past", database="killed", past=value + 50 + 7 * round_)["value"]
        workers.stop_and_see()
    check(store_page, "count_no_more", database="killed", at_least=value + 1_000)
    report = store_page.evaluate("counted")
    assert report["value"] == report["rows"] >= value + 1_000
    assert workers.stops >= 5


@pytest.mark.parametrize("road", ROADS)
def test_a_full_disk_is_a_quota_error_and_small_writes_still_succeed(
    chrome: Browser, store_page: Page, store_server: Server, road: str
) -> None:
    """LumiLab #250: the request succeeds, then the commit is aborted."""
    store_page.evaluate("registerServiceWorker()")
    assert chrome.context is not None
    session = chrome.context.new_cdp_session(store_page)
    check(store_page, "nothing")  # a write now would have Chromium remember that there is room, for half a minute
    used = store_page.evaluate(USAGE_AT_REST)
    limit = {"origin": store_server.url.rstrip("/"), "quotaSize": used + 6 * 2**20}
    session.send("Storage.overrideQuotaForOrigin", limit)
    report = check(store_page, "quota", storage=road, size=2**20)
    assert report["code"] == "StorageQuotaError"
    assert report["small"]


def test_two_tabs_write_in_turns_and_exactly_one_wins_each_batch(chrome: Browser, store_server: Server) -> None:
    """G11: conditions are checked inside the transaction, whichever tab they come from."""
    pages = [open_page(chrome, store_server) for _ in range(2)]
    for page in pages:
        page.evaluate("void (window.counted = check('race', {database: 'race', rounds: 100}))")
    wins = [page.evaluate("counted") for page in pages]
    assert sum(report["won"] for report in wins) == wins[0]["value"] == wins[1]["value"]
