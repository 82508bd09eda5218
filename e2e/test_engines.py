"""The harness itself: each browser opens tabs, crashes one of them, dies as a whole, and keeps its profile."""

from __future__ import annotations

import pytest

from e2e.harness.engines import ENGINES, AnyBrowser, engines
from e2e.harness.server import Server

WRITE = "(value) => caches.open('kept').then((cache) => cache.put('./kept', new Response(value)))"
READ = "caches.match('./kept').then((found) => found?.text())"


@engines(*ENGINES)
def test_a_browser_is_driven_crashed_killed_and_keeps_what_was_written(any_browser: AnyBrowser, server: Server) -> None:
    first, second = any_browser.tab(f"{server.url}test.html"), any_browser.tab(f"{server.url}test.html")
    assert first.evaluate("([a, b]) => Promise.resolve({sum: a + b, none: undefined})", [1, 2])["sum"] == 3
    assert first.evaluate("document.title") == "Weft end-to-end"
    assert first.evaluate("(() => {})()") is None
    with pytest.raises(Exception, match="on purpose"):
        first.evaluate("Promise.reject(new Error('on purpose'))")
    first.evaluate(WRITE, "kept")
    first.evaluate("console.warn('hear me')")
    while not any("hear me" in line for line in any_browser.console):
        first.evaluate("0")  # what is on its way is lost with the tab

    any_browser.crash(first)
    assert second.evaluate(READ) == "kept", "the other tab lives on"
    second.evaluate("globalThis.old = true")
    second.reload()
    assert second.evaluate("globalThis.old") is None

    assert any_browser.kill() > 1
    any_browser.launch()
    third = any_browser.tab(f"{server.url}test.html")
    assert third.evaluate(READ) == "kept"
    third.close()
    any_browser.close()
