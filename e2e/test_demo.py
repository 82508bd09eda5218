"""The demo page, used as a person uses it: by its buttons, and with a keyboard."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from e2e.harness.browser import Browser
from e2e.harness.report import attempts_of, shipped_once, told
from e2e.harness.server import Server

BOOT_MS = 40_000
STEP_MS = 15_000


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
    page = chrome.tab(server.url)
    progress = page.get_by_role("progressbar", name="Loading Python")
    seen = page.evaluate(LOADING)  # every figure that the progress bar showed
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

    strangers = [address for address in chrome.requests if not address.startswith((server.url, "blob:", "data:"))]
    assert strangers == [], "the page asks nobody but its own origin"
    assert any(address.endswith("/sw.mjs") for address in chrome.requests), "service workers are watched, too"
    assert not [line for line in chrome.console if line.startswith("error")], chrome.console
    told("demo", attempts=attempts, requests=len(chrome.requests), off_origin=0, screenshots=str(tmp_path))


LOADING = """() => new Promise((resolve) => {
  const bar = document.querySelector("#loadbar");
  const seen = [0];
  const look = () => {
    const now = Number(bar.getAttribute("aria-valuenow"));
    if (now !== seen.at(-1)) seen.push(now);
    if (now === 100) resolve(seen);
  };
  new MutationObserver(look).observe(bar, { attributes: true });
  look();
})"""


def test_the_crash_button_ends_the_engine_and_the_page_comes_back_where_it_stood(
    chrome: Browser, server: Server
) -> None:
    page = open_demo(chrome, server)
    number = place_order(page)
    page.get_by_role("button", name="Crash this tab").click()
    expect(page.get_by_role("heading", name="This tab has crashed.")).to_be_visible()
    assert not page.workers, "the engine's thread is gone"

    page.get_by_role("link", name="Open it again").click()
    expect(page.locator(".order-id")).to_have_text(number, timeout=BOOT_MS)
    expect(page.locator("#timeline")).to_contain_text("You crashed the tab")
    page.get_by_role("button", name="Confirm and ship").click()
    expect(page.locator("#run-title .chip")).to_have_text("shipped", timeout=STEP_MS)
    attempts = shipped_once(server, number)
    assert set(attempts.values()) == {1}
    told("crash button", crashes=1, attempts=attempts)


@pytest.mark.first_visit
def test_the_service_worker_button_stops_the_running_instance(chrome: Browser, server: Server) -> None:
    page = open_demo(chrome, server, "?storage=service-worker")
    expect(page.locator("[data-name='Service worker'] .pill-text")).to_have_text("activated", timeout=BOOT_MS)
    workers = chrome.service_workers(page)
    number = place_order(page)
    page.get_by_role("button", name="Kill service worker").click()
    expect(page.locator("#fault-hint")).to_contain_text("was stopped and a fresh one started", timeout=BOOT_MS)
    assert workers.stops >= 1, workers.running
    page.get_by_role("button", name="Confirm and ship").click()
    expect(page.locator("#run-title .chip")).to_have_text("shipped", timeout=2 * STEP_MS)
    attempts = shipped_once(server, number)
    told("service worker button", stops_proven=workers.stops, attempts=attempts)


def test_the_offline_switch_holds_effects_back_and_lets_them_go_once(chrome: Browser, server: Server) -> None:
    page = open_demo(chrome, server)
    page.get_by_role("button", name="Go offline").click()
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
