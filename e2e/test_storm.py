"""Two hundred runs that were begun offline meet a server that refuses, hangs, and is there again."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.harness.browser import Browser
from e2e.harness.pages import BARE, call, open_weft, until
from e2e.harness.report import told
from e2e.harness.server import Server

RUNS = 200
REFUSED_PERCENT, HUNG_PERCENT = 30, 10
FIRST_PAUSE_MS, LONGEST_PAUSE_MS, JITTER = 200, 2_000, 0.2
ALL = "(runs) => Promise.all(Array.from({ length: runs }, (_, i) => %s))"


def pauses(events: list[dict[str, Any]]) -> list[tuple[int, int]]:
    """After each failed attempt of a run: its number, and how long the next one was held back, in ms."""
    begun = {event["attempt"]: event["at"] for event in events if event["type"] == "activity_scheduled"}
    failed = {event["attempt"]: event["at"] for event in events if event["type"] == "activity_failed"}
    return [(attempt, begun[attempt + 1] - at) for attempt, at in failed.items()]


@pytest.mark.scenario(32)
def test_two_hundred_offline_runs_meet_a_failing_server_and_each_has_its_effect_once(
    chrome: Browser, server: Server
) -> None:
    """Workbox #3335, #2386 and brave-browser #25692: what was queued offline is not sent again, or only by chance."""
    page = open_weft(chrome, server.url, workflows="storm.py", **BARE)
    server.kill()
    page.evaluate(ALL % "weft.start('parcel', [`P-${i}`], { id: `p-${i}` })", RUNS)
    until(page, "return weftEvents.filter((event) => event.type === 'activity_failed').length >= 6")

    call(page, "pauseQueue", "outbox")  # else a quick browser is done before the weather is bad
    server.start()
    server.weather(refuse_percent=REFUSED_PERCENT, hang_percent=HUNG_PERCENT)
    call(page, "resumeQueue", "outbox")
    results = page.evaluate(ALL % "weft.result(`p-${i}`)", RUNS)
    assert len(results) == RUNS and all(result.startswith("PCL-") for result in results)

    report = server.report()
    assert {effect["order"]: effect["count"] for effect in report["effects"]} == {f"P-{i}": 1 for i in range(RUNS)}
    assert len(report["effects"]) == RUNS, "each effect under one key"
    assert report["refused"] > RUNS * 0.2 and report["hung"] > RUNS * 0.05
    held_back = [pause for events in page.evaluate(ALL % "weft.history(`p-${i}`)", RUNS) for pause in pauses(events)]
    assert len(held_back) >= report["refused"] + report["hung"]
    for attempt, pause in held_back:
        assert pause >= min(FIRST_PAUSE_MS * 2 ** (attempt - 1), LONGEST_PAUSE_MS) * (1 - JITTER), (attempt, pause)
    told(
        "sync storm", faults=1 + report["refused"] + report["hung"], effects=RUNS, refused=report["refused"],
        hung=report["hung"], attempts_at_the_shop=report["requests"], failures=len(held_back),
    )  # fmt: skip
