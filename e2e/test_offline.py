"""With the server gone the page, its worker and Python start from the browser's own storage, and work goes on."""

from __future__ import annotations

import pytest

from e2e.harness.engines import ENGINES, AnyBrowser, engines
from e2e.harness.pages import CHECKOUT, CHECKOUT_ALONE, call, offline_ready, open_weft, order, until
from e2e.harness.report import attempts_of, shipped_once, told
from e2e.harness.server import Server

QUICK = {"confirm": False, "pause": "50ms"}
DELIVERED_WITHIN_S = 5
COUNT_SECONDS = """() => {
  globalThis.lived = 0;  // ms in which this page was let run: a machine that stands still delivers nothing
  let last = performance.now();
  setInterval(() => {
    const now = performance.now();
    lived += Math.min(now - last, 250);
    last = now;
  }, 50);
}"""


@pytest.mark.first_visit
@pytest.mark.scenario(5)
@pytest.mark.scenario(6)
@engines(*ENGINES)
def test_a_relaunched_browser_works_without_the_server_and_delivers_when_it_is_back(
    any_browser: AnyBrowser, server: Server
) -> None:
    page = open_weft(any_browser, server.url, name="online", **CHECKOUT)
    waiting = call(page, "start", "checkout", [order("O-1")])["id"]
    until(page, "return (await weft.describe(arg)).waiting_for.some((wait) => wait.kind === 'signal')", waiting)
    offline_ready(page)

    server.kill()
    any_browser.close()
    any_browser.launch()
    alone = open_weft(any_browser, server.url, name="alone", **CHECKOUT_ALONE)
    new = call(alone, "start", "checkout", [order("O-2", **QUICK)])
    assert call(alone, "result", new["id"])["status"] == "shipped", "a new workflow completes with the server gone"
    alone.close()

    page = open_weft(any_browser, server.url, name="online", **CHECKOUT)
    page.evaluate("globalThis.notReloaded = true")
    call(page, "signal", waiting, "confirm", {"confirmed": True, "by": "someone offline"})
    queued = call(page, "start", "checkout", [order("O-3", **QUICK)])["id"]
    until(page, "return (await weft.describe(arg)).waiting_for.some((wait) => wait.name === 'reserve_stock')", queued)
    assert {call(page, "describe", run)["status"] for run in (waiting, queued)} == {"running"}

    page.evaluate(COUNT_SECONDS)
    server.start()
    results = [call(page, "result", run)["status"] for run in (waiting, queued)]
    took = page.evaluate("lived") / 1000
    assert results == ["shipped", "shipped"]
    assert page.evaluate("notReloaded") is True
    attempts = [shipped_once(server, name) for name in ("O-1", "O-3")]
    assert attempts_of(server, "O-2") == {}, "the workflow that completed offline owed the shop nothing"
    assert took < DELIVERED_WITHIN_S
    told(
        "offline: server killed, browser relaunched",
        faults=2,
        effects=8,
        attempts=attempts,
        delivered_in=f"{took:.1f} s",
    )
