"""The engine inside the Service Worker: with every tab closed, what the browser wakes it for is done, once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from e2e.harness.browser import Browser
from e2e.harness.hints import Hints
from e2e.harness.pages import CHECKOUT, call, offline_ready, open_weft, order, until
from e2e.harness.report import attempts_of, shipped_once, told
from e2e.harness.server import Server
from weft_core.machine.sealed import seal_plain
from weft_core.model import keys

DRIVEN_WITHIN_S = 40
REVIEWED = {"workflows": "checkout.py,reviewed.py", "activities": "checkout_browser.py"}


def seen(what: str, look: Callable[[], Any], chrome: Browser) -> Any:
    """Wait until something is true outside of the browser."""
    assert chrome.context is not None
    deadline = time.monotonic() + DRIVEN_WITHIN_S
    while not (found := look()):
        assert time.monotonic() < deadline, "\n".join([f"not in {DRIVEN_WITHIN_S} s: {what}", *chrome.console[-10:]])
        chrome.context.pages[-1].wait_for_timeout(100)  # leaves the processor to the browser, and hears what it says
    return found


def shipped(server: Server, number: str) -> bool:
    return any(effect["operation"] == "ship" and effect["count"] for effect in server.effects(number))


def parked_behind_a_closed_tab(chrome: Browser, server: Server, numbers: list[str], pause: str) -> Page:
    """Orders that wait for a timer, and no tab of the site. Returns a page of no site."""
    page = open_weft(chrome, server.url, **CHECKOUT)
    offline_ready(page)
    for number in numbers:
        run = call(page, "start", "checkout", [order(number, confirm=False, pause=pause)], {"id": number})["id"]
        until(page, "return (await weft.describe(arg)).waiting_for.some((wait) => wait.kind === 'sleep')", run)
    elsewhere = chrome.tab("about:blank")
    page.close()
    return elsewhere


def waiting_for_a_decision(chrome: Browser, server: Server, run: str) -> tuple[Page, dict[str, Any]]:
    """A page that may show notifications, and the review that its run waits for."""
    assert chrome.context is not None
    chrome.context.grant_permissions(["notifications"], origin=server.url.rstrip("/"))
    page = open_weft(chrome, server.url, **REVIEWED)
    offline_ready(page)
    call(page, "start", "reviewed", [run], {"id": run})
    [review] = until(page, "const {items} = await weft.reviews(); return items.length && items")
    return page, review


@pytest.mark.parametrize("hint", ["sync", "push"])
def test_with_every_tab_closed_the_service_worker_drives_what_is_due(
    chrome: Browser, server: Server, hint: str
) -> None:
    """Also when the hint comes before the browser has freed the lock of the last tab."""
    elsewhere = parked_behind_a_closed_tab(chrome, server, ["B-1", "B-2"], "3s")
    hints = Hints(chrome, elsewhere, server.url)
    assert not shipped(server, "B-1"), "nothing runs while every tab is closed"
    hints.worker().evaluate(LINGER)
    hints.push({}) if hint == "push" else hints.sync()
    for number in ("B-1", "B-2"):
        seen(f"{number} shipped", lambda: shipped(server, number), chrome)

    attempts = [sum(shipped_once(server, number).values()) for number in ("B-1", "B-2")]
    assert attempts == [4, 4]
    page = open_weft(chrome, server.url, **CHECKOUT)
    assert [call(page, "result", number)["status"] for number in ("B-1", "B-2")] == ["shipped"] * 2
    told(f"engine in the service worker, woken by {hint}", tabs_closed=1, runs=2, effects=sum(attempts))


def test_the_service_worker_gives_way_to_a_tab_that_opens(chrome: Browser, server: Server) -> None:
    """The shop answers slowly, so that the engine in the Service Worker is busy when the tab comes."""
    elsewhere = parked_behind_a_closed_tab(chrome, server, ["B-3"], "2s")
    server.weather(latency_ms=1_500)
    Hints(chrome, elsewhere, server.url).sync()
    seen("the service worker has begun", lambda: server.effects("B-3"), chrome)
    opened_at = time.monotonic()
    page = open_weft(chrome, server.url, wait="", **CHECKOUT)
    until(page, "return globalThis.weft?.status.role === 'leader' && weft.status.state === 'ready'", timeout_ms=40_000)
    took = time.monotonic() - opened_at
    assert call(page, "result", "B-3")["status"] == "shipped"
    attempts = attempts_of(server, "B-3")
    assert all(count <= 2 for count in attempts.values()), attempts
    shipped_once(server, "B-3")
    told("service worker gives way", takeovers=1, took=f"{took:.1f} s", effects=len(attempts))


def test_the_engine_in_the_service_worker_ends_at_once_when_another_engine_owns_the_store(
    chrome: Browser, server: Server
) -> None:
    """Its lock is free then, long before its time is over, and what it did late is not recorded (G11)."""
    elsewhere = parked_behind_a_closed_tab(chrome, server, ["B-4"], "2s")
    server.weather(latency_ms=3_000)
    before = len(server.effects("B-4"))
    hints = Hints(chrome, elsewhere, server.url)
    hints.sync()
    seen("the service worker is at a step", lambda: len(server.effects("B-4")) > before, chrome)
    hints.worker().evaluate(OWN, [keys.OWNER, list(seal_plain(keys.OWNER, [50, 0]))])
    began = time.monotonic()
    seen("it has ended", lambda: any("sync: e2e: fenced" in line for line in chrome.console), chrome)
    took = time.monotonic() - began
    assert hints.worker().evaluate(LOCKS) == []
    server.weather(latency_ms=0)
    page = open_weft(chrome, server.url, **CHECKOUT)
    assert call(page, "result", "B-4")["status"] == "shipped"
    attempts = shipped_once(server, "B-4")
    assert attempts == {"reserve": 1, "charge": 1, "receipt": 2, "ship": 2}, "what was in flight is asked again"
    told("the engine in the service worker is fenced", faults=1, took=f"{took:.1f} s", effects=len(attempts))


@pytest.mark.first_visit
@pytest.mark.scenario(16)
def test_a_review_decided_in_a_notification_is_recorded_before_any_engine_wakes(
    chrome: Browser, server: Server
) -> None:
    """Approve is clicked with every tab closed, and the browser is killed before Python could have started."""
    page, review = waiting_for_a_decision(chrome, server, "R-1")
    assert call(page, "noticeReviews", {"reviewer": "ann"}) == "granted"
    tag = f"weft:{review['id']}"
    until(page, "return (await (await navigator.serviceWorker.ready).getNotifications({tag: arg})).length", tag)
    elsewhere = chrome.tab("about:blank")
    page.close()

    hints = Hints(chrome, elsewhere, server.url)
    hints.click(tag, "approve")
    seen("the decision is on disk", lambda: hints.worker().evaluate(LEFT), chrome)
    assert chrome.kill() > 1
    assert not server.effects("R-1"), "no engine has run yet"

    chrome.launch()
    page = open_weft(chrome, server.url, **REVIEWED)
    assert call(page, "result", "R-1") == {"decision": "approved", "reviewer": "ann"}
    decided = [event for event in call(page, "history", "R-1") if event["type"] == "review_decided"]
    assert len(decided) == 1
    until(page, LEFT_NONE)
    effects = attempts_of(server, "R-1")
    assert effects == {"charge": 1}
    told("review decided in a notification", kills=1, decisions=len(decided), effects=sum(effects.values()))


@pytest.mark.first_visit
def test_a_review_that_a_push_message_asks_for_is_decided_and_done_with_every_tab_closed(
    chrome: Browser, server: Server
) -> None:
    page, review = waiting_for_a_decision(chrome, server, "R-2")
    elsewhere = chrome.tab("about:blank")
    hints = Hints(chrome, elsewhere, server.url)
    page.evaluate(LISTEN)
    notice = {"store": "e2e", "review": review["id"], "reviewer": "ann"}
    hints.push({"title": "Charge R-2?", "body": "49.00", "weft": notice})
    assert page.evaluate("weftWoken") == "push", "tabs are told when the notification is shown"
    page.close()
    assert not server.effects("R-2")
    hints.click(f"weft:{review['id']}", "approve")
    seen("the effect", lambda: server.effects("R-2"), chrome)
    page = open_weft(chrome, server.url, **REVIEWED)
    assert call(page, "result", "R-2") == {"decision": "approved", "reviewer": "ann"}
    assert attempts_of(server, "R-2") == {"charge": 1}
    told("a review decided with every tab closed", tabs_closed=1, effects=1)


LISTEN = """() => {
  const told = (resolve) => ({data}) => data.t === "wake" && resolve(data.reason);
  globalThis.weftWoken = new Promise((resolve) => navigator.serviceWorker.addEventListener("message", told(resolve)));
}"""
LEFT = """async () => {
  if (!(await indexedDB.databases()).some(({name}) => name === "weft-left:e2e")) return 0;
  return new Promise((resolve, reject) => {
    const open = indexedDB.open("weft-left:e2e");
    open.onerror = () => reject(open.error);
    open.onsuccess = () => {
      const count = open.result.transaction("calls").objectStore("calls").count();
      count.onsuccess = () => { open.result.close(); resolve(count.result); };
    };
  });
}"""
OWN = """async ([key, bytes]) => new Promise((resolve, reject) => {
  const open = indexedDB.open("weft:e2e");
  open.onerror = () => reject(open.error);
  open.onsuccess = () => {
    const tx = open.result.transaction("data", "readwrite");
    tx.objectStore("data").put(new Uint8Array(bytes).buffer, new TextEncoder().encode(key));
    tx.oncomplete = () => { open.result.close(); resolve(null); };
  };
})"""
LINGER = """() => {
  // As of a tab that is being closed: nobody answers any more, and the browser has not freed its lock yet.
  void navigator.locks.request("weft:e2e", () => new Promise((resolve) => setTimeout(resolve, 1_500)));
}"""
LOCKS = "navigator.locks.query().then(({ held }) => held.map(({ name }) => name).filter((name) => name === 'weft:e2e'))"
LEFT_NONE = f"return (await ({LEFT})()) === 0"
