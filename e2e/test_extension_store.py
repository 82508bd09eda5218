"""The stores of an extension keep the storage contract: IndexedDB in its origin, storage.local in its background."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Playwright

from e2e.conftest import ROOT, BuiltOnce
from e2e.harness.extension import ExtensionBrowser
from e2e.test_store_contract import check

HERE = Path(__file__).resolve().parent
ROADS = ("direct", "extension")


@pytest.fixture(scope="session")
def store_extension(built_once: BuiltOnce, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The extension with the pages of these tests in it, and without the permission that lifts the quota."""
    from weft_browser.extension import build_extension

    def build(out: Path) -> None:
        source = tmp_path_factory.mktemp("store-extension")
        for folder in (ROOT / "web_extension", HERE / "store_site", HERE / "extension_store_site"):
            shutil.copytree(folder, source, dirs_exist_ok=True)
        manifest = json.loads((source / "manifest.json").read_text())
        manifest["permissions"].remove("unlimitedStorage")
        (source / "manifest.json").write_text(json.dumps(manifest))
        build_extension(out, source=source, workflows=[source / "clip.py", source / "clip_activities.py"])

    return built_once("store-extension", build)


@pytest.fixture
def browser(playwright: Playwright, chromium: str, tmp_path: Path, store_extension: Path) -> Iterator[ExtensionBrowser]:
    browser = ExtensionBrowser(playwright, chromium, tmp_path / "profile", store_extension)
    browser.launch()
    yield browser
    browser.close()


def open_page(browser: ExtensionBrowser) -> Page:
    page = browser.open("store.html")
    page.wait_for_function("window.ready")
    return page


@pytest.mark.parametrize("road", ROADS)
def test_both_stores_keep_the_storage_contract(browser: ExtensionBrowser, road: str) -> None:
    report = check(open_page(browser), "contract", storage=road)
    assert report["ok"], "\n".join(f"{name}\n{trace}" for name, trace in report["failed"])
    assert len(report["passed"]) > 50
