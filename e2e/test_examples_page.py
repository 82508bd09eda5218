"""The page of the examples: started by a click, told by a click, and there again after a reload."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.harness.browser import Browser
from e2e.harness.server import Server
from tests.example_programs import PROGRAMS

PAGE = Path(__file__).resolve().parent.parent / "examples" / "page"


@pytest.fixture
def page_of_examples(tmp_path: Path) -> Iterator[Server]:
    from weft_browser.build import build

    build(tmp_path / "site", page=PAGE, workflows=[program.path for program in PROGRAMS])
    server = Server(tmp_path / "site", tmp_path / "shop.jsonl").start()
    yield server
    server.stop()


def test_runs_are_started_and_answered_by_clicks_and_go_on_after_a_reload(
    chrome: Browser, page_of_examples: Server
) -> None:
    page = chrome.tab(page_of_examples.url)
    for workflow in ("payment", "approval", "welcome"):
        page.get_by_role("button", name=workflow, exact=True).click()
    page.get_by_role("button", name="approve", exact=True).wait_for()
    page.get_by_role("button", name="signal decision").wait_for()
    page.reload()
    page.get_by_role("button", name="approve", exact=True).click()
    page.get_by_role("button", name="signal decision").click()
    for result in ('"status":"charged"', '"status":"shipped"', '"onboarded":true'):
        page.locator("td code", has_text=result).wait_for()
    assert {program.workflow for program in PROGRAMS} == set(page.locator("#examples button").all_inner_texts())
    assert not [line for line in chrome.console if line.startswith("error")], chrome.console
