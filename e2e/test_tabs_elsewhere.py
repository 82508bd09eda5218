"""Two tabs on one store in Firefox and WebKitGTK; test_tabs.py and test_many_tabs.py look closer, in Chromium."""

from __future__ import annotations

import pytest

from e2e.beside import alone
from e2e.harness.engines import FIREFOX, WEBKIT, AnyBrowser, engines
from e2e.harness.pages import CHECKOUT, call, open_weft, order, until
from e2e.harness.report import shipped_once, told
from e2e.harness.server import Server

RUNS = 50
TAKEOVER_WITHIN_S = 3.0
START_ALL = """(orders) => {
  globalThis.outcomes = Promise.all(orders.map(async (order) => {
    const { id } = await weft.start("checkout", [order], { id: order.id });
    return (await weft.result(id)).status;
  }));
}"""


@pytest.mark.scenario(7)
@engines(FIREFOX, WEBKIT)
def test_fifty_runs_that_two_tabs_start_do_each_step_once_under_one_leader(
    any_browser: AnyBrowser, server: Server
) -> None:
    pages = [open_weft(any_browser, server.url, **CHECKOUT) for _ in range(2)]
    orders = [order(f"M-{number}", confirm=False, pause="50ms") for number in range(RUNS)]
    for number, page in enumerate(pages):
        page.evaluate(START_ALL, orders[number::2])
    assert [page.evaluate("outcomes") for page in pages] == [["shipped"] * (RUNS // 2)] * 2
    assert sorted(page.evaluate("weft.status.role") for page in pages) == ["follower", "leader"]
    assert all(call(page, "diagnostics")["epoch"] == 1 for page in pages), "no other engine was ever open"
    attempts = [sum(shipped_once(server, each["id"]).values()) for each in orders]
    assert attempts == [4] * RUNS
    told("two tabs start runs", tabs=2, leaders=1, runs=RUNS, effects=sum(attempts))


@alone
@pytest.mark.scenario(8)
@engines(FIREFOX)
def test_a_follower_takes_over_when_the_leader_crashes(any_browser: AnyBrowser, server: Server) -> None:
    first, second = (open_weft(any_browser, server.url, **CHECKOUT) for _ in range(2))
    run = call(second, "start", "checkout", [order("T-1")])["id"]
    until(second, "return (await weft.describe(arg)).waiting_for.some((wait) => wait.kind === 'signal')", run)
    until(second, "return weft.status.standby === 'warm'")
    crashed_at = any_browser.crash(first)
    lead = until(second, "return weftStatuses.find((status) => status.role === 'leader')")
    takeover = lead["at"] / 1000 - crashed_at
    assert takeover < TAKEOVER_WITHIN_S
    call(second, "signal", run, "confirm", {"confirmed": True, "by": "the second tab"})
    assert call(second, "result", run)["confirmed_by"] == "the second tab"
    attempts = shipped_once(server, "T-1")
    assert sum(attempts.values()) == 4, "no effect was asked for twice"
    told("the leader crashes", crashes=1, takeover=f"{takeover:.2f} s", effects=4)
