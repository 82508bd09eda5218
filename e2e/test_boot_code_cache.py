"""What the browser has compiled of Python it keeps, and the next start need not compile it again."""

from __future__ import annotations

import time
from typing import Any

import pytest
from playwright.sync_api import Page

from e2e.harness.browser import Browser
from e2e.harness.pages import CHECKOUT_ALONE, open_weft
from e2e.harness.report import told
from e2e.harness.server import Server

pytestmark = pytest.mark.first_visit

PATIENCE = 120.0
PAUSE_MS, LONGEST_PAUSE_MS = 2_500, 20_000
"""V8 waits two seconds for more to come before it hands over what it compiled; on a busy machine that takes longer."""
TRACED = {"includedCategories": ["devtools.timeline", "v8.wasm"], "excludedCategories": ["*"]}


def wasm_of_a_start(chrome: Browser, server: Server) -> tuple[Page, set[str]]:
    """Start once more; what the browser says it did with WebAssembly."""
    blank = chrome.tab(f"{server.url}icon.svg")
    session = blank.context.new_cdp_session(blank)
    seen: list[dict[str, Any]] = []
    done: list[object] = []
    session.on("Tracing.dataCollected", lambda event: seen.extend(event["value"]))
    session.on("Tracing.tracingComplete", lambda event: done.append(event))
    session.send("Tracing.start", {"transferMode": "ReportEvents", "traceConfig": TRACED})
    page = open_weft(chrome, server.url, snapshot="off", **CHECKOUT_ALONE)
    session.send("Tracing.end")
    while not done:
        blank.wait_for_timeout(20)
    blank.close()
    return page, {event["name"] for event in seen if event["name"].startswith("wasm.")}


def test_the_browser_keeps_what_it_compiled_of_python(chrome: Browser, server: Server) -> None:
    """Chromium keeps it of a response that came by `fetch`, and never of one that was taken from a cache. It writes it
    a while after the page has begun to use it: so the page is opened again until it is there."""
    page = chrome.tab(f"{server.url}icon.svg")
    page.evaluate("navigator.serviceWorker.register('./sw.mjs', { type: 'module' })")
    page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    starts, pause, deadline = 0, PAUSE_MS, time.monotonic() + PATIENCE
    while True:
        page, did = wasm_of_a_start(chrome, server)
        starts += 1
        assert did & {"wasm.Deserialize", "wasm.CompileLazy", "wasm.SyncInstantiate"}, did
        if "wasm.Deserialize" in did:
            break
        assert time.monotonic() < deadline, f"after {starts} starts everything is still compiled again: {sorted(did)}"
        page.wait_for_timeout(pause)
        pause = min(2 * pause, LONGEST_PAUSE_MS)
        page.close()
    told("what was compiled", faults=0, starts=starts, seen=sorted(did))
