"""Old stores, today's code, in a browser: what a released version has exported is imported, and its runs finish."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from e2e.harness.browser import Browser
from e2e.harness.pages import BARE, call, open_weft
from e2e.harness.report import applied, attempts_of, told
from e2e.harness.server import Server
from e2e.harness.transfer import imported
from tests.golden.story import HERE, KINDS, RESULTS, STEPS

PARKED = {"workflows": "parked.py", "activities": "checkout_browser.py,parked_browser.py", **BARE}


@pytest.mark.scenario(14)
@pytest.mark.parametrize("path", sorted(HERE.glob("format_*.weft")), ids=lambda path: path.stem)
def test_the_runs_of_an_old_store_finish_in_a_browser(chrome: Browser, server: Server, path: Path) -> None:
    page = open_weft(chrome, server.url, name=path.stem, **PARKED)
    data = path.read_bytes()
    newer = data[:9] + bytes([data[9] + 1]) + data[10:]
    assert imported(page, newer)["code"] == "ExportVersionError", "what a newer version wrote is left alone"
    assert imported(page, data)["generation"] == 1
    facts = json.loads(path.with_suffix(".json").read_text())
    for verb, run, name, payload in STEPS:
        call(page, verb, run, name, payload)
    call(page, "completeAsyncActivity", facts["token"], "from outside")
    call(page, "submitReview", facts["review"], {"decision": "approved", "reviewer": "ann"})
    assert {run: call(page, "result", run) for run in KINDS} == RESULTS
    assert attempts_of(server, "lock") == {"ship": 1}, (
        "what was waited for is done, and what was done is not done again"
    )
    told("an old store", format=path.stem, runs_finished=len(KINDS), faults=1, effects=applied(server))
