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
from weft_core import codec
from weft_core.machine.sealed import seal_plain
from weft_core.model import keys

DRIVEN_WITHIN_S = 40
DUE_IN = "10s"
"""When the last tab is closed, though that may take its time, and an engine in the Service Worker still lives."""
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


def parked_behind_a_closed_tab(chrome: Browser, server: Server, *orders: dict[str, Any]) -> Page:
    """Orders that are charged and wait, and no tab of the site. Returns a page of no site."""
    page = open_weft(chrome, server.url, **CHECKOUT)
    offline_ready(page)
    for one in orders:
        run = call(page, "start", "checkout", [one], {"id": one["id"]})["id"]
        kind = "signal" if one.get("confirm", True) else "sleep"
        until(page, "return (await weft.describe(arg[0])).waiting_for.some(({kind}) => kind === arg[1])", [run, kind])
    elsewhere = chrome.tab("about:blank")
    page.close()
    return elsewhere


def confirm(hints: Hints, number: str) -> None:
    """The customer's answer lies in the store: an engine finds it when it opens."""
    key = keys.inbox(f"answer-{number}")
    answer = codec.dumps({"confirmed": True, "by": "ann"})
    hints.worker().evaluate(PUT, [key, list(seal_plain(key, ["signal", number, "confirm", answer, None]))])


def at_a_step_without_an_answer(chrome: Browser, server: Server, hints: Hints, number: str) -> None:
    """The engine in the Service Worker has asked the shop, and hears its answers when it may (``LET_ANSWER``)."""
    hints.worker().evaluate(NO_ANSWER)
    confirm(hints, number)
    asked = len(server.effects(number))
    hints.sync()
    seen("the service worker is at a step", lambda: len(server.effects(number)) == asked + 2, chrome)


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
    waiting = [order(number, confirm=False, pause=DUE_IN) for number in ("B-1", "B-2")]
    hints = Hints(chrome, parked_behind_a_closed_tab(chrome, server, *waiting), server.url)
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


def test_a_store_that_cannot_be_opened_holds_up_no_other_nor_does_a_notification_that_is_not_allowed(
    chrome: Browser, server: Server
) -> None:
    hints = Hints(chrome, parked_behind_a_closed_tab(chrome, server, order("B-5")), server.url)
    hints.worker().evaluate(BROKEN_ONE_FIRST)
    confirm(hints, "B-5")
    hints.push({"title": "Something is due"})  # nobody has allowed notifications
    seen("B-5 shipped", lambda: shipped(server, "B-5"), chrome)
    seen("it is told", lambda: any("push: broken: failed" in line for line in chrome.console), chrome)
    assert any("broken cannot be opened" in line and "missing.py" in line for line in chrome.console), chrome.console
    assert sum(shipped_once(server, "B-5").values()) == 4


def test_a_sync_that_had_not_time_enough_is_said_to_have_failed_so_that_the_browser_sends_it_again(
    chrome: Browser, server: Server
) -> None:
    hints = Hints(chrome, parked_behind_a_closed_tab(chrome, server, order("B-6")), server.url)
    hints.worker().evaluate(KEEP_WHAT_IS_WAITED_FOR)
    at_a_step_without_an_answer(chrome, server, hints, "B-6")
    said = "weftWaitedFor.then(() => 'done', (error) => error.message)"
    assert hints.worker().evaluate(said) == "weft: not done: e2e, out of time"
    hints.worker().evaluate(LET_ANSWER)
    hints.sync()  # as the browser does, in some minutes
    seen("B-6 shipped", lambda: shipped(server, "B-6"), chrome)
    assert hints.worker().evaluate(said) == "done"
    attempts = shipped_once(server, "B-6")
    assert attempts == {"reserve": 1, "charge": 1, "receipt": 2, "ship": 2}, "what was in flight is asked again"
    told("a sync without time enough", cut_off=2, syncs=2, effects=len(attempts))


