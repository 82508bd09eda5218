"""Tabs that crash and browsers that are killed lose no acknowledged run and repeat no recorded step (G1, G2, G4)."""

from __future__ import annotations

import random

import pytest

from e2e.harness.browser import Browser
from e2e.harness.engines import CHROMIUM, ENGINES, FIREFOX, AnyBrowser, engines
from e2e.harness.pages import CHECKOUT, call, offline_ready, open_weft, order, until
from e2e.harness.report import attempts_of, shipped_once, told
from e2e.harness.server import Server

SEED = 20261122
KILLS = 10
EVENTS_OF_A_RUN = 10


@pytest.mark.scenario(1)
@engines(*ENGINES)
def test_a_tab_that_crashes_after_step_2_of_5_is_continued_by_a_new_tab(
    any_browser: AnyBrowser, server: Server
) -> None:
    page = open_weft(any_browser, server.url, **CHECKOUT)
    run = call(page, "start", "checkout", [order("A-1")])["id"]
    until(page, "return (await weft.describe(arg)).waiting_for.some((wait) => wait.kind === 'signal')", run)
    before = call(page, "frames", run)["tasks"][0]["frames"][-1]
    assert attempts_of(server, "A-1") == {"reserve": 1, "charge": 1}

    any_browser.crash(page)
    page = open_weft(any_browser, server.url, **CHECKOUT)
    after = call(page, "frames", run)["tasks"][0]["frames"][-1]
    assert (after["line"], after["locals"]) == (before["line"], before["locals"]), "it must stand where it stood"
    call(page, "signal", run, "confirm", {"confirmed": True, "by": "the second tab"})

    assert call(page, "result", run)["confirmed_by"] == "the second tab"
    attempts = shipped_once(server, "A-1")
    assert attempts == {"reserve": 1, "charge": 1, "receipt": 1, "ship": 1}, "steps 1 and 2 must not run again"
    told("tab crash after step 2 of 5", faults=1, effects=sum(attempts.values()), attempts=attempts)


def test_a_tab_that_crashes_during_step_4_asks_the_shop_again_under_the_same_keys(
    chrome: Browser, server: Server
) -> None:
    page = open_weft(chrome, server.url, **CHECKOUT)
    run = call(page, "start", "checkout", [order("A-2")])["id"]
    until(page, "return (await weft.describe(arg)).waiting_for.some((wait) => wait.kind === 'signal')", run)
    server.weather(latency_ms=60_000)
    call(page, "signal", run, "confirm", {"confirmed": True, "by": "me"})
    until(page, "return weftEvents.some((event) => event.type === 'activity_scheduled' && event.name === 'ship_order')")
    while attempts_of(server, "A-2").get("ship") is None:  # the request has reached the shop, which does not answer yet
        page.evaluate("0")

    chrome.crash(page)
    cut_off = attempts_of(server, "A-2")["ship"]  # 1, unless the crash took so long that the attempt asked again
    server.weather(latency_ms=0)
    page = open_weft(chrome, server.url, **CHECKOUT)
    assert call(page, "result", run)["status"] == "shipped"
    attempts = shipped_once(server, "A-2")
    assert attempts["reserve"] == attempts["charge"] == 1
    assert attempts["ship"] == cut_off + 1, "what the crash cut off is asked for once more"
    types = [event["type"] for event in call(page, "history", run)]
    assert "run_recovered" in types
    told("tab crash during step 4", crashes=1, attempts=attempts)


@pytest.mark.scenario(2)
@engines(CHROMIUM, FIREFOX)
def test_runs_acknowledged_before_the_browser_was_killed_finish_after_it_comes_back(
    any_browser: AnyBrowser, server: Server
) -> None:
    moments = random.Random(SEED).sample(range(1, 1 + 2 * EVENTS_OF_A_RUN), KILLS)
    acknowledged: dict[str, str] = {}
    killed = 0
    for number, moment in enumerate(moments):
        page = open_weft(any_browser, server.url, standby="cold", snapshot="soon", **CHECKOUT)
        offline_ready(page)  # Firefox that is killed while it fills a cache may count its quota wrongly afterwards
        until(page, "return weft.status.snapshot === 'kept'")  # the tabs to come start from it
        server.weather(latency_ms=20)
        for run in range(2):
            name = f"K-{number}-{run}"
            acknowledged[name] = call(page, "start", "checkout", [order(name, confirm=False, pause="150ms")])["id"]
        until(page, "return weftEvents.length >= arg", moment)
        killed += any_browser.kill()
        any_browser.launch()

    page = open_weft(any_browser, server.url, snapshot="soon", **CHECKOUT)
    assert page.evaluate("weft.status.boot.from") == "snapshot"
    results = {name: call(page, "result", run) for name, run in acknowledged.items()}
    assert {result["status"] for result in results.values()} == {"shipped"}
    attempts = [sum(shipped_once(server, name).values()) for name in acknowledged]
    assert sum(attempts) <= 4 * len(acknowledged) + 4 * len(moments), (
        "at most one more attempt for each that was cut off"
    )
    told(
        "browser SIGKILL", faults=len(moments), after_events=moments, processes_killed=killed,
        runs=f"{len(results)} of {len(acknowledged)}", effects=4 * len(results), attempts=sum(attempts),
    )  # fmt: skip
