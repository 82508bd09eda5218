"""An IndexedDB that dies, hangs or fails under a running engine costs time and nothing else (G1, G17; scenario 20)."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from e2e.harness.browser import Browser
from e2e.harness.engines import CHROMIUM, FIREFOX, AnyBrowser, engines
from e2e.harness.pages import call, open_weft, until
from e2e.harness.report import told
from e2e.harness.server import Server
from e2e.harness.storage import AWAKE, SIX, Faults, asked


def run_six(page: Page, order: str) -> Any:
    return page.evaluate("async (order) => weft.result((await weft.start('six', [order], {id: order})).id)", order)


@pytest.mark.scenario(20)
@engines(CHROMIUM, FIREFOX)
def test_a_connection_may_die_before_inside_and_after_every_transaction_of_a_run(
    any_browser: AnyBrowser, shop: Server
) -> None:
    """Expensify/App #87864: the dead handle was kept, and every later write was lost. idb #229: closing."""
    page = open_weft(any_browser, shop.url, **SIX)
    faults = Faults(page)
    faults.set(seen=0)
    assert run_six(page, "whole") == [0, 1, 2, 3, 4, 5]
    writes = faults.get("seen")
    assert writes >= 7, "each step commits"
    plans = [{"at": at, "how": how} for how in WHEN for at in range(1, writes + 1)]
    plans += [{"at": at, "how": how, "every": 3} for how in WHEN for at in range(3)]  # reads too, and many in one run
    lost = 0
    for number, plan in enumerate(plans):
        faults.plan(**plan)
        assert run_six(page, f"lost-{number}") == [0, 1, 2, 3, 4, 5]
        assert sorted(asked(shop, f"lost-{number}").values()) == [1] * 6, "no step ran again: no answer was lost"
        lost += faults.get("hit")
    assert lost >= len(plans), "every plan met its transaction"
    assert page.evaluate("weft.status.state") == "ready"
    assert page.evaluate("weftStatuses.filter(({ state }) => state === 'degraded').length") == 0, "nobody noticed"
    assert page.evaluate("weft.diagnostics().then(({ epoch }) => epoch)") == 1
    told("IndexedDB connection lost", writes_in_a_run=writes, faults=lost, effects=6 * (len(plans) + 1))


@pytest.mark.scenario(20)
def test_a_store_that_keeps_failing_stops_the_steps_and_they_go_on_when_it_heals(chrome: Browser, shop: Server) -> None:
    """Expensify/App #87862, #90636: `Internal error opening backing store` heals by opening again."""
    page = open_weft(chrome, shop.url, **SIX)
    faults = Faults(page)
    run = call(page, "start", "six", ["trouble", True], {"id": "trouble"})["id"]
    until(page, "return (await weft.describe(arg)).waiting_for.some((wait) => wait.kind === 'signal')", run)
    faults.set(down_after_answers=1)
    call(
        page, "signal", run, "go", None, {"signalId": "s"}
    )  # the fourth effect takes place; its answer is not recorded
    trouble = until(page, "return weftStatuses.find(({ state }) => state === 'degraded')", timeout_ms=60_000)
    assert trouble["error"]["code"] == "EngineDegradedError"
    assert "opening backing store" in trouble["error"]["message"]
    assert len(asked(shop, "trouble")) == 4, "no step while nothing can be written"
    faults.set(down=False)
    assert call(page, "result", run) == [0, 1, 2, 3, 4, 5]
    assert sorted(asked(shop, "trouble").values()) == [1, 1, 1, 1, 1, 2], "one outcome could not be recorded"
    told("store fails and heals", faults=1, effects=6)


WHEN = ("before", "inside", "after")
HUNG = """async ({ hangs, timeout }) => {
  await import(new URL("faults.mjs", location.href).href);
  const { IdbStore } = await import(new URL("weft/idb_store.mjs", location.href).href);
  Object.assign(storeFaults, { hangs });
  const awake = AWAKE;
  const store = new IdbStore(`hung-${hangs}`, { openTimeoutMs: timeout });
  const has = Uint8Array.of(2, 1, 0, 0, 0, 107); // has "k"
  const replies = await Promise.all([store.call(has), store.call(has)]);
  const text = (reply) => (reply[0] ? new TextDecoder().decode(reply.slice(5, 5 + reply[1])) : "ok");
  return { said: replies.map(text), ms: awake(), left: storeFaults.hangs };
}""".replace("AWAKE", AWAKE)


def test_an_open_that_never_settles_is_asked_again_and_then_reported(chrome: Browser, shop: Server) -> None:
    """WebKit 226547, idb #227, Dexie PR #1336: the first open() of a session hangs for ever."""
    page = chrome.tab(f"{shop.url}test.html")
    once = page.evaluate(HUNG, {"hangs": 1, "timeout": 6_000})
    assert once["said"] == ["ok", "ok"], "and two calls at once share one open()"
    assert once["left"] == 0
    always = page.evaluate(HUNG, {"hangs": 1_000, "timeout": 2_000})
    assert set(always["said"]) == {"StorageBlockedError"}, "IndexedDB answers otherwise"
    assert always["ms"] < 5_000
    assert always["left"] == 998, "one more try, not many"
