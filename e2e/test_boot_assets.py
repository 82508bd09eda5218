"""A site checks itself: what is missing or damaged is named, and never run."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2e.harness.browser import Browser
from e2e.harness.pages import BARE, CHECKOUT_ALONE, call, open_weft, order
from e2e.harness.server import Server
from weft_browser.ingredients import MSGPACK_WHEEL

SAID_WITHIN_S = 60
SAID_LATE = """navigator.serviceWorker?.addEventListener("message", (event) => {
  if (event.data?.t !== "not-installed" || !event.isTrusted) return;
  event.stopImmediatePropagation();
  setTimeout(() => navigator.serviceWorker.dispatchEvent(new MessageEvent("message", { data: event.data })), 1_000);
})"""
"""What the service worker says of its installation comes after the news that it has failed, as it may."""
OPENED = "weftOpen.then(() => 'opened', (error) => `${error.code}: ${error.message}`)"


@pytest.fixture
def damaged(site: Path, tmp_path: Path) -> Iterator[Callable[[Callable[[Path], object]], Server]]:
    """A server of a copy of the site that has been tampered with."""
    servers: list[Server] = []

    def serve(tamper: Callable[[Path], object]) -> Server:
        copy = tmp_path / f"damaged-{len(servers)}"
        shutil.copytree(site, copy)
        tamper(copy)
        servers.append(Server(copy, tmp_path / "damaged.jsonl").start())
        return servers[-1]

    yield serve
    for server in servers:
        server.stop()


def flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_a_bad_asset_is_named_and_nothing_of_it_runs(
    chrome: Browser, damaged: Callable[[Callable[[Path], object]], Server]
) -> None:
    """The file, not only that some hash is not as expected (FIELD.md, pain 19: pyodide #4600, open-webui #29895)."""
    for how, spoil in {"missing": Path.unlink, "damaged": flip_a_byte}.items():
        for name in ("stdlib.pack", "weft.pack", "pyodide.asm.wasm", "pyodide.asm.mjs", MSGPACK_WHEEL):
            server = damaged(lambda site, spoil=spoil, name=name: spoil(site / "weft" / name))
            page = open_weft(chrome, server.url, wait="", **BARE, **CHECKOUT_ALONE)
            outcome = page.evaluate(OPENED)
            assert outcome.startswith(f"AssetError: weft/{name} is {how}"), outcome
            page.close()


def test_a_damaged_site_is_not_installed_for_offline_use(
    chrome: Browser, damaged: Callable[[Callable[[Path], object]], Server]
) -> None:
    """The Service Worker checks what it caches; the page says that it has none and works on."""
    server = damaged(lambda site: flip_a_byte(site / "icon.svg"))
    assert chrome.context is not None
    chrome.context.add_init_script(SAID_LATE)
    page = open_weft(chrome, server.url, **CHECKOUT_ALONE)
    deadline = time.monotonic() + SAID_WITHIN_S
    while not any("weft: no service worker" in line and "icon.svg is damaged" in line for line in chrome.console):
        assert time.monotonic() < deadline, chrome.console
        page.wait_for_timeout(50)
    assert page.evaluate("navigator.serviceWorker.getRegistration().then((found) => found?.active ?? null)") is None
    assert call(page, "start", "checkout", [order("A-1")])["status"] == "running"


def test_a_workflow_file_that_cannot_be_imported_says_why(
    chrome: Browser, damaged: Callable[[Callable[[Path], object]], Server]
) -> None:
    server = damaged(lambda site: (site / "broken.py").write_text("import nowhere_to_be_found\n"))
    page = open_weft(chrome, server.url, wait="", workflows="broken.py", **BARE)
    outcome = page.evaluate(OPENED)
    assert outcome == "WorkflowImportError: ModuleNotFoundError: No module named 'nowhere_to_be_found'"
