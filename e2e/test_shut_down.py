"""What waits while every browser is closed: timers fire once and not early, and a person may decide from a new tab."""

from __future__ import annotations

import time

import pytest

from e2e.harness.browser import Browser
from e2e.harness.engines import AnyBrowser, engines
from e2e.harness.pages import call, open_weft, until
from e2e.harness.report import applied, attempts_of, told
from e2e.harness.server import Server

ALARMS = {"workflows": "alarms.py", "activities": "checkout_browser.py"}
DAYS = "clock_{}_days_ahead.py"
DELAYS_S = (5, 10, 20, 40)
"""A browser on a busy machine takes seconds to close: the first of these alarms that is still to come then counts."""


@pytest.mark.scenario(15)
@engines("chromium", "firefox", "webkit")
def test_a_timer_fires_once_and_not_early_over_a_full_shutdown_and_over_40_days(
    any_browser: AnyBrowser, server: Server
) -> None:
    page = open_weft(any_browser, server.url, **ALARMS)
    call(page, "start", "alarm", ["long", "40 days"], {"id": "long"})
    begun_at = time.time()
    for delay in DELAYS_S:
        call(page, "start", "alarm", [f"in-{delay}", f"{delay} s"], {"id": f"in-{delay}"})
    until(page, "return (await weft.describe(arg)).waiting_for.some((wait) => wait.kind === 'sleep')", f"in-{delay}")
    asleep_at = time.time()
    any_browser.close()
    closed_after = time.time() - begun_at
    delay = next(delay for delay in DELAYS_S if delay > closed_after)
    short = f"in-{delay}"
    assert attempts_of(server, short) == {}
    while time.time() < asleep_at + delay:
        time.sleep(0.05)  # the scenario is that nothing runs while the deadline passes

    any_browser.launch()
    page = open_weft(any_browser, server.url, **ALARMS)
    assert call(page, "result", short) == "rung"
    slept = fired_after(page, short)
    assert slept >= delay, "G10: never before its deadline"
    assert call(page, "describe", "long")["status"] == "running"

    skews = [39, 41] if any_browser.engine == "chromium" else [41]  # each start of Python takes its time
    for days in skews:
        status = "completed" if days > 40 else "running"
        page.close()
        page = open_weft(any_browser, server.url, **ALARMS | {"workflows": f"{DAYS.format(days)},alarms.py"})
        call(page, "start", "alarm", [f"at-{days}", "100 ms"], {"id": f"at-{days}"})
        assert call(page, "result", f"at-{days}") == "rung", "timers of this clock do fire"
        if status == "completed":
            assert call(page, "result", "long") == "rung"
        assert call(page, "describe", "long")["status"] == status, f"after {days} of 40 days"
    counts = {name: attempts_of(server, name) for name in (short, "long")}
    assert counts == {short: {"ship": 1}, "long": {"ship": 1}}, "each of them once"
    told("timers over a shutdown", shutdowns=1, skews_in_days=skews, slept=f"{slept:.1f} s", effects=applied(server))


def fired_after(page: object, run: str) -> float:
    """Seconds by the engine's clock between the start of the sleep and what came after it."""
    events = call(page, "history", run)  # type: ignore[arg-type]
    by_type = {event["type"]: event["at"] for event in events}
    return float(by_type["activity_scheduled"] - by_type["run_started"]) / 1000


@pytest.mark.scenario(16)
def test_a_review_is_decided_from_a_new_tab_after_the_browser_was_killed_and_counts_once(
    chrome: Browser, server: Server
) -> None:
    page = open_weft(chrome, server.url, **ALARMS)
    call(page, "start", "asking", ["asked"], {"id": "asked"})
    until(page, "return (await weft.reviews({ status: 'pending', runId: 'asked' })).items.length === 1")
    killed = chrome.kill()

    chrome.launch()
    first = open_weft(chrome, server.url, **ALARMS)
    second = open_weft(chrome, server.url, **ALARMS)
    [review] = call(second, "reviews", {"status": "pending"})["items"]
    decided = {"decision": "approved", "reviewer": "ann", "decisionId": "d-1"}
    call(second, "submitReview", review["id"], decided)
    call(second, "submitReview", review["id"], decided)  # a click that is sent again counts once
    late = first.evaluate(
        "(id) => weft.submitReview(id, { decision: 'rejected', reviewer: 'bob' }).then(() => null, (e) => e.code)",
        review["id"],
    )
    assert late == "ReviewDecidedError"
    assert call(first, "result", "asked") == {"decision": "approved", "by": "ann"}
    types = [event["type"] for event in call(first, "history", "asked")]
    assert types.count("review_decided") == 1, types
    assert attempts_of(server, "asked") == {"ship": 1}
    told("a review over a kill", kills=1, processes_killed=killed, decisions_sent=3, effects=applied(server))