def test_the_service_worker_gives_way_to_a_tab_that_opens(chrome: Browser, server: Server) -> None:
    """No answer of the shop comes, so that the engine in the Service Worker is busy when the tab comes."""
    hints = Hints(chrome, parked_behind_a_closed_tab(chrome, server, order("B-3")), server.url)
    at_a_step_without_an_answer(chrome, server, hints, "B-3")
    opened_at = time.monotonic()
    page = open_weft(chrome, server.url, wait="", **CHECKOUT)
    until(page, "return globalThis.weft?.status.role === 'leader' && weft.status.state === 'ready'", timeout_ms=40_000)
    took = time.monotonic() - opened_at
    seen("it gave way", lambda: any("sync: e2e: gave way, 2 cut off" in line for line in chrome.console), chrome)
    assert call(page, "result", "B-3")["status"] == "shipped"
    attempts = shipped_once(server, "B-3")
    assert attempts == {"reserve": 1, "charge": 1, "receipt": 2, "ship": 2}, "what was in flight is asked again"
    told("service worker gives way", takeovers=1, took=f"{took:.1f} s", effects=len(attempts))


def test_the_engine_in_the_service_worker_ends_at_once_when_another_engine_owns_the_store(
    chrome: Browser, server: Server
) -> None:
    """Its lock is free then, long before its time is over, and what it did late is not recorded (G11)."""
    hints = Hints(chrome, parked_behind_a_closed_tab(chrome, server, order("B-4")), server.url)
    at_a_step_without_an_answer(chrome, server, hints, "B-4")
    hints.worker().evaluate(PUT, [keys.OWNER, list(seal_plain(keys.OWNER, [50, 0]))])
    hints.worker().evaluate(LET_ANSWER)
    began = time.monotonic()
    seen("it has ended", lambda: any("sync: e2e: fenced" in line for line in chrome.console), chrome)
    took = time.monotonic() - began
    assert hints.worker().evaluate(LOCKS) == []
    page = open_weft(chrome, server.url, **CHECKOUT)
    assert call(page, "result", "B-4")["status"] == "shipped"
    attempts = shipped_once(server, "B-4")
    assert attempts == {"reserve": 1, "charge": 1, "receipt": 2, "ship": 2}, "what was in flight is asked again"
    told("the engine in the service worker is fenced", faults=1, took=f"{took:.1f} s", effects=len(attempts))


@pytest.mark.scenario(16)
def test_a_review_decided_in_a_notification_is_recorded_before_any_engine_wakes(
    chrome: Browser, server: Server
) -> None:
    """Approve is clicked with every tab closed, and the browser is killed before an engine could have begun."""
    page, review = waiting_for_a_decision(chrome, server, "R-1")
    assert call(page, "noticeReviews", {"reviewer": "ann"}) == "granted"
    tag = f"weft:{review['id']}"
    until(page, "return (await (await navigator.serviceWorker.ready).getNotifications({tag: arg})).length", tag)
    elsewhere = chrome.tab("about:blank")
    page.close()

    hints = Hints(chrome, elsewhere, server.url)
    hints.worker().evaluate(NO_ENGINE)
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


BROKEN_ONE_FIRST = """async () => {  // among the stores that the site has told of
  const cache = await caches.open((await caches.keys()).find((name) => name.startsWith("weft-stores:")));
  const [good] = await cache.keys();
  const store = await (await cache.match(good)).json();
  const answer = (value) => new Response(JSON.stringify(value), {headers: {"Content-Type": "application/json"}});
  await cache.delete(good);
  const workflows = [new URL("missing.py", registration.scope).href];
  await cache.put(`${good.url}-broken`, answer({...store, name: "broken", workflows}));
  await cache.put(good, answer(store));
}"""
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
PUT = """async ([key, bytes]) => new Promise((resolve, reject) => {
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
NO_ENGINE = """() => new Promise((held) => {  // for good: nobody else is given its lock
  void navigator.locks.request("weft:e2e", () => {
    held();
    return new Promise(() => {});
  });
})"""
KEEP_WHAT_IS_WAITED_FOR = """() => {
  const { waitUntil } = ExtendableEvent.prototype;
  ExtendableEvent.prototype.waitUntil = function (work) {
    if (this.type === "sync") globalThis.weftWaitedFor = work;
    return waitUntil.call(this, work);
  };
}"""
NO_ANSWER = """() => {  // the shop does what it is asked for
  const { text } = Response.prototype;
  const may = new Promise((resolve) => (globalThis.weftLetAnswer = resolve));
  Response.prototype.text = async function () {
    const answer = await text.call(this);
    if (this.url.includes("/api/")) await may;
    return answer;
  };
}"""
LET_ANSWER = "weftLetAnswer()"
LOCKS = "navigator.locks.query().then(({ held }) => held.map(({ name }) => name).filter((name) => name === 'weft:e2e'))"
LEFT_NONE = f"return (await ({LEFT})()) === 0"
