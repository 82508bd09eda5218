"""Many short runs, and every few moments some part of the browser is killed: all end, each with its effect once."""

from __future__ import annotations

import os
import random
from collections import Counter
from itertools import cycle, islice
from time import monotonic
from typing import Any

import pytest

from e2e.harness.browser import Browser
from e2e.harness.pages import call, offline_ready, open_weft, until
from e2e.harness.report import told
from e2e.harness.server import Server
from e2e.harness.storage import engine_worker

RUNS = int(os.environ.get("WEFT_SOAK_RUNS", "1000"))
EACH = 50
"""Runs for one kill: about what a browser does in the time that it takes to come back from one."""
KINDS = ("service worker", "worker", "tab", "service worker", "worker") * 2 + ("tab", "service worker", "browser")
AT_ONCE = 6
"""Effects that a kill may cut off: the concurrency of the queue in storm.py."""
HEAP_BYTES = 64_000_000
"""Python has 38 MB with these workflows. No worker lives long enough to need much more."""
PARCELS = {"workflows": "storm.py", "storage": "service-worker", "standby": "cold"}
START = """([from, to]) => Promise.all(Array.from({ length: to - from }, (_, i) => from + i).map((i) =>
  weft.start('parcel', [`P-${i}`], { id: `p-${i}`, onConflict: 'return_existing' })))"""
UNHEARD = f"(range) => void ({START})(range).catch(() => {{}})"
ENDED = "weftEvents.filter((event) => event.type === 'run_completed').length"
BREAK = "() => void setTimeout(() => { throw new Error('the worker broke'); })"
BROKEN = "weftStatuses.filter((status) => status.state === 'degraded').length"
RESULTS = "(runs) => Promise.all(runs.map((i) => weft.result(`p-${i}`)))"


class Victim:
    """A browser with one tab, and the ways in which they die. After each of them there is a tab with Weft in it."""

    def __init__(self, chrome: Browser, server: Server) -> None:
        self.chrome, self.server = chrome, server
        self.page = self._open("soon")
        until(self.page, "return weft.status.snapshot === 'kept'")
        offline_ready(self.page)
        self.workers = chrome.service_workers(self.page)
        self.ways = {"tab": self._tab, "browser": self._browser, "worker": self._worker, "service worker": self._stop}

    def _open(self, snapshot: str) -> Any:
        return open_weft(self.chrome, self.server.url, snapshot=snapshot, **PARCELS)

    def _tab(self) -> None:
        self.chrome.crash(self.page)
        self._again()

    def _browser(self) -> None:
        self.chrome.kill()
        self.chrome.launch()
        self._again()

    def _again(self) -> None:
        self.page = self._open("auto")
        self.workers = self.chrome.service_workers(self.page)

    def _worker(self) -> None:
        before = self.page.evaluate(BROKEN)
        engine_worker(self.page).evaluate(BREAK)
        until(self.page, f"return {BROKEN} > arg", before)  # by now the next one may have started

    def _stop(self) -> None:
        self.workers.stop_and_see()


@pytest.mark.scenario(28)
def test_a_thousand_short_runs_end_with_their_effects_once_while_parts_of_the_browser_are_killed_among_them(
    chrome: Browser, server: Server
) -> None:
    """DBOS restarts its database under 5,000 workflows; here it is the tab, its worker, its store and the browser."""
    luck = random.Random(RUNS)
    victim = Victim(chrome, server)
    kills = list(islice(cycle(KINDS), RUNS // EACH))
    luck.shuffle(kills)
    began, heaps = monotonic(), []
    unheard = 0
    for number, what in enumerate(kills, 1):
        half, last = number * EACH - EACH // 2, number * EACH
        victim.page.evaluate(START, [unheard, half])  # nobody knows which of those before the kill were accepted
        ended = victim.page.evaluate(ENDED)  # those of the next line end after that: there are enough to wait for
        victim.page.evaluate(UNHEARD, [half, last])
        until(victim.page, f"return {ENDED} >= arg", ended + luck.randrange(1, EACH // 2))
        heaps.append(victim.page.evaluate("weft.status.heap?.bytes ?? 0"))
        victim.ways[what]()
        unheard = half
    every = (monotonic() - began) / len(kills)
    page = victim.page
    page.evaluate(START, [unheard, RUNS])
    for first in range(0, RUNS, 1_000):
        results = page.evaluate(RESULTS, list(range(RUNS))[first : first + 1_000])
        assert results and all(result.startswith("PCL-") for result in results)
    assert call(page, "count", {"status": ["completed"]}) == call(page, "count") == RUNS
    assert 0 < max(heaps) < HEAP_BYTES

    effects = server.effects()
    assert {effect["order"]: effect["count"] for effect in effects} == {f"P-{i}": 1 for i in range(RUNS)}
    assert len(effects) == RUNS, "each effect under one key"
    attempts = sum(effect["attempts"] for effect in effects)
    assert attempts <= RUNS + AT_ONCE * len(kills), "a kill cuts off what is under way, and no more"
    told(
        "soak", kills=len(kills), effects=RUNS, kinds=dict(Counter(kills)), attempts=attempts, every=f"{every:.1f} s",
        heap=f"{max(heaps) / 1e6:.0f} MB",
    )  # fmt: skip
