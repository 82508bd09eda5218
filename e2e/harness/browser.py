"""A Chromium on a profile of its own, which the tests crash, kill and bring back."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, CDPSession, Error, Page, Playwright

from e2e.harness.profile import OnProfile

ARGUMENTS = (
    "--no-sandbox",  # the tests may run as root, where Chromium's sandbox does not start
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
GONE_TIMEOUT_S = 60


class Browser(OnProfile):
    """A Chromium.

    ``back_forward_cache``: a page that is left is kept and comes back, as for users. Playwright turns that off.
    """

    engine = "chromium"
    LOCKS = ("Singleton*",)

    def __init__(
        self, playwright: Playwright, executable: str, profile: Path, *, back_forward_cache: bool = False
    ) -> None:
        super().__init__(profile, f"--user-data-dir={profile}")
        self._playwright, self._executable = playwright, executable
        self._left_out = ["--disable-back-forward-cache"] if back_forward_cache else None

    def _start(self) -> BrowserContext:
        return self._playwright.chromium.launch_persistent_context(
            str(self._profile), executable_path=self._executable, headless=True, args=ARGUMENTS, chromium_sandbox=False,
            ignore_default_args=self._left_out, viewport={"width": 1280, "height": 900},
        )  # fmt: skip

    def crash(self, page: Page) -> float:
        """Crash the tab's renderer process, with its workers. Returns when the browser has noticed; the value is the
        time before, in seconds since the epoch."""
        at, crashed = time.time(), list[Page]()
        page.on("crash", lambda page: crashed.append(page))
        with contextlib.suppress(Error):  # Page.crash of the debugging protocol would never answer
            page.goto("chrome://crash", wait_until="commit")
        deadline = time.monotonic() + GONE_TIMEOUT_S
        while not crashed:
            assert time.monotonic() < deadline, "the tab did not crash"
            self._turn()
        page.close()
        return at

    def service_workers(self, page: Page) -> ServiceWorkers:
        """A hand on the service workers that ``page`` can see."""
        assert self.context is not None
        return ServiceWorkers(self.context.new_cdp_session(page))

    def _turn(self) -> None:
        """Let Playwright deliver events: it does so only inside its own calls."""
        assert self.context is not None
        time.sleep(0.01)  # leaves the processor to the browser
        self.context.cookies()


class ServiceWorkers:
    """Stops service workers by the debugging protocol, and knows from the browser that they stopped."""

    def __init__(self, session: CDPSession) -> None:
        self._session = session
        self.running: dict[str, str] = {}
        self.status: dict[str, str] = {}
        self.stops = 0
        session.on("ServiceWorker.workerVersionUpdated", self._updated)
        session.send("ServiceWorker.enable")

    def _updated(self, event: dict[str, Any]) -> None:
        for version in event["versions"]:
            before = self.running.get(version["versionId"])
            now = version["runningStatus"]
            if now == "stopped" and before in ("running", "starting", "stopping"):
                self.stops += 1
            self.running[version["versionId"]] = now
            self.status[version["versionId"]] = version["status"]

    def stop_all(self) -> int:
        """Tell the browser to stop them; returns how many stops it has reported so far."""
        self._session.send("ServiceWorker.stopAllWorkers")
        return self.stops

    def stop_and_see(self) -> None:
        """When one runs, stop it, and wait until the browser says that it has stopped.

        To stop one again and again while it starts would only keep it from ever working.
        """
        self._wait(lambda: "running" in self.running.values(), "no service worker runs")
        before = self.stops
        self.stop_all()
        self._wait(lambda: self.stops > before, "no service worker stopped")

    def wait_for(self, status: str) -> None:
        """Until one has it: ``installed`` is who waits until nobody uses the one before."""
        self._wait(lambda: status in self.status.values(), f"none is {status}")

    def take_over(self) -> None:
        """Wait until none waits any more, but serves the next page."""
        self._wait(lambda: not {"installed", "activating"} & {*self.status.values()}, "one waits still")

    def _wait(self, condition: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + GONE_TIMEOUT_S
        while not condition():
            assert time.monotonic() < deadline, f"{otherwise}: {self.running} {self.status}"
            time.sleep(0.01)  # leaves the processor to the browser
            self._session.send("Page.enable")  # any command: events are delivered during calls only
