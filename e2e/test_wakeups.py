"""Hints: the network is back, a page is looked at, the service worker had an event. The leader looks at once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from e2e.harness.browser import Browser
from e2e.harness.editions import ROOT, edition
from e2e.harness.pages import call, offline_ready, open_weft, until
from e2e.harness.report import shipped_once, told
from e2e.harness.rows import write_rows
from e2e.harness.server import Server
from e2e.harness.sw_events import ServiceWorkerEvents
from weft_core import codec
from weft_core.machine.sealed import seal_plain
from weft_core.model import keys

ERRAND = {"workflows": "errand.py"}
DELIVERED_WITHIN_S = 60
"""A tenth of what they would wait if nothing hurried them."""
STEPS = ["reserve", "charge", "receipt", "ship"]
RETRIES = "return (await weft.history(arg)).some((event) => event.type === 'activity_failed' && event.retry_at)"


@pytest.fixture(scope="module")
def errands(built_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    errand = [ROOT / "e2e" / "harness" / "errand.py"]
    return built_once("errands", lambda out: edition(out, "errands", errand)) / "site-errands"


@pytest.fixture
def server(errands: Path, tmp_path: Path) -> Iterator[Server]:
    server = Server(errands, tmp_path / "shop.jsonl").start()
    yield server
    server.stop()


def events_of(chrome: Browser, page: Page, server: Server) -> ServiceWorkerEvents:
    assert chrome.context is not None
    return ServiceWorkerEvents(chrome.context.new_cdp_session(page), server.url.rstrip("/"), server.url)


def leave_signal(page: Page, run: str, value: str) -> None:
    """In the store, as another process or a service worker does it: the engine is not told."""
    key = keys.inbox(f"left-{value}")
    write_rows(page, "e2e", [(key, seal_plain(key, ["signal", run, "go", codec.dumps(value), None]))])


@pytest.mark.scenario(6)
def test_effects_that_wait_for_the_network_are_delivered_when_it_is_back_without_a_reload(
    chrome: Browser, server: Server
) -> None:
    """workbox #3335, #2386: queues that did not replay at reconnect. The retries are ten minutes away."""
    page = open_weft(chrome, server.url, **ERRAND)
    offline_ready(page)
    page.evaluate("globalThis.notReloaded = true")
    server.kill()
    assert chrome.context is not None
    chrome.context.set_offline(True)
    runs = [call(page, "start", "errand", [f"W-{number}"])["id"] for number in range(3)]
    for run in runs:
        until(page, RETRIES, run)

    server.start()
    back = time.monotonic()
    chrome.context.set_offline(False)
    for run in runs:
        assert len(call(page, "result", run)) == len(STEPS)
    took = time.monotonic() - back
    assert took < DELIVERED_WITHIN_S
    assert page.evaluate("notReloaded") is True
    attempts = [sum(shipped_once(server, f"W-{number}").values()) for number in range(3)]
    assert attempts == [len(STEPS)] * 3, "each once, and asked for once: no try met the shop before"
    for number in range(3):
        assert applied(server, f"W-{number}") == STEPS, "in order"
    told("offline to online", faults=2, servers_killed=1, runs=3, effects=sum(attempts), delivered_in=f"{took:.1f} s")


def applied(server: Server, order: str) -> list[str]:
    """The effects of an order, in the order in which the shop applied them."""
    lines = [json.loads(line) for line in server.ledger.read_text().splitlines()]
    return [line["operation"] for line in lines if line["event"] == "effect" and line["order"] == order]


def test_a_leader_that_goes_offline_with_work_asks_for_a_background_sync(chrome: Browser, server: Server) -> None:
    page = open_weft(chrome, server.url, **ERRAND)
    offline_ready(page)
    page.evaluate("""globalThis.heard = [];
        navigator.serviceWorker.addEventListener("message", ({ data }) => heard.push(`${data.t} ${data.reason}`));""")
    call(page, "start", "patient")
    assert chrome.context is not None
    chrome.context.set_offline(True)
    # The page is told of the emulation before the browser's sync is: then that takes place at once.
    until(
        page,
        """const { sync } = await navigator.serviceWorker.getRegistration();
        return (await sync.getTags()).includes("weft") || heard.includes("wake sync");""",
    )
    chrome.context.set_offline(False)
    until(page, "return heard.includes('wake sync')")


def test_each_wake_up_makes_the_leader_look_at_what_lies_in_the_store(chrome: Browser, server: Server) -> None:
    """Also asked of a follower's page, and with the service worker stopped: the event starts it."""
    page = open_weft(chrome, server.url, **ERRAND)
    follower = open_weft(chrome, server.url, **ERRAND)
    offline_ready(page)
    workers, events = chrome.service_workers(page), events_of(chrome, page, server)
    for hint in ("sync", "push", "periodicsync", "visible"):
        run = call(page, "start", "patient")["id"]
        until(page, "return (await weft.describe(arg)).waiting_for.length", run)
        leave_signal(page, run, hint)
        assert call(page, "describe", run)["status"] == "running", "nobody has looked yet"
        if hint == "visible":
            follower.evaluate("void document.dispatchEvent(new Event('visibilitychange'))")
        else:
            workers.stop_and_see()
            events.send(hint)
        assert call(page, "result", run) == hint
