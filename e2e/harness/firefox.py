"""A real Firefox on a profile of its own, by WebDriver BiDi, which Playwright speaks."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page, Playwright

from e2e.harness import processes
from e2e.harness.profile import OnProfile

PREFERENCES: dict[str, Any] = {
    # Every tab has a process of its own, so that one can crash and the others go on.
    "dom.ipc.processCount.webIsolated": 16,
    "dom.ipc.keepProcessesAlive.webIsolated.max": 0,
    "dom.ipc.keepProcessesAlive.webIsolated.perOrigin": 0,
    # A browser that was killed starts as if nothing had been.
    "browser.sessionstore.resume_from_crash": False,
    "toolkit.startup.max_resumed_crashes": -1,
    # No process and no page is made for what nobody asks for.
    "dom.ipc.processPrelaunch.enabled": False,
    "browser.newtab.preload": False,
    "browser.newtabpage.enabled": False,
    # navigator.storage.persist() asks the user, and waits for ever where nobody answers.
    "dom.storageManager.prompt.testing": True,
    "dom.storageManager.prompt.testing.allow": True,
}
_BUSY = "(ms) => { const end = performance.now() + ms; while (performance.now() < end); }"


class Firefox(OnProfile):
    """A Firefox. ``host`` is a name that leads to this machine and counts as secure. Other options are preferences."""

    engine = "firefox"
    LOCKS = ("lock", ".parentlock")

    def __init__(
        self, playwright: Playwright, executable: str, profile: Path, *, host: str | None = None, **preferences: Any
    ) -> None:
        super().__init__(profile, str(profile))
        self._playwright, self._executable = playwright, _launcher(executable, profile)
        self._preferences = PREFERENCES | preferences
        if host is not None:
            self._preferences |= {"network.dns.localDomains": host, "dom.securecontext.allowlist": host}
            self._preferences |= {"dom.serviceWorkers.testing.enabled": True}
        self.offline = False
        """Whether it is launched in its own offline mode, which is more than to be told that there is no network."""

    def _start(self) -> BrowserContext:
        return self._playwright.firefox.launch_persistent_context(
            str(self._profile), channel="moz-firefox", executable_path=self._executable, headless=True,
            args=["-offline"] if self.offline else [],
            firefox_user_prefs=self._preferences, viewport={"width": 1280, "height": 900},
        )  # fmt: skip

    def crash(self, page: Page) -> float:
        """SIGKILL the tab's process, with its workers. Returns the time of that, in seconds since the epoch."""
        assert self.context is not None
        others = [other for other in self.context.pages if other != page and other.url != "about:blank"]
        pid = self._process_of(page)
        assert pid not in map(self._process_of, others), "another tab lives in the same process"
        at = time.time()
        processes.kill_all([pid])
        return at

    def _process_of(self, page: Page) -> int:
        return processes.busiest(self._tabs, lambda ms: page.evaluate(_BUSY, ms))

    def _tabs(self) -> list[int]:
        """The processes that hold pages of sites."""
        return [pid for pid in self._family() if processes.name_of(pid) in ("Isolated Web Co", "Web Content")]


def _launcher(executable: str, profile: Path) -> str:
    """Starts it without the variable of Playwright that ends all of Firefox when one tab crashes."""
    script = profile.with_suffix(".sh")
    script.write_text(f'#!/bin/sh\nunset MOZ_CRASHREPORTER_SHUTDOWN\nexec "{executable}" "$@"\n')
    script.chmod(0o700)
    return str(script)
