"""The service worker is killed at chosen storage messages; each batch is applied once, and the result is the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from e2e.harness.browser import Browser, ServiceWorkers
from e2e.harness.editions import EXAMPLES, ROOT, edition
from e2e.harness.pages import CHECKOUT, call, offline_ready, open_weft, order
from e2e.harness.report import shipped_once, told
from e2e.harness.server import Server

RELAYED = {"storage": "service-worker", "relay": "1"}
WORKFLOWS = [EXAMPLES / "checkout.py", EXAMPLES / "checkout_browser.py", ROOT / "e2e" / "harness" / "errand.py"]
RUN = """([workflow, id, input]) => void (async () => {
  try {
    await weft.start(workflow, [input], { id });
    globalThis.weftDone = { outcome: await weft.result(id) };
  } catch (error) {
    globalThis.weftDone = { error: String(error) };
  }
})()"""
NEXT = "weftUntil(() => weftHeld() ?? globalThis.weftDone, null, 30000)"


@pytest.fixture(scope="module")
def relayed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return edition(tmp_path_factory.mktemp("relayed"), "relayed", WORKFLOWS)


@pytest.fixture
def server(relayed: Path, tmp_path: Path) -> Iterator[Server]:
    server = Server(relayed, tmp_path / "shop.jsonl").start()
    yield server
    server.stop()


def kill_until_done(page: Page, workers: ServiceWorkers) -> list[str]:
    """Kill the service worker at each message that is held. Returns where it was killed."""
    places: list[str] = []
    while (found := page.evaluate(NEXT)) and "phase" in found:
        places.append(f"{found['phase']} {found['key'].split()[0]}")
        workers.stop_and_see()
        page.evaluate("weftLose()")
    assert "outcome" in found, found
    return places


def run_it(page: Page, workflow: str, number: str, given: object) -> None:
    """Start it under an id, and note in the page when it is over."""
    page.evaluate(RUN, [workflow, number, given])


@pytest.mark.scenario(3)
def test_a_service_worker_killed_between_a_commit_and_its_reply_applies_the_batch_once(
    chrome: Browser, server: Server
) -> None:
    """w3c/ServiceWorker #1656, #669: the reply never comes, and nobody says so."""
    page = open_weft(chrome, server.url, **RELAYED, **CHECKOUT)
    offline_ready(page)
    workers = chrome.service_workers(page)
    page.evaluate("void (weftHolds = (phase, message) => phase === 'reply' && message.write)")
    run_it(page, "checkout", "K-1", order("K-1", confirm=False, pause="20ms"))
    places = kill_until_done(page, workers)
    assert places == ["reply write"] * len(places)
    assert len(places) >= 5, "every commit of the run lost its reply, that of the start too"
    assert page.evaluate("weftDone.outcome.status") == "shipped"
    numbers = [event["seq"] for event in call(page, "history", "K-1")]
    assert numbers == list(range(1, len(numbers) + 1)), "no event lost, none twice"
    attempts = shipped_once(server, "K-1")
    assert set(attempts.values()) == {1}
    assert call(page, "diagnostics")["epoch"] == 1, "the engine went on all the time"
    told("service worker killed after commits", faults=len(places), effects=sum(attempts.values()))


@pytest.mark.scenario(4)
def test_a_service_worker_killed_at_every_storage_message_of_a_run_of_six_steps_changes_nothing(
    chrome: Browser, server: Server
) -> None:
    page = open_weft(chrome, server.url, **RELAYED, workflows="errand.py")
    offline_ready(page)
    workers = chrome.service_workers(page)
    run_it(page, "six_steps", "calm", "K-2")
    assert kill_until_done(page, workers) == []
    calm = story(page, "calm")

    page.evaluate("void (weftHolds = () => true, weftDone = undefined)")
    run_it(page, "six_steps", "killed", "K-3")
    places = kill_until_done(page, workers)
    page.evaluate("void (weftHolds = () => false, weftLose())")  # one may have been held since: it is sent again
    assert page.evaluate("weftDone.outcome") == 6
    assert story(page, "killed") == calm, "the same events in the same order"
    assert len(places) >= 14, places
    assert {"request write", "reply write", "request read", "reply read"} == set(places)
    assert workers.stops >= len(places)
    attempts = [*shipped_once(server, "K-2").values(), *shipped_once(server, "K-3").values()]
    assert attempts == [1] * 8, "the engine never died, so nothing was asked for twice"
    told("service worker killed at every storage message", faults=len(places), runs=2, effects=len(attempts))


def story(page: Page, run: str) -> list[tuple[int, str, int | None]]:
    return [(event["seq"], event["type"], event.get("attempt")) for event in call(page, "history", run)]
