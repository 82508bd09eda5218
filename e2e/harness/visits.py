"""Sites that a Chromium has been to: the next tab of each starts from the snapshot of Python, as on most days."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from e2e.harness.browser import Browser
from e2e.harness.pages import open_weft, until
from e2e.harness.server import Server, free_port, listens

LEAVE = """async () => {  // nothing but the snapshot
  await weft.close();
  for (const { name } of await indexedDB.databases())  // each is deleted when the last who has it open lets go
    await new Promise((resolve, reject) => {
      Object.assign(indexedDB.deleteDatabase(name), { onsuccess: resolve, onerror: reject });
    });
  for (const name of await caches.keys()) await caches.delete(name);
}"""


class Visits:
    """Of one process of tests. A site has a port of its own here, for what a browser keeps is its origin's."""

    def __init__(self, browser: Callable[[Path], Browser], folder: Path) -> None:
        self._browser, self._folder = browser, folder
        self._ports: dict[Path, int] = {}
        self._profiles: dict[Path, Path] = {}

    def port(self, site: Path) -> int:
        if site not in self._ports:
            self._ports[site] = free_port()
        return self._ports[site]

    def copy_profile(self, site: Path, to: Path) -> Path:
        """A profile that has the site's snapshot, and nothing else of it."""
        if site not in self._profiles:
            self._profiles[site] = self._visit(site)
        return Path(shutil.copytree(self._profiles[site], to, symlinks=True))

    def _visit(self, site: Path) -> Path:
        folder = self._folder / site.name
        folder.mkdir()
        server = Server(site, folder / "shop.jsonl", port=self.port(site))
        if not listens(server.port):  # else it is that of the test
            server.start()
        browser = self._browser(folder / "profile").launch()
        try:
            page = open_weft(browser, server.url, snapshot="soon", serviceWorker="none")
            until(page, "return weft.status.snapshot === 'kept'")
            page.evaluate(LEAVE)
        finally:
            browser.close()
            server.stop()
        return folder / "profile"
