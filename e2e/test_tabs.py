"""Several tabs on one store: one leads, the others follow, and when the leader dies another goes on (G11)."""

from __future__ import annotations

import time

import pytest

from e2e.beside import alone
from e2e.harness.browser import Browser
from e2e.harness.pages import CHECKOUT, call, open_weft, order, until
from e2e.harness.report import shipped_once, told
from e2e.harness.server import Server

RUNS = 5
TAKEOVER_WITHIN_S = 3.0
TAIL = """(id) => {
  const seen = [];
  (async () => { for await (const event of weft.tail(id)) seen.push(event.seq); })();
  return seen;
}"""


@alone
@pytest.mark.scenario(8)
def test_two_tabs_have_one_leader_and_the_other_takes_over_when_it_crashes(chrome: Browser, server: Server) -> None:
    first = open_weft(chrome, server.url, **CHECKOUT)
    second = open_weft(chrome, server.url, **CHECKOUT)
    assert [page.evaluate("weft.status.role") for page in (first, second)] == ["leader", "follower"]

    orders = [order(f"T-{number}") for number in range(RUNS)]
    runs = [call(second, "start", "checkout", [each])["id"] for each in orders]  # asked of the follower
    for run in runs:
        until(first, "return (await weft.describe(arg)).waiting_for.some((wait) => wait.kind === 'signal')", run)
    assert [run["id"] for run in call(first, "list")["items"]] == [run["id"] for run in call(second, "list")["items"]]
    tail = second.evaluate_handle(TAIL, runs[0])

    until(second, "return weft.status.standby === 'warm'")

    crashed_at = time.time()
    chrome.crash(first)
    lead = until(second, "return weftStatuses.find((status) => status.role === 'leader')")
    takeover = lead["at"] / 1000 - crashed_at
    assert takeover < TAKEOVER_WITHIN_S
    for run in runs:
        call(second, "signal", run, "confirm", {"confirmed": True, "by": "the second tab"})
    assert [call(second, "result", run)["status"] for run in runs] == ["shipped"] * RUNS

    attempts = [sum(shipped_once(server, each["id"]).values()) for each in orders]
    assert attempts == [4] * RUNS, "each step once, whichever tab led"
    events = len(call(second, "history", runs[0]))
    seen = tail.evaluate("(seen, events) => weftUntil(() => seen.length >= events && seen, null, 50_000)", events)
    assert seen == list(range(1, events + 1)), "a tail begun before the takeover has no gap and no repetition"
    told("two tabs", leader_crashes=1, takeover=f"{takeover:.2f} s", runs=RUNS, effects=sum(attempts))
