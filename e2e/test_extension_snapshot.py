"""An engine of an extension lives for seconds, but ends no sooner than its snapshot of Python is made."""

from __future__ import annotations

import shutil
from pathlib import Path

from playwright.sync_api import Playwright

from e2e.harness.extension import ExtensionBrowser, rest, snapshots

BEGUN = "const manifest = await assets.open();"
SLOWLY = "await new Promise((resolve) => setTimeout(resolve, 6_000));"
"""Longer than an engine with nothing to do stays: a slow machine."""
BOOT = """async () => {
  const { Weft } = await import("./weft/client.mjs");
  const base = chrome.runtime.getURL("weft/");
  const weft = await Weft.open({ name: "beside", base, workflows: [], serviceWorker: null, background: false });
  const { boot } = weft.status;
  await weft.close();
  return boot;
}"""


def test_an_engine_stays_until_its_snapshot_is_made_and_the_next_one_starts_from_it(
    playwright: Playwright, chromium: str, tmp_path: Path, extension: Path
) -> None:
    folder = shutil.copytree(extension, tmp_path / "extension")
    script = folder / "weft" / "snapshot_worker.mjs"
    text = script.read_text("utf-8")
    assert BEGUN in text
    script.write_text(text.replace(BEGUN, SLOWLY + BEGUN), "utf-8")
    browser = ExtensionBrowser(playwright, chromium, tmp_path / "profile", folder).launch()
    try:
        page = browser.open("blank.html")
        rest(browser, page)  # the engine that came with the installation
        assert len(snapshots(page)) == 1
        assert page.evaluate(BOOT) == {"from": "snapshot", "note": None}
    finally:
        browser.close()
