"""A site is reproducible, complete and self-checking: what is missing or damaged is named, and never run."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2e.harness.browser import Browser
from e2e.harness.pages import CHECKOUT_ALONE, call, open_weft, order
from e2e.harness.server import Server
from weft_browser.build import build
from weft_browser.ingredients import MSGPACK_WHEEL, BuildError

ROOT = Path(__file__).resolve().parent.parent
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
        copy = tmp_path / "damaged"
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


def test_the_same_input_gives_the_same_bytes(site: Path, tmp_path: Path) -> None:
    """Also without the cache, so the bytecode itself is reproducible."""
    workflow = ROOT / "examples" / "checkout.py"
    one = build(tmp_path / "one", workflows=[workflow])
    cache = tmp_path / "cache"
    made_here = shutil.ignore_patterns("stdlib-*", "weft-*", "compiled-*")
    shutil.copytree(ROOT / "build" / "browser", cache, ignore=made_here)
    two = build(tmp_path / "two", workflows=[workflow], cache=cache)
    assert one.build_id == two.build_id
    files = [path.relative_to(one.out) for path in sorted(one.out.rglob("*")) if path.is_file()]
    assert files == [path.relative_to(two.out) for path in sorted(two.out.rglob("*")) if path.is_file()]
    for path in files:
        assert (one.out / path).read_bytes() == (two.out / path).read_bytes(), path


def test_the_manifest_names_every_file_of_the_site(site: Path) -> None:
    manifest = json.loads((site / "weft" / "manifest.json").read_text())
    listed = {asset["path"] for asset in manifest["assets"]}
    there = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    assert there - listed == {"sw.mjs", "weft/manifest.json"}
    assert not listed - there


@pytest.mark.parametrize("name", ["stdlib.pack", "weft.pack", "pyodide.asm.wasm", "pyodide.asm.mjs", MSGPACK_WHEEL])
@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_a_bad_asset_is_named_and_nothing_of_it_runs(
    chrome: Browser, damaged: Callable[[Callable[[Path], object]], Server], name: str, how: str
) -> None:
    """The file, not only that some hash is not as expected (FIELD.md, pain 19: pyodide #4600, open-webui #29895)."""

    def tamper(site: Path) -> None:
        path = site / "weft" / name
        path.unlink() if how == "missing" else flip_a_byte(path)

    server = damaged(tamper)
    page = open_weft(chrome, server.url, wait="", serviceWorker="none", **CHECKOUT_ALONE)
    outcome = page.evaluate(OPENED)
    assert outcome.startswith(f"AssetError: weft/{name} is {how}"), outcome


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
    page = open_weft(chrome, server.url, wait="", serviceWorker="none", workflows="broken.py")
    outcome = page.evaluate(OPENED)
    assert outcome == "WorkflowImportError: ModuleNotFoundError: No module named 'nowhere_to_be_found'"


def test_the_builder_refuses_what_it_cannot_ship(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"2-shop\.py cannot be imported"):
        (tmp_path / "2-shop.py").write_text("")
        build(tmp_path / "out", workflows=[tmp_path / "2-shop.py"])
    with pytest.raises(BuildError, match=r"nothing\.py does not exist"):
        build(tmp_path / "out", workflows=[tmp_path / "nothing.py"])
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "sw.mjs").write_text("")
    with pytest.raises(BuildError, match=r"sw\.mjs, a name that the build needs"):
        build(tmp_path / "out", page=tmp_path / "page")
