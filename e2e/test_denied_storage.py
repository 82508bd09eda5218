"""Browsers that have no service workers, forget, or keep nothing at all: what is said of the store is true (G17)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from e2e.harness.engines import CHROMIUM, FIREFOX, AnyBrowser, Launch, engines
from e2e.harness.pages import call, open_weft, until
from e2e.harness.report import told
from e2e.harness.server import Server
from e2e.harness.storage import SIX, asked

WAITS = "return (await weft.describe(arg)).waiting_for.some((wait) => wait.kind === 'signal')"
REFUSED = "weftOpen.then(() => null, (error) => error.code)"
START_DURABLE = "(id) => weft.start('six', [id], { id, requireDurable: true }).then(() => 'ok', (error) => error.code)"
ORDINARY = {"workflows": "six_steps.py"}
"""As a page opens Weft that does not know where it is: with a service worker, and with a snapshot."""
STORED = ORDINARY | {"storage": "service-worker"}
DONE = [0, 1, 2, 3, 4, 5]


def keeps_nothing(launch: Launch, engine: str, folder: Path) -> AnyBrowser:
    """A browser whose user blocks all cookies, which blocks all storage."""
    if engine == FIREFOX:
        return launch(FIREFOX, **{"network.cookie.cookieBehavior": 2})
    preferences = folder / "chromium-profile" / "Default" / "Preferences"
    preferences.parent.mkdir(parents=True)
    preferences.write_text(json.dumps({"profile": {"default_content_setting_values": {"cookies": 2}}}))
    return launch(CHROMIUM)


def refused(browser: Any, server: Server, **options: str) -> str:
    page = open_weft(browser, server.url, wait="", **options)
    code = page.evaluate(REFUSED)
    page.close()
    return str(code)


@pytest.mark.scenario(25, engines=[FIREFOX])
def test_firefox_without_service_workers_stores_as_durably_as_with_them(launch: Launch, shop: Server) -> None:
    """JupyterLite's docs: there may be no service worker, as in older private windows. The store is opened directly."""
    firefox = launch(FIREFOX, **{"dom.serviceWorkers.enabled": False})
    page = open_weft(firefox, shop.url, requireDurable="yes", **ORDINARY)
    assert page.evaluate("weft.status.durability") == "strict"
    call(page, "start", "six", ["n", True], {"id": "n"})
    until(page, WAITS, "n")
    firefox.crash(page)
    page = open_weft(firefox, shop.url, **ORDINARY)
    call(page, "signal", "n", "go")
    assert call(page, "result", "n") == DONE
    assert sorted(asked(shop, "n").values()) == [1] * 6
    assert refused(firefox, shop, name="other", **STORED) == "ServiceWorkerUnavailableError"
    told("no service workers in Firefox", crashes=1, refused=1, effects=6)


@pytest.mark.scenario(25, engines=[FIREFOX])
def test_a_private_window_of_firefox_keeps_runs_until_it_is_closed_and_promises_no_more(
    launch: Launch, shop: Server
) -> None:
    """firebase-js-sdk #5377, altair #1785: IndexedDB in private windows. A page cannot tell that it is in one."""
    firefox = launch(FIREFOX, **{"browser.privatebrowsing.autostart": True})
    page = open_weft(firefox, shop.url, **ORDINARY)
    assert page.evaluate("weft.status.durability") == "strict"
    assert call(page, "persist") is False, "the browser does not promise to keep it"
    call(page, "start", "six", ["p", True], {"id": "p"})
    until(page, WAITS, "p")
    page.close()
    page = open_weft(firefox, shop.url, **ORDINARY)
    call(page, "signal", "p", "go")
    assert call(page, "result", "p") == DONE
    assert sorted(asked(shop, "p").values()) == [1] * 6

    firefox.close()
    firefox.launch()
    page = open_weft(firefox, shop.url, **ORDINARY)
    assert call(page, "list")["items"] == []
    assert page.evaluate("weft.status.evicted") is None, "nothing of it is left that could know"
    told("private window of Firefox", shutdowns=1, effects=6)


@pytest.mark.first_visit
@pytest.mark.scenario(25)
@engines(CHROMIUM, FIREFOX)
def test_where_the_user_blocks_all_cookies_each_tab_has_an_engine_in_memory_and_says_so(
    engine: str, launch: Launch, shop: Server, tmp_path: Path
) -> None:
    """zapthreads #24: storage is denied, and with it locks, caches, service workers, and in Firefox channels."""
    browser = keeps_nothing(launch, engine, tmp_path)
    pages = [open_weft(browser, shop.url, snapshot=how, **ORDINARY) for how in ("auto", "off")]
    for number, page in enumerate(pages):
        assert page.evaluate("[weft.status.role, weft.status.state]") == ["leader", "ready"]
        assert page.evaluate("weft.status.durability") == "memory"
        until(page, "return weft.status.persisted === false")  # the browser is asked when the engine is there
        run = f"m-{number}"
        call(page, "start", "six", [run], {"id": run})
        assert call(page, "result", run) == DONE
        assert sorted(asked(shop, run).values()) == [1] * 6
        until(page, "return weftEvents.some((event) => event.type === 'run_completed')")
        assert [found["id"] for found in call(page, "list")["items"]] == [run], "it sees its own"
        assert page.evaluate(START_DURABLE, "d") == "StorageCapabilityError"
    assert not asked(shop, "d")
    codes = [refused(browser, shop, **SIX, requireDurable="yes"), refused(browser, shop, **STORED)]
    assert codes == ["StorageCapabilityError", "ServiceWorkerUnavailableError"]
    told(f"all cookies blocked in {engine}", faults=2, refused=4, effects=12)
