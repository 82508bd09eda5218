"""A Chromium with our extension in it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Error, Page, Playwright, Worker

from e2e.harness.browser import ARGUMENTS, Browser

STARTED_WITHIN_S = 60
WITHIN_S = 90
SNAPSHOTS = """async () => {
  const root = await navigator.storage.getDirectory();
  const names = [];
  for await (const [name, folder] of root.entries())
    if (name.startsWith("weft-python")) for await (const inner of folder.keys()) names.push(inner);
  return names.filter((name) => name !== "unfinished");
}"""
SEND = "(message) => chrome.runtime.sendMessage(message)"
PARKED = "async () => 'due' in (await chrome.storage.local.get('due'))"
"""The background notes that when it has ended an engine, and forgets it when it begins one."""
CHANGED_OVER = """async () => {
  const { connect } = await import("/weft/connection.mjs");
  const weft = connect({ name: "clips" });
  await new Promise((resolve) => weft.onstatus(({ durability }) => durability === "relaxed" && resolve()));
  weft.close();
}"""
"""Resolves when an engine on browser.storage answers."""


class ExtensionBrowser(Browser):
    """Loads the extension in ``folder`` at each launch; it keeps its id, and its stores lie in the profile."""

    def __init__(self, playwright: Playwright, executable: str, profile: Path, folder: Path, *more: Path) -> None:
        super().__init__(playwright, executable, profile)
        self.folders = [folder, *more]
        self.id = ""

    def _start(self) -> BrowserContext:
        loaded = ",".join(map(str, self.folders))
        extensions = (f"--disable-extensions-except={loaded}", f"--load-extension={loaded}")
        context = self._playwright.chromium.launch_persistent_context(
            str(self._profile), executable_path=self._executable, headless=True, args=[*ARGUMENTS, *extensions],
            chromium_sandbox=False, viewport={"width": 1280, "height": 900},
        )  # fmt: skip
        if not self.id:
            self.id = id_of(started(context, lambda url: url.endswith("/background.mjs")))
        return context

    def url(self, page: str) -> str:
        return f"chrome-extension://{self.id}/{page}"

    def background(self) -> Worker:
        """The extension's service worker, which runs or is being started."""
        assert self.context is not None
        return started(self.context, lambda url: url == self.url("engine/background.mjs"))

    def stranger_id(self) -> str:
        """The id of the other extension that is loaded."""
        assert self.context is not None
        return id_of(started(self.context, lambda url: not url.startswith(self.url(""))))

    def open(self, page: str) -> Page:
        """A page of the extension in a tab."""
        return self.tab(self.url(page))

    def tab_id(self, options: Page, url: str) -> int:
        """The browser's number of the tab that shows ``url``; ``options`` is a page of the extension."""
        found: int = options.evaluate("async (url) => (await chrome.tabs.query({url}))[0].id", url)
        return found


def started(context: BrowserContext, wanted: Callable[[str], bool]) -> Worker:
    """The background of an extension by its address, which the browser starts and Playwright hears of in their time."""
    deadline = time.monotonic() + STARTED_WITHIN_S
    while not (found := [worker for worker in context.service_workers if wanted(worker.url)]):
        assert time.monotonic() < deadline, f"not started: {[worker.url for worker in context.service_workers]}"
        context.pages[0].wait_for_timeout(20)
    return found[-1]


def id_of(background: Worker) -> str:
    return background.url.split("/")[2]


def say(page: Page, message: dict[str, Any]) -> Any:
    """Send a message from a page of the extension to its background; returns what it answers, raises what it raises."""
    answer = page.evaluate(SEND, message)
    if "error" in answer:
        raise Error(f"{answer['error']['code']}: {answer['error']['message']}")
    return answer["ok"]


def settings(page: Page, **change: Any) -> None:
    """Change what the user has chosen, from a page of the extension."""
    page.evaluate("async (change) => (await import('/clips/settings.mjs')).writeSettings(change)", change)


def engine_there(clipper: ExtensionBrowser, page: Page) -> bool:
    """Whether the document with the engine is there."""
    assert clipper.context is not None
    session = clipper.context.new_cdp_session(page)
    targets = session.send("Target.getTargets")["targetInfos"]
    session.detach()
    return any(target["url"].endswith("/offscreen.html") for target in targets)


def wait(page: Page, condition: Callable[[], bool], what: str) -> None:
    """Wait until something is true; ``page``: any page of the browser, which is heard meanwhile."""
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, f"not in {WITHIN_S} s: {what}"
        page.wait_for_timeout(200)


def snapshots(page: Page) -> list[str]:
    """Of Python's memory, which the extension keeps; ``page`` is one of its own."""
    found: list[str] = page.evaluate(SNAPSHOTS)
    return found


def rest(clipper: ExtensionBrowser, page: Page) -> None:
    """Wait until the background has ended the engine, which has nothing to do. ``page`` is one of the extension's."""
    wait(page, lambda: page.evaluate(PARKED) and not engine_there(clipper, page), "the engine ends")
