"""The demo page, used as a person uses it: by its buttons, and with a keyboard."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from e2e.harness.browser import Browser
from e2e.harness.report import attempts_of, shipped_once, told
from e2e.harness.server import Server

BOOT_MS = 40_000
STEP_MS = 40_000
KILLED_MS = 90_000
"""Longer than the page itself waits for the browser to let go of a service worker."""


def open_demo(chrome: Browser, server: Server, query: str = "") -> Page:
    """The demo, ready to take an order."""
    page = chrome.tab(server.url + query)
    expect(page.locator("#place")).to_be_enabled(timeout=BOOT_MS)
    return page


def place_order(page: Page) -> str:
    """Order what is in the cart; returns the order's number when it waits for the customer."""
    page.get_by_role("button", name="Place order").click()
    expect(page.get_by_role("button", name="Confirm and ship")).to_be_visible(timeout=STEP_MS)
    return page.locator(".order-id").inner_text()


@pytest.mark.first_visit
def test_an_order_is_watched_step_by_step_with_its_source_and_variables(
    chrome: Browser, server: Server, tmp_path: Path
) -> None:
    assert chrome.context is not None
    chrome.context.add_init_script(WATCH_THE_BAR)
    requests = chrome.note_requests()
    page = chrome.tab(server.url)
    progress = page.get_by_role("progressbar", name="Loading Python")
    seen = page.evaluate(LOADED)
    assert seen[-1] == 100 and len(seen) >= 3 and seen == sorted(seen), seen
    expect(progress).to_have_attribute("aria-valuenow", "100")

    number = place_order(page)
    waiting = page.locator(".code .line.here")
    expect(waiting).to_contain_text("await ctx.wait_for_signal(confirm")
    for name, value in {"total": "5715", "charge": "CHG-", "order": number}.items():
        row = page.locator("#vars tr", has=page.get_by_role("rowheader", name=name, exact=True))
        expect(row).to_contain_text(value)
    expect(page.locator("#timeline")).to_contain_text("Charge card")
    expect(page.locator("#timeline")).to_contain_text("Waiting for “confirm”")
    page.screenshot(path=tmp_path / "waiting.png", full_page=True)

    page.get_by_role("button", name="Confirm and ship").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#run-title .chip")).to_have_text("shipped", timeout=STEP_MS)
    expect(page.locator("#runs")).to_contain_text(number)
    page.screenshot(path=tmp_path / "shipped.png", full_page=True)
    attempts = shipped_once(server, number)

    declined = place_order(page)
    page.get_by_role("button", name="Decline").click()
    expect(page.locator("#run-title .chip")).to_have_text("undone", timeout=STEP_MS)
    assert attempts_of(server, declined) == {"reserve": 1, "charge": 1, "refund": 1, "release": 1}

    page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    strangers = [address for address in requests if not address.startswith((server.url, "blob:", "data:"))]
    assert strangers == [], "the page asks nobody but its own origin"
    assert any(address.endswith("/sw.mjs") for address in requests), "service workers are watched, too"
    assert not [line for line in chrome.console if line.startswith("error")], chrome.console
    told("demo", attempts=attempts, requests=len(requests), off_origin=0, screenshots=str(tmp_path))


WATCH_THE_BAR = """globalThis.shown = [0];
globalThis.loaded = new Promise((resolve) => {
  new MutationObserver(() => {
    const now = Number(document.querySelector("#loadbar")?.getAttribute("aria-valuenow") ?? 0);
    if (now !== shown.at(-1)) shown.push(now);
    if (now === 100) resolve([...shown]);
  }).observe(document, { subtree: true, childList: true, attributeFilter: ["aria-valuenow"] });
});"""
LOADED = "loaded"
"""Every figure that the progress bar showed, from the first on."""


def test_the_crash_button_ends_the_engine_and_the_page_comes_back_where_it_stood(
    chrome: Browser, server: Server
) -> None:
    page = open_demo(chrome, server)
    number = place_order(page)
    page.get_by_role("button", name="Crash this tab").click()
    expect(page.get_by_role("heading", name="This tab has crashed.")).to_be_visible()
    while page.workers:  # until the browser has told that the engine's thread is gone
        page.wait_for_timeout(20)
    again = page.get_by_role("link", name="Open it again")
    expect(again).to_be_focused()  # by the script that notes the crash
    again.click()
    expect(page.locator(".order-id")).to_have_text(number, timeout=BOOT_MS)
    expect(page.locator("#timeline")).to_contain_text("You crashed the tab")
    page.get_by_role("button", name="Confirm and ship").click()
    expect(page.locator("#run-title .chip")).to_have_text("shipped", timeout=STEP_MS)
    attempts = shipped_once(server, number)
    assert set(attempts.values()) == {1}
    told("crash button", crashes=1, attempts=attempts)


WAITS = "navigator.serviceWorker.getRegistration().then(({ waiting }) => waiting !== null)"


def test_the_service_worker_button_stops_the_running_instance(chrome: Browser, server: Server) -> None:
    page = open_demo(chrome, server, "?storage=service-worker")
    expect(page.locator("[data-name='Service worker'] .pill-text")).to_have_text("activated", timeout=BOOT_MS)
    workers = chrome.service_workers(page)
    number = place_order(page)
    assert workers.stops == 0, workers.running
    page.get_by_role("button", name="Kill service worker").click()
    while workers.stops == 0:  # until the browser has stopped it
        page.wait_for_timeout(20)
    while page.evaluate(WAITS):
        # What the page asks of its store starts the old one again, and to Chromium that is never idle under a debugger.
        workers.stop_all()
        page.wait_for_timeout(50)
    expect(page.locator("#fault-hint")).to_contain_text("was stopped and a fresh one started", timeout=KILLED_MS)
    page.get_by_role("button", name="Confirm and ship").click()
    expect(page.locator("#run-title .chip")).to_have_text("shipped", timeout=2 * STEP_MS)
    attempts = shipped_once(server, number)
    told("service worker button", stops_proven=workers.stops, attempts=attempts)


def test_the_offline_switch_holds_effects_back_and_lets_them_go_once(chrome: Browser, server: Server) -> None:
    page = open_demo(chrome, server)
    page.get_by_role("button", name="Go offline").click()
    expect(page.get_by_role("button", name="Go online")).to_be_visible()  # the cable is cut
    page.get_by_label("Ask me to confirm before it ships").uncheck()
    page.get_by_role("button", name="Place order").click()
    expect(page.locator("#timeline .row.running")).to_contain_text("Reserve stock", timeout=STEP_MS)
    number = page.locator(".order-id").inner_text()
    assert server.effects(number) == []

    page.get_by_role("button", name="Go online").click()
    expect(page.locator("#run-title .chip")).to_have_text("shipped", timeout=2 * STEP_MS)
    attempts = shipped_once(server, number)
    assert set(attempts.values()) == {1}
    told("offline switch", attempts=attempts)
