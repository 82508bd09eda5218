"""The demo with an engine beside its server: an order is begun offline, the laptop is closed, the server finishes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from e2e.harness.browser import Browser
from e2e.harness.report import attempts_of, shipped_once, told
from e2e.harness.server import Server, free_port
from e2e.harness.server_side import EXAMPLES

BOOT_MS = 40_000
STEP_MS = 40_000


@pytest.fixture
def server(site: Path, tmp_path: Path) -> Iterator[Server]:
    server = Server(site, tmp_path / "shop.jsonl")
    server.engine = (
        "--serve", str(tmp_path / "engine.db"), "--serve-port", str(free_port()),
        "--app", str(EXAMPLES / "checkout.py"), "--activities", str(EXAMPLES / "checkout_http.py"),
    )  # fmt: skip
    yield server.start()
    server.stop()


def open_demo(chrome: Browser, server: Server) -> Page:
    page = chrome.tab(server.url)
    expect(page.locator("#place")).to_be_enabled(timeout=BOOT_MS)
    return page


def offline_ready(page: Page) -> None:
    page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    while not page.evaluate("caches.match('./weft/manifest.json').then(Boolean)"):
        page.wait_for_timeout(50)


@pytest.mark.scenario(12)
def test_an_order_begun_offline_is_finished_by_the_server_while_no_browser_runs(
    chrome: Browser, server: Server, tmp_path: Path
) -> None:
    page = open_demo(chrome, server)
    offline_ready(page)
    server.stop()
    assert chrome.context is not None
    chrome.context.set_offline(True)
    page.reload()  # it starts with the server gone
    expect(page.locator("#place")).to_be_enabled(timeout=BOOT_MS)
    page.get_by_label("Ask me to confirm before it ships").uncheck()
    page.get_by_role("button", name="Place order").click()
    expect(page.locator("#timeline .row.running")).to_contain_text("Reserve stock", timeout=STEP_MS)
    number = page.locator(".order-id").inner_text()
    page.get_by_role("button", name="Hand over to the server").click()
    expect(page.locator("#where")).to_have_text("leaving", timeout=STEP_MS)
    page.screenshot(path=tmp_path / "leaving.png", full_page=True)

    server.start()  # online for a moment
    server.weather(latency_ms=4_000)  # the laptop is closed long before the order is shipped
    chrome.context.set_offline(False)
    expect(page.locator("#run-title")).to_contain_text("on the server", timeout=STEP_MS)
    page.screenshot(path=tmp_path / "moved.png", full_page=True)
    assert chrome.kill() > 0  # the laptop is closed
    assert "ship" not in attempts_of(server, number)
    server.weather(latency_ms=0)
    while "ship" not in attempts_of(server, number):
        time.sleep(0.05)  # the shop tells nobody
    chrome.launch()
    page = open_demo(chrome, server)
    expect(page.locator("#run-title .chip").first).to_have_text("shipped", timeout=STEP_MS)
    expect(page.locator("#where")).to_have_text("finished by the server")
    page.screenshot(path=tmp_path / "finished.png", full_page=True)
    attempts = shipped_once(server, number)
    assert set(attempts.values()) == {1}
    told("begun offline, finished by the server", kills=1, servers_killed=1, effects=4, attempts=attempts)


def test_an_order_is_handed_over_and_taken_back_by_buttons(chrome: Browser, server: Server, tmp_path: Path) -> None:
    page = open_demo(chrome, server)
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("button", name="Place order").click()
    expect(page.get_by_role("button", name="Confirm and ship")).to_be_visible(timeout=STEP_MS)
    expect(page.locator("#where")).to_have_text("on this device")
    number = page.locator(".order-id").inner_text()
    page.screenshot(path=tmp_path / "here.png", full_page=True)

    page.get_by_role("button", name="Hand over to the server").click()
    expect(page.locator("#run-title")).to_contain_text("on the server", timeout=STEP_MS)
    expect(page.locator("[data-name='Server'] .pill-text")).to_have_text("answers")
    page.screenshot(path=tmp_path / "there.png", full_page=True)
    server.kill()
    page.get_by_role("button", name="Take back").click()
    expect(page.locator("#run-sub")).to_contain_text("does not answer", timeout=STEP_MS)
    page.screenshot(path=tmp_path / "asking.png", full_page=True)
    server.start()
    page.evaluate("void dispatchEvent(new Event('online'))")

    expect(page.locator("#where")).to_have_text("on this device", timeout=STEP_MS)
    page.get_by_role("button", name="Hand over to the server").click()
    expect(page.locator("#run-title")).to_contain_text("on the server", timeout=STEP_MS)
    page.get_by_role("button", name="Confirm and ship").click()  # what is said here is passed on
    expect(page.locator("#run-title .chip").first).to_have_text("shipped", timeout=STEP_MS)
    expect(page.locator("#where")).to_have_text("finished by the server")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390, "nothing is wider than a telephone"
    page.screenshot(path=tmp_path / "back.png", full_page=True)
    attempts = shipped_once(server, number)
    assert set(attempts.values()) == {1}
    told("handed over and taken back by buttons", servers_killed=1, effects=4, attempts=attempts)
