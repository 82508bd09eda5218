"""The browser ends an extension's parts when it likes: no clip is lost, and none is delivered twice."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest
from playwright.sync_api import Error, Page

from e2e.harness.extension import ExtensionBrowser, engine_there, rest, say, settings, wait
from e2e.harness.hook import Hook
from e2e.harness.report import told

WORK_S = 60
DELIVERED_WITHIN_S = 90


def insist(page: Page, message: dict[str, Any]) -> Any:
    """As the popup does: who asks the background while the browser ends it asks again, for the same run."""
    for _ in range(50):
        try:
            return say(page, message)
        except Error as error:
            if "Refused" in str(error) or "TypeError" in str(error):
                raise
            page.wait_for_timeout(100)
    raise AssertionError("the background never answered")


def all_delivered(page: Page, hook: Hook, runs: list[str]) -> None:
    deadline = time.monotonic() + DELIVERED_WITHIN_S
    while missing := set(runs) - set(hook.bodies):
        assert time.monotonic() < deadline, f"{len(missing)} of {len(runs)} clips are not delivered"
        page.wait_for_timeout(100)
    assert set(hook.deliveries.values()) == {1} and len(hook.deliveries) == len(runs), hook.deliveries


@pytest.mark.scenario(17)
def test_a_background_that_is_stopped_again_and_again_loses_no_clip(clipper: ExtensionBrowser, hook: Hook) -> None:
    """developer.chrome.com PR #5096: thirty seconds idle, five minutes an event; here it lives for one."""
    chance = random.Random(17)
    options = clipper.open("pages/options.html")
    settings(options, webhook=f"{hook.url}hook", review=False)
    workers = clipper.service_workers(options)
    runs: list[str] = []
    end = time.monotonic() + WORK_S
    while time.monotonic() < end:
        run = f"clip-crash-{len(runs)}"
        runs.append(insist(options, {"t": "clip-link", "url": hook.article(len(runs)), "id": run}))
        assert runs[-1] == run
        options.wait_for_timeout(chance.uniform(500, 2_000))
        workers.stop_all()
    all_delivered(options, hook, runs)
    alarms = options.evaluate("chrome.alarms.getAll()")
    assert [alarm["name"] for alarm in alarms] in ([], ["weft"]), alarms
    assert workers.stops >= len(runs) // 2
    told("the background is stopped", faults=workers.stops, effects=len(runs), clips=len(runs))


@pytest.mark.scenario(18)
def test_a_browser_that_is_killed_goes_on_with_the_clips_when_it_is_started_and_no_page_is_opened(
    clipper: ExtensionBrowser, hook: Hook
) -> None:
    options = clipper.open("pages/options.html")
    settings(options, webhook=f"{hook.url}hook", review=False)
    hook.away = True
    runs = []
    for number in range(4):
        runs.append(insist(options, {"t": "clip-link", "url": hook.article(number)}))
        if number % 2:
            wait(options, lambda number=number: hook.asked(number) > 0, "the article is asked for")
        assert clipper.kill() > 1
        clipper.launch()
        if number < 3:
            options = clipper.open("pages/options.html")
    hook.away = False
    assert clipper.context is not None
    [blank] = clipper.context.pages
    all_delivered(blank, hook, runs)
    told("the browser is killed", faults=4, effects=len(runs))


LEAVE = """async ([id, params]) => {
  const { leave } = await import("./weft/left_calls.mjs");
  await leave("clips", { id, method: "start", params: { id, workflow: "clip", ...params } });
  await chrome.runtime.sendMessage({ t: "ensure" });
}"""
DUE_S = 55
"""An engine that has nothing to do for five seconds ends, if nothing is due in the next thirty: it has 25 for both."""
SETTLED = "navigator.locks.request('weft:host', () => null)"
"""The background changes one thing at a time, in this lock."""


def test_an_engine_with_nothing_to_do_ends_and_an_alarm_that_nobody_pushes_off_brings_it_back(
    clipper: ExtensionBrowser, hook: Hook
) -> None:
    """duckduckgo PR #1241: an alarm that is made anew at each wake-up never comes. Nothing is kept alive meanwhile."""
    options = clipper.open("blank.html")
    workers = clipper.service_workers(options)
    request = {"url": hook.article(1), "webhook": f"{hook.url}hook", "review": False}
    due = time.time() + DUE_S
    options.evaluate(LEAVE, ["clip-due", {"input": [request], "start_at": due}])
    assert engine_there(clipper, options)
    rest(clipper, options)
    alarms = lambda: options.evaluate("chrome.alarms.getAll()")  # noqa: E731
    wait(options, lambda: abs(alarms()[0]["scheduledTime"] / 1000 - due) < 2, "the alarm stands where something is due")
    [alarm] = alarms()
    workers.stop_all()
    assert say(options, {"t": "ensure"}) is None, "a wake-up in between"
    assert alarms() == [alarm]
    options.evaluate("chrome.offscreen.closeDocument()")  # as the browser may: nobody but the alarm can have it back
    assert alarms() == [alarm] and not engine_there(clipper, options)

    assert clipper.context is not None
    blank = clipper.context.pages[0]
    options.close()
    assert not hook.deliveries
    wait(blank, lambda: "clip-due" in hook.bodies, "delivered")
    assert time.time() > due - 1 and list(hook.deliveries.values()) == [1]


def test_what_an_engine_cannot_begin_is_kept_and_asked_again_and_does_not_keep_it_awake(
    clipper: ExtensionBrowser, hook: Hook
) -> None:
    """A workflow that this version does not have: another may."""
    options = clipper.open("blank.html")
    options.evaluate(LEAVE, ["clip-of-another", {"workflow": "no_such_workflow", "input": []}])
    assert engine_there(clipper, options)
    rest(clipper, options)
    wait(options, lambda: options.evaluate("chrome.alarms.getAll()") != [], "it is woken again")
    assert options.evaluate("import('./weft/left_calls.mjs').then(({ left }) => left('clips'))") == 1
    say(options, {"t": "clip-link", "url": hook.article(8), "id": "clip-beside"})
    wait(options, lambda: bool(hook.asked(8)), "others are not held up by it")


def test_where_nothing_is_due_a_browser_starts_without_an_engine_and_without_an_alarm(
    clipper: ExtensionBrowser, hook: Hook
) -> None:
    options = clipper.open("blank.html")
    rest(clipper, options)
    wait(options, lambda: options.evaluate("chrome.alarms.getAll()") == [], "there is no alarm")
    clipper.close()
    clipper.launch()
    options = clipper.open("blank.html")
    assert say(options, {"t": "storage"}) == "indexeddb", "the background has begun"
    options.wait_for_timeout(1_000)  # as long as it takes to make one
    options.evaluate(SETTLED)
    assert not engine_there(clipper, options) and options.evaluate("chrome.alarms.getAll()") == []
    # extension.js.org: two who make the one offscreen document at once are an error to one of them
    asked = options.evaluate("Promise.all(Array.from({length: 8}, () => chrome.runtime.sendMessage({t: 'ensure'})))")
    assert asked == [{"ok": None}] * 8 and engine_there(clipper, options)
    settings(options, webhook=f"{hook.url}hook", review=False)
    say(options, {"t": "clip-link", "url": hook.article(6), "id": "clip-then"})
    assert hook.delivered(options, "clip-then")["title"] == "Looms, part 6"
