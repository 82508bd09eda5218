"""What the browsers that Playwright drives have in common: a profile folder, tabs, and an end."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Self

from playwright.sync_api import BrowserContext, Error, Page

from e2e.harness import processes


class OnProfile:
    """One profile folder and, while it lives, the browser on it."""

    LOCKS: tuple[str, ...]
    """What a killed browser leaves in its profile, and the next one would heed."""

    def __init__(self, profile: Path, started_with: str) -> None:
        self._profile, self._started_with = profile, started_with
        self.context: BrowserContext | None = None
        self.console: list[str] = []

    def launch(self) -> Self:
        """Start the browser, again on the same profile."""
        for lock in self.LOCKS:
            for stale in self._profile.glob(lock):
                stale.unlink()
        self.context = self._start()
        self.context.on("console", lambda message: self.console.append(f"{message.type}: {message.text}"))
        return self

    def _start(self) -> BrowserContext:
        raise NotImplementedError

    def note_requests(self) -> list[str]:
        """Every address that a page, worker or service worker asks for from now on. It costs a tenth of a start."""
        assert self.context is not None
        addresses: list[str] = []
        self.context.on("request", lambda request: addresses.append(request.url))
        return addresses

    def tab(self, url: str) -> Page:
        """A new tab, loaded."""
        assert self.context is not None
        page = self.context.new_page()
        page.set_default_timeout(30_000)
        page.goto(url)
        return page

    def kill(self) -> int:
        """SIGKILL every process of the browser and wait until they are gone. Returns how many there were."""
        killed = processes.kill_all(self._family())
        self.close()
        return killed

    def close(self) -> None:
        """End the browser in the orderly way."""
        context, self.context = self.context, None
        if context is not None:
            with contextlib.suppress(Error):  # killed or crashed by the test
                context.close()

    def _family(self) -> list[int]:
        roots = processes.started_with(self._started_with)
        assert roots, f"no browser runs on {self._profile}"
        return processes.family(roots)
