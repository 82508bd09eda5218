"""The service worker may be stopped at any moment, also during storage messages: nothing is lost or doubled."""

from __future__ import annotations

from e2e.harness.browser import Browser
from e2e.harness.pages import CHECKOUT, call, offline_ready, open_weft, order, until
from e2e.harness.report import shipped_once, told
from e2e.harness.server import Server

START = """(orders) => {
  (globalThis.weftStarts ??= []).push(...orders.map((order) => weft.start("checkout", [order])));
}"""
STOPS = 5
RUNS_A_STOP = 2


def test_a_service_worker_stopped_between_and_during_storage_messages_loses_nothing(
    chrome: Browser, server: Server
) -> None:
    page = open_weft(chrome, server.url, storage="service-worker", **CHECKOUT)
    offline_ready(page)
    workers = chrome.service_workers(page)

    # Between: nothing is under way but a parked run; the next message finds nobody there.
    first = call(page, "start", "checkout", [order("S-0")])["id"]
    until(page, "return (await weft.describe(arg)).waiting_for.some((wait) => wait.kind === 'signal')", first)
    workers.stop_and_see()
    call(page, "signal", first, "confirm", {"confirmed": True, "by": "me"})
    assert call(page, "result", first)["status"] == "shipped"

    # During: several runs write at once, and each stop falls among their messages.
    orders = []
    for stop in range(STOPS):
        new = [order(f"S-{stop}-{number}", confirm=False, pause="300ms") for number in range(RUNS_A_STOP)]
        orders += new
        seen = page.evaluate("weftEvents.length")
        page.evaluate(START, new)
        until(page, "return weftEvents.length > arg", seen)  # they write now: a stop that meets nothing proves nothing
        workers.stop_and_see()
    runs = [run["id"] for run in page.evaluate("Promise.all(weftStarts)")]
    assert [call(page, "result", run)["status"] for run in runs] == ["shipped"] * len(orders)

    for run in [first, *runs]:
        numbers = [event["seq"] for event in call(page, "history", run)]
        assert numbers == list(range(1, len(numbers) + 1)), "no event lost, none twice"
    attempts = [sum(shipped_once(server, each["id"]).values()) for each in [order("S-0"), *orders]]
    assert attempts == [4] * len(attempts), "the engine never died, so no activity was attempted again"
    assert workers.stops >= STOPS + 1
    told("service worker stopped", stops_proven=workers.stops, runs=len(attempts), effects=sum(attempts))
