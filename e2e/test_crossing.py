"""A run goes from a page to ``weft serve`` and back, with a crash at each point of the protocol on both sides (G5)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.harness.browser import Browser
from e2e.harness.crossing import MOVED, WAITS, Crossing
from e2e.harness.pages import CHECKOUT, call, open_weft, order, until
from e2e.harness.report import attempts_of, shipped_once, told
from e2e.harness.server import Server
from e2e.harness.weft_serve import TOKEN, WeftServe
from e2e.harness.wire import Wire


@pytest.fixture
def server(wired: Server) -> Server:
    return wired


@pytest.fixture
def crossing(chrome: Browser, server: Server, wire: Wire, tmp_path: Path) -> Iterator[Crossing]:
    serve = WeftServe(tmp_path / "server.db", server.url.rstrip("/"), server.url).start()
    wire.target = serve.port
    yield Crossing(chrome, server, wire, serve)
    serve.kill()


@pytest.mark.scenario(12)
def test_a_crash_at_each_point_of_a_handoff_there_and_back_leaves_one_owner_and_each_effect_once(
    crossing: Crossing,
) -> None:
    """The tab crashes, or the browser or the server is killed, before or after each commit and each message."""
    crossing.begin("A-1")
    crossing.tab_dies("reply parking", crossing.hand_over)
    crossing.tab_dies("reply sending")  # it is on its way, and was not sent
    crossing.tab_dies_when("request", "import")
    crossing.server_dies("before arriving", "after arriving")
    crossing.server_dies_by_itself("before owned", "after owned")
    crossing.browser_dies_when("answer", "import")
    crossing.tab_dies("request moved")  # it has the answer, and its mirror is not written
    crossing.tab_dies("reply moved")
    crossing.tab_dies("reply asking", crossing.take_back)
    crossing.server_dies("before parking", "after parking")
    crossing.server_dies_by_itself("before sending", "after sending")
    crossing.tab_dies_when("answer", "return")
    crossing.tab_dies("reply arriving")
    crossing.tab_dies_when("request", "returned")
    crossing.server_dies("before moved", "after moved")
    crossing.tab_dies_when("answer", "returned")

    crossing.comes_late()  # the envelope that was lost on the way, after all that
    events = crossing.finish_there()
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    types = [event["type"] for event in events]
    assert types.count("run_handed_off") == types.count("run_received") == 3
    attempts = shipped_once(crossing.server, "A-1")
    assert attempts["reserve"] == attempts["charge"] == 1, "no step ran again"
    assert sum(attempts.values()) <= 6, "the two attempts that the last kill cut off"
    told("handoff with a crash at each point", faults=crossing.faults, effects=4, attempts=attempts)


TROUBLE = "return (await weft.handoffState(arg[0])).trouble.includes(arg[1])"


def test_a_page_is_told_why_a_server_does_not_answer_and_the_run_goes_when_it_may(
    chrome: Browser, server: Server, wire: Wire, tmp_path: Path
) -> None:
    """The site's policy, the server's origins, the token. Of the origins a browser says nothing to a page."""
    serve = WeftServe(tmp_path / "server.db", "https://other.example", server.url).start()
    wire.target = serve.port
    page = open_weft(chrome, server.url, **CHECKOUT)
    run, other = (call(page, "start", "checkout", [order(number)])["id"] for number in ("T-1", "T-2"))
    for each in (run, other):
        until(page, WAITS, each)
    call(page, "handoff", other, serve.url, {"token": TOKEN})  # its policy allows the wire's address alone
    until(page, TROUBLE, [other, "list the server in connect-src"])
    assert wire.passed == []

    call(page, "handoff", run, wire.url, {"token": "another"})
    until(page, TROUBLE, [run, "Failed to fetch"])  # the preflight was refused, and the page may not know why
    serve.kill()
    serve.origin = server.url.rstrip("/")
    serve.start()
    call(page, "wake")
    until(page, TROUBLE, [run, "HTTP 401"])
    call(page, "handoff", run, wire.url, {"token": TOKEN})
    until(page, MOVED, run)
    serve.kill()
    assert set(attempts_of(server, "T-1").values()) == {1}
    told("a page that is not let in", faults=3, effects=2)
