"""The service worker may be stopped at any moment, also during storage messages: nothing is lost or doubled."""

from __future__ import annotations

from e2e.harness.browser import Browser
from e2e.harness.pages import CHECKOUT, call, offline_ready, open_weft, order, until
from e2e.harness.report import shipped_once, told
from e2e.harness.server import Server

START_ALL = (
    """(orders) => { globalThis.weftStarts = Promise.all(orders.map((order) => weft.start("checkout", [order]))); }"""
)
RUNS = 12
STOPS = 5


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

    # During: many runs write at once, and each stop falls among their messages.
    orders = [order(f"S-{number}", confirm=False, pause=f"{number * 300}ms") for number in range(1, RUNS + 1)]
    page.evaluate(START_ALL, orders)
    for _ in range(STOPS):
        seen = page.evaluate("weftEvents.length")
        workers.stop_and_see()
        until(page, "return weftEvents.length > arg", seen)
    runs = [run["id"] for run in page.evaluate("weftStarts")]
    assert [call(page, "result", run)["status"] for run in runs] == ["shipped"] * len(orders)

    for run in [first, *runs]:
        numbers = [event["seq"] for event in call(page, "history", run)]
        assert numbers == list(range(1, len(numbers) + 1)), "no event lost, none twice"
    attempts = [sum(shipped_once(server, each["id"]).values()) for each in [order("S-0"), *orders]]
    assert attempts == [4] * len(attempts), "the engine never died, so no activity was attempted again"
    assert workers.stops >= STOPS + 1
    told("service worker stopped", stops_proven=workers.stops, runs=len(attempts), effects=sum(attempts))
