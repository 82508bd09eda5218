"""A page that is left in the middle of a commit, kept by the browser, and come back to (G1, G2; scenario 29)."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.harness.engines import CHROMIUM, Launch
from e2e.harness.pages import CHECKOUT, call, offline_ready, open_weft, order, until
from e2e.harness.report import shipped_once, told
from e2e.harness.server import Server
from e2e.harness.storage import engine_worker

NOTE = """() => {
  globalThis.left = [];
  for (const type of ["pagehide", "pageshow"]) addEventListener(type, (event) => left.push([type, event.persisted]));
}"""
SHOWN = """async (count) => {  // what it noted, when it has been told that it is back; nothing if it is another page
  const shown = () => new Promise((resolve) => addEventListener("pageshow", resolve, { once: true }));
  while (globalThis.left && left.length < count) await shown();
  return globalThis.left;
}"""
KEPT = [["pagehide", True], ["pageshow", True]]
WAITS = "return (await weft.describe(arg)).waiting_for.some((wait) => wait.kind === 'signal')"
CONFIRM = "(run) => void weft.signal(run, 'confirm', { confirmed: true, by: 'me' })"
HOLD = "([phase, after]) => void (weftHolds = (at, { write }) => at === phase && write && after-- <= 0)"
LET_GO = "() => { weftHolds = () => false; weftLose(); }"
KEEP_OPEN = """(after) => {
  const kept = {};
  kept.promise = new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error("nothing was committed")), 60_000);
    const begin = IDBDatabase.prototype.transaction;
    IDBDatabase.prototype.transaction = function (...given) {
      const tx = begin.apply(this, given);
      if (given[1] !== "readwrite" || after-- > 0) return tx;
      tx.commit = () => {};
      const again = () => (tx.objectStore("data").count().onsuccess = again);
      again();
      resolve(true);
      return tx;
    };
  });
  kept.promise.catch(() => {});
  return kept;
}"""
"""The writing transaction after so many others is kept open for as long as its worker lives."""
BREAK = "(time) => void setTimeout(() => { throw new Error(`the worker broke ${time}`); })"
BROKE_TWICE = "return weftStatuses.some(({ error }) => error?.message.includes('the worker broke 2'))"
SEEN = "(run) => weftEvents.filter((event) => event.run_id === run).map((event) => event.seq)"
QUICK = {"confirm": False, "pause": "50ms"}


def left_and_come_back_to(page: Any, server: Server, times: int) -> None:
    """The page stands as it was left: the browser has kept it."""
    page.goto(f"{server.url}icon.svg")
    come_back_to(page, times)


def come_back_to(page: Any, times: int) -> None:
    """For the so-many-th time, to the page as it was left."""
    page.go_back(wait_until="commit")
    assert page.evaluate(SHOWN, 2 * times) == KEPT * times


def whole(page: Any, run: str) -> None:
    """Every record can be read, and the run has each of its events once."""
    examined = page.evaluate("weft.diagnostics({ examine: true }).then(({ examined }) => examined)")
    assert examined["verified"] and examined["damaged"] == 0
    numbers = [event["seq"] for event in call(page, "history", run)]
    assert numbers == list(range(1, len(numbers) + 1))
    until(page, f"return ({SEEN})(arg[0]).length >= arg[1]", [run, len(numbers)])
    assert page.evaluate(SEEN, run) == numbers, "the page's tail has no gap and no repetition"


@pytest.mark.scenario(29)
def test_a_page_left_with_a_commit_on_its_way_goes_on_when_it_is_come_back_to(launch: Launch, server: Server) -> None:
    """dxos #11757: what a page in the back/forward cache holds, nobody else gets. Here it lets go, and begins anew."""
    chrome = launch(CHROMIUM, back_forward_cache=True)
    page = open_weft(chrome, server.url, storage="service-worker", relay="1", **CHECKOUT)
    offline_ready(page)
    page.evaluate(NOTE)
    call(page, "start", "checkout", [order("L-1")], {"id": "L-1"})
    until(page, WAITS, "L-1")
    page.evaluate(HOLD, ["reply", 1])
    page.evaluate(CONFIRM, "L-1")
    assert until(page, "return weftHeld()")["phase"] == "reply", "committed, and nobody was told"
    left_and_come_back_to(page, server, 1)
    page.evaluate(LET_GO)
    assert call(page, "result", "L-1")["confirmed_by"] == "me"

    page.evaluate(HOLD, ["request", 2])
    page.evaluate("(order) => void weft.start('checkout', [order], { id: 'L-2' })", order("L-2", **QUICK))
    assert until(page, "return weftHeld()")["phase"] == "request", "decided, and not committed"
    left_and_come_back_to(page, server, 2)
    page.evaluate(LET_GO)
    assert call(page, "result", "L-2")["status"] == "shipped"
    for run in ("L-1", "L-2"):
        whole(page, run)
    attempts = [shipped_once(server, run) for run in ("L-1", "L-2")]
    assert attempts[0]["reserve"] == attempts[0]["charge"] == 1, "what was recorded is not done again"
    assert max(max(of.values()) for of in attempts) <= 2, "what was under way is, once"
    told("left in a commit", moves_away=2, effects=8, attempts=attempts)


@pytest.mark.scenario(29)
def test_a_page_left_in_a_transaction_frees_the_store_for_another_tab_and_follows_it_later(
    launch: Launch, server: Server
) -> None:
    """dxos #11757, web-locks #4: neither the lock nor the connection stays with a page that nobody sees."""
    chrome = launch(CHROMIUM, back_forward_cache=True)
    page = open_weft(chrome, server.url, **CHECKOUT)
    offline_ready(page)  # a service worker that takes over pages has the browser forget those it keeps
    page.evaluate(NOTE)
    call(page, "start", "checkout", [order("L-1")], {"id": "L-1"})
    until(page, WAITS, "L-1")
    before = engine_worker(page)
    kept_open = before.evaluate_handle(KEEP_OPEN, 1)
    page.evaluate(CONFIRM, "L-1")
    kept_open.evaluate("({ promise }) => promise")
    page.goto(f"{server.url}icon.svg")
    other = open_weft(chrome, server.url, **CHECKOUT)
    assert call(other, "result", "L-1")["confirmed_by"] == "me"
    come_back_to(page, 1)
    until(page, "return weft.status.role === 'follower'")
    whole(page, "L-1")

    with page.expect_worker() as anew:
        engine_worker(page, but=before).evaluate(BREAK, 1)
    anew.value.evaluate(
        BREAK, 2
    )  # after the second time its page waits for a second or two before it has another worker
    until(page, BROKE_TWICE)
    page.goto(f"{server.url}icon.svg")
    call(other, "describe", "L-1")  # a tab with an open channel would hear that, and be forgotten
    come_back_to(page, 2)
    until(page, "return weft.status.role === 'follower'")
    attempts = shipped_once(server, "L-1")
    assert attempts["reserve"] == attempts["charge"] == 1 and max(attempts.values()) <= 2
    told("left in a transaction", moves_away=2, effects=4, attempts=attempts)
