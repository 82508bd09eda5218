"""A leader that is stopped where it stands is followed by another; when it wakes it writes nothing more (G11)."""

from __future__ import annotations

import time
from typing import Any

import pytest
from playwright.sync_api import Page

from e2e.harness.browser import Browser
from e2e.harness.freezing import process_of, stopped
from e2e.harness.pages import call, open_weft, order, until
from e2e.harness.report import attempts_of, shipped_once, told
from e2e.harness.server import Server

UNHURRIED = {"workflows": "checkout.py,checkout_browser.py", "activities": "unhurried.py"}
"""The checkout, which waits for the answer to its first request for as long as it takes."""
HELD_MS = 60_000
"""No answer comes while the leader is being stopped, nor while it stands."""
LEADS = "return weft.status.role === 'leader' && weft.status.state === 'ready'"
IN_FLIGHT = "const now = await weft.diagnostics(); return now.attempts_in_flight && !now.queued && !now.committing"
"""A process that is stopped in a transaction of IndexedDB keeps the store from all others: docs/browser.md says so."""
NOTED = """
  const cache = await caches.open("weft-witness");
  const found = await (await cache.match(new URL("/weft-witness/e2e", location.href)))?.json();
  return found?.position[1] === (await weft.diagnostics()).commits;
"""
"""The leader looks into its store two seconds after a write: that is over."""
SIGNAL_AWAITED = "return (await weft.describe(arg)).waiting_for.some((wait) => wait.kind === 'signal')"


@pytest.mark.scenario(9)
def test_a_leader_that_is_stopped_in_a_step_finds_itself_a_follower_when_it_wakes_and_what_it_did_late_is_not_recorded(
    chrome: Browser, server: Server
) -> None:
    """dxos #11757: a frozen tab holds the lock for ever and the others wait for ever; here none of its handlers runs.
    firebase-js-sdk #3852: no clocks of two tabs are compared. The refusal of the epoch is in test_boot_tabs.py."""
    first = open_weft(chrome, server.url, serviceWorker="none", **UNHURRIED)
    second = open_weft(chrome, server.url, serviceWorker="none", **UNHURRIED)
    until(second, "return weft.status.standby === 'warm'")
    pid = process_of(chrome, first)
    assert pid != process_of(chrome, second), "two tabs in one process: this test proves nothing"
    server.weather(latency_ms=HELD_MS)
    run = call(second, "start", "checkout", [order("F-1")])["id"]
    while not attempts_of(server, "F-1"):
        second.evaluate("0")
    until(second, NOTED)
    until(second, IN_FLIGHT)

    with stopped(pid):
        began = time.monotonic()
        server.weather(latency_ms=0)
        until(second, LEADS)
        takeover = time.monotonic() - began
        until(second, SIGNAL_AWAITED, run)
        before = call(second, "diagnostics")
    until(first, "return weftStatuses.some((status) => /^gave way/.test(status.stage))")
    until(second, LEADS)
    assert [role(page) for page in (first, second)] == ["follower", "leader"]
    assert call(first, "diagnostics")["epoch"] == before["epoch"] == 2, "the new leader was not disturbed"

    call(first, "signal", run, "confirm", {"confirmed": True, "by": "who was frozen"})
    assert call(first, "result", run)["confirmed_by"] == "who was frozen"
    attempts = shipped_once(server, "F-1")
    assert attempts == {"reserve": 2, "charge": 1, "receipt": 1, "ship": 1}, "only what was in flight is asked again"
    completed = [e["name"] for e in call(second, "history", run) if e["type"] == "activity_completed"]
    assert len(completed) == len(set(completed)) == 4, completed
    told("a leader stopped in a step", freezes=1, takeover=f"{takeover:.1f} s", effects=4, attempts=attempts)


def role(page: Page) -> Any:
    return page.evaluate("weft.status.role")
