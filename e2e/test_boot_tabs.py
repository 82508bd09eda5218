"""Who leads: a dead, frozen, robbed or fenced leader is followed by another within moments, and no call is lost."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Page

from e2e.beside import alone
from e2e.harness.browser import Browser
from e2e.harness.pages import CHECKOUT_ALONE, call, open_weft, order, until
from e2e.harness.report import told
from e2e.harness.server import Server

TAKEOVER_S = 3.0


def quiet(page: Page) -> bool:
    """It has followed after it had led, and never called that a failure (firebase-js-sdk #5890)."""
    seen = page.evaluate("weftStatuses")
    return any(s["role"] == "follower" for s in seen) and not any(s["error"] or s["state"] == "degraded" for s in seen)


def role(page: Page) -> str | None:
    found: str | None = page.evaluate("weft.status.role")
    return found


@alone
def test_a_call_made_while_the_leader_dies_is_answered_by_the_next_within_three_seconds(
    chrome: Browser, server: Server
) -> None:
    first = open_weft(chrome, server.url, **CHECKOUT_ALONE)
    second = open_weft(chrome, server.url, **CHECKOUT_ALONE)
    assert (role(first), role(second)) == ("leader", "follower")
    run = call(second, "start", "checkout", [order("T-1")])["id"]
    until(second, "return weft.status.standby === 'warm'")  # it loads when the page is idle

    chrome.crash(first)
    began = time.monotonic()
    assert call(second, "describe", run)["id"] == run
    assert time.monotonic() - began < TAKEOVER_S
    call(second, "signal", run, "confirm", {"confirmed": True, "by": "the new leader"})
    assert call(second, "result", run)["confirmed_by"] == "the new leader"
    assert role(second) == "leader"


def test_a_frozen_leader_gives_way_and_comes_back_as_a_follower(chrome: Browser, server: Server) -> None:
    """dxos #11757: a frozen tab kept the lock, and everyone waited for it. Headless tabs are visible and never freeze,
    so the page is told what a freezing browser tells it."""
    first = open_weft(chrome, server.url, **CHECKOUT_ALONE)
    second = open_weft(chrome, server.url, **CHECKOUT_ALONE)
    first.evaluate("void document.dispatchEvent(new Event('freeze'))")
    until(second, "return weft.status.role === 'leader' && weft.status.state === 'ready'")
    first.evaluate("void document.dispatchEvent(new Event('resume'))")
    until(first, "return weft.status.role === 'follower'")
    assert call(first, "start", "checkout", [order("T-2")])["status"] == "running"


def test_a_leader_whose_lock_is_stolen_stops_and_stands_in_line_again(chrome: Browser, server: Server) -> None:
    page = open_weft(chrome, server.url, **CHECKOUT_ALONE)
    page.evaluate("navigator.locks.request('weft:e2e', { steal: true }, () => {})")
    until(page, "return weftStatuses.some((status) => status.stage.startsWith('gave way'))")
    until(page, "return weft.status.state === 'ready'")
    assert call(page, "diagnostics")["epoch"] == 2
    assert quiet(page)


@pytest.mark.scenario(9)
@pytest.mark.parametrize("storage", ["direct", "service-worker"])
def test_an_engine_that_lost_its_epoch_writes_nothing_more_and_its_calls_are_answered_by_the_next(
    chrome: Browser, server: Server, storage: str
) -> None:
    """G11: the epoch is checked inside each commit, so a second engine is safe even without the lock."""
    page = open_weft(chrome, server.url, storage=storage, **CHECKOUT_ALONE)
    run = call(page, "start", "checkout", [order("T-3")], {"id": "T-3"})["id"]
    page.evaluate(TAKE_EPOCH)
    call(page, "signal", run, "confirm", {"confirmed": True, "by": "whoever owns it"})
    assert call(page, "result", run)["confirmed_by"] == "whoever owns it"
    types = [event["type"] for event in call(page, "history", run)]
    assert types.count("signal_received") == 1
    assert quiet(page)
    told("an engine loses its epoch", thefts=1, storage=storage, signals_received=1)


@pytest.mark.first_visit
def test_a_full_disk_stops_the_engine_and_space_lets_it_go_on(chrome: Browser, server: Server) -> None:
    """G17: nothing is acknowledged that was not written; runs wait at their last checkpoint."""
    assert chrome.context is not None
    blank, origin = chrome.tab(f"{server.url}icon.svg"), server.url.rstrip("/")
    session = chrome.context.new_cdp_session(blank)
    # Before the first write: Chromium remembers for half a minute how much room it has found.
    session.send("Storage.overrideQuotaForOrigin", {"origin": origin, "quotaSize": SPACE})
    page = open_weft(chrome, server.url, serviceWorker="none", **CHECKOUT_ALONE)
    run = call(page, "start", "checkout", [order("T-4")])["id"]
    page.evaluate(START_MANY)
    # It is opened again in a second, and said to be ready, before the batch fails again.
    trouble = until(page, "return weftStatuses.find(({ state }) => state === 'degraded')")
    assert "QuotaExceeded" in trouble["error"]["message"]

    session.send("Storage.overrideQuotaForOrigin", {"origin": origin})
    until(page, "return weft.status.state === 'ready'")
    call(page, "signal", run, "confirm", {"confirmed": True, "by": "me"})
    assert call(page, "result", run)["status"] == "shipped"
    acknowledged = page.evaluate("Promise.allSettled(filling)")
    kept = {item["id"] for item in page.evaluate("weft.list({ limit: 100 })")["items"]}
    assert {answer["value"]["id"] for answer in acknowledged if answer["status"] == "fulfilled"} <= kept


SPACE = 400_000
"""For two or three of these, which are written together."""

START_MANY = """void (globalThis.filling = Array.from({ length: 24 }, (_, number) => {
    const noise = crypto.getRandomValues(new Uint8Array(65536));
    const address = Array.from(noise, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return weft.start("checkout", [{ id: `F-${number}`, items: [{ sku: "yarn", quantity: 1 }], address }]);
}))"""

TAKE_EPOCH = """new Promise((resolve, reject) => {
    const request = indexedDB.open("weft:e2e");
    request.onerror = reject;
    request.onsuccess = () => {
        const tx = request.result.transaction("data", "readwrite");
        tx.objectStore("data").delete(new TextEncoder().encode("meta/owner").buffer);
        tx.oncomplete = () => { request.result.close(); resolve(null); };
    };
})"""
