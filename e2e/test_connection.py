"""A page, a worker and a Service Worker that only connect: they have no engine, and ask that of another tab."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import expect

from e2e.harness.browser import Browser
from e2e.harness.engines import CHROMIUM, FIREFOX, AnyBrowser, engines
from e2e.harness.pages import CHECKOUT, call, open_weft, order
from e2e.harness.report import shipped_once, told
from e2e.harness.server import Server

TAIL = """(id) => {
  globalThis.seen = [];
  globalThis.tailed = (async () => { for await (const event of weft.tail(id)) seen.push(event.seq); })();
}"""
WAITS = """async (id) => {
  const waits = async () => (await weft.describe(id)).waiting_for.some((wait) => wait.kind === "signal");
  for await (const event of weft.tail(id)) if (await waits()) return;
}"""
CONFIRMED = {"confirmed": True, "by": "a guest"}


def guest(browser: AnyBrowser, server: Server) -> Any:
    return browser.tab(f"{server.url}guest.html")


@engines(CHROMIUM, FIREFOX)
def test_a_page_that_only_connects_starts_follows_and_waits_over_every_leader(
    any_browser: AnyBrowser, server: Server
) -> None:
    page = guest(any_browser, server)
    assert page.evaluate("weft.status.state") == "waiting"
    page.evaluate("(order) => { globalThis.started = weft.start('checkout', [order]) }", order("G-1"))

    first = open_weft(any_browser, server.url, **CHECKOUT)
    run = page.evaluate("started.then((run) => run.id)")
    status = page.evaluate("becomes('ready')")
    assert (status["role"], status["durability"], status["error"]) == ("guest", "strict", None)
    page.evaluate(TAIL, run)
    page.evaluate(WAITS, run)

    any_browser.crash(first)
    assert page.evaluate("becomes('waiting')")["stage"] == "nobody leads"
    page.evaluate("([id, payload]) => { globalThis.told = weft.signal(id, 'confirm', payload) }", [run, CONFIRMED])
    open_weft(any_browser, server.url, **CHECKOUT)
    page.evaluate("told")
    assert call(page, "result", run)["status"] == "shipped"
    page.evaluate("tailed")
    seen = page.evaluate("seen")
    assert seen == list(range(1, len(seen) + 1)), "no gap, no repetition"

    assert page.evaluate("askWorker", run) == {"status": "completed", "role": "guest"}
    assert page.evaluate("askServiceWorker", run) == {"status": "completed", "role": "guest"}
    attempts = shipped_once(server, "G-1")
    told("a guest", leader_crashes=1, statuses=page.evaluate("statuses"), effects=len(attempts))


def test_a_guest_exports_and_imports_shows_the_panel_and_leaves_the_engine_alone(
    chrome: Browser, server: Server
) -> None:
    leader = open_weft(chrome, server.url, **CHECKOUT)
    page = guest(chrome, server)
    panel = page.locator("weft-panel")
    expect(panel.get_by_role("heading", name="Engine running")).to_be_visible()
    expect(panel).to_contain_text("in another tab, or in the background")
    expect(panel.locator("dt")).to_have_text(["Durability", "Kept for good", "Disk", "Network"])
    run = call(page, "start", "checkout", [order("G-2")])["id"]
    page.evaluate(WAITS, run)
    line = panel.get_by_role("button", name=run)
    line.click()
    expect(panel.get_by_role("region", name="Where the code stands")).to_contain_text("confirm")

    size = page.evaluate("(async () => (globalThis.file = await weft.export()).size)()")
    assert size > 1_000
    panel.get_by_role("button", name="Cancel", exact=True).click()
    expect(line).to_contain_text("cancelled")
    restored = page.evaluate("weft.import(file, { replace: true })")
    assert restored["generation"] == 1
    expect(line).to_contain_text("waits for")

    failure = page.evaluate("""(async () => {
      const waiting = weft.result("never").catch((error) => error.code);
      weft.close();
      return [await waiting, weft.status.state];
    })()""")
    assert failure == ["ClientClosedError", "closed"]
    assert call(leader, "describe", run)["status"] == "running"
    assert leader.evaluate("weft.status.role") == "leader"
