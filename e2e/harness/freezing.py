"""Stopping the process of one tab, as a sleeping machine or a stuck renderer does: none of its handlers run."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page

from e2e.harness import processes
from e2e.harness.browser import Browser

_BUSY = "(ms) => { const end = performance.now() + ms; while (performance.now() < end); }"


def process_of(browser: Browser, page: Page) -> int:
    """The renderer process of a Chromium tab."""
    return processes.busiest(lambda: _renderers(browser), lambda ms: page.evaluate(_BUSY, ms))


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """SIGSTOP until the block ends, then SIGCONT."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _renderers(browser: Browser) -> list[int]:
    assert browser.context is not None and browser.context.browser is not None
    session = browser.context.browser.new_browser_cdp_session()
    found = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    return [int(process["id"]) for process in found if process["type"] == "renderer"]
