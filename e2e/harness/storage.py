"""The site of the storage tests, and a hand on the IndexedDB of a tab's engine worker."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Worker

from e2e.harness.engines import Tab
from e2e.harness.server import Server

E2E = Path(__file__).resolve().parent.parent
SIX = {"workflows": "six_steps.py", "serviceWorker": "none"}
"""The six steps, with IndexedDB in the worker itself."""
HEARD_WITHIN_S = 60
AWAKE = "(() => { let ms = 0; setInterval(() => (ms += 100), 100); return () => ms; })()"
"""JavaScript: a function that says how long its thread has been awake: without a processor it misses ticks."""


def build_site(out: Path, page: Path) -> Path:
    """The tests' page with the fault shim, which the engine worker loads before anything else, and the six steps."""
    from weft_browser.build import build

    for source in (E2E / "site", E2E / "storage_site"):
        shutil.copytree(source, page, dirs_exist_ok=True)
    build(out, page=page, workflows=[E2E / "six_steps.py"])
    worker = out / "weft" / "worker.mjs"
    worker.write_text('import "../faults.mjs";\n' + worker.read_text())
    return out


_ASK = """(state) => new Promise((resolve) => {
  const channel = new BroadcastChannel("store-faults");
  channel.onmessage = ({ data }) => {
    if (!data.are) return;
    channel.close();
    resolve(data.are);
  };
  channel.postMessage({ state });
})"""


class Faults:
    """The shim of ``storage_site/faults.mjs``, in the engine worker of a page."""

    def __init__(self, page: Tab) -> None:
        self._page = page

    def plan(self, at: int, how: str, every: int = 0) -> None:
        """The connection dies at the ``at``-th writing transaction from now; with ``every`` at each so-many-th."""
        plan = {"at": at, "how": how, "every": every}
        self.set(seen=0, reads=0, hit=0, plan=plan)

    def set(self, **state: Any) -> None:
        """``down``: no transaction begins; ``down_after_answers``: so from when the shop has given so many, before
        anybody hears the last. ``full_to_the_last_byte``: when a write has found no room, no smaller one finds any."""
        self._page.evaluate(_ASK, state)

    def get(self, name: str) -> Any:
        return self._page.evaluate(_ASK, {})[name]


def engine_worker(page: Page, but: Worker | None = None) -> Worker:
    """That of the page, which has one, ``but`` not the one before; Playwright hears later what came and went."""

    def found() -> list[Worker]:
        return [worker for worker in page.workers if worker.url.endswith("/weft/worker.mjs") and worker != but]

    deadline = time.monotonic() + HEARD_WITHIN_S
    while not found():
        assert time.monotonic() < deadline, [worker.url for worker in page.workers]
        page.wait_for_timeout(20)
    return found()[0]


def asked(server: Server, order: str) -> Counter[str]:
    """How often each effect of an order was asked for, by idempotency key; each was applied once at most."""
    effects = server.effects(order)
    assert all(effect["count"] <= 1 for effect in effects), effects
    return Counter({effect["key"]: effect["attempts"] for effect in effects})
