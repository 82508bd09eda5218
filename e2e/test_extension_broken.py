"""A version of an extension whose workflows cannot be imported holds what is asked of it; the next version does it."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from playwright.sync_api import Playwright, expect

from e2e.conftest import ROOT
from e2e.harness.extension import ExtensionBrowser, engine_there, rest, say, settings, wait
from e2e.harness.hook import Hook

LEFT = "import('./weft/left_calls.mjs').then(({ left }) => left('clips'))"


def test_an_engine_that_cannot_be_opened_is_given_up_and_what_is_left_for_it_is_done_by_the_next_version(
    playwright: Playwright, chromium: str, tmp_path: Path, extension: Path, hook: Hook
) -> None:
    from weft_browser.extension import build_extension

    source, folder = tmp_path / "source", tmp_path / "extension"
    shutil.copytree(ROOT / "web_extension", source)
    clip = source / "clip.py"
    clip.write_text(clip.read_text() + '\n\nraise RuntimeError("this version is broken")\n')
    shutil.copyfile(extension / "blank.html", source / "blank.html")
    build_extension(folder, source=source)

    with contextlib.closing(ExtensionBrowser(playwright, chromium, tmp_path / "profile", folder)) as clipper:
        page = clipper.launch().open("blank.html")
        settings(page, webhook=f"{hook.url}hook", review=False)
        say(page, {"t": "clip-link", "url": hook.article(7), "id": "clip-held"})
        rest(clipper, page)  # the document of an engine that fails is closed
        wait(page, lambda: len(page.evaluate("chrome.alarms.getAll()")) == 1, "it is tried again later")
        assert page.evaluate(LEFT) == 1 and not hook.bodies

        popup = clipper.open("pages/popup.html")
        expect(popup.get_by_role("alert")).to_contain_text("The engine could not start: ", timeout=30_000)
        expect(popup.get_by_role("alert")).to_contain_text("this version is broken")
        expect(popup.locator("#status")).to_contain_text("Engine could not start")
        popup.screenshot(path=tmp_path / "popup.png")
        said = popup.evaluate("chrome.runtime.sendMessage({ t: 'ensure', again: true })")
        assert "this version is broken" in said["ok"]["message"] and not engine_there(clipper, page), "not at each look"
        clipper.close()

        shutil.rmtree(folder)
        shutil.copytree(extension, folder)
        page = clipper.launch().open("blank.html")
        assert hook.delivered(page, "clip-held")["title"] == "Looms, part 7"
        wait(page, lambda: page.evaluate(LEFT) == 0, "what was left is done")
        assert list(hook.deliveries.values()) == [1]
        popup = clipper.open("pages/popup.html")
        expect(popup.locator("#status")).to_contain_text("Engine is running", timeout=30_000)
        expect(popup.get_by_role("alert")).to_be_empty()
