"""Workflows say where their runs belong: a page begins them offline, and its server goes on with them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.harness.browser import Browser
from e2e.harness.pages import BARE, call, open_weft, until
from e2e.harness.server import Server
from e2e.harness.weft_serve import TOKEN, WeftServe
from e2e.harness.wire import Wire

PLACED = Path(__file__).resolve().parent / "workflows" / "placed.py"
IS = "const state = await weft.handoffState(arg[0]); return state.state === arg[1] && state;"


@pytest.fixture
def server(wired: Server) -> Server:
    return wired


@pytest.fixture
def serve(server: Server, wire: Wire, tmp_path: Path) -> Iterator[WeftServe]:
    """It is away."""
    serve = WeftServe(tmp_path / "server.db", server.url.rstrip("/"), server.url, apps=(PLACED,))
    yield serve
    serve.kill()


def test_runs_begin_in_a_page_whose_server_is_away_and_are_there_when_it_is_back(
    chrome: Browser, server: Server, wire: Wire, serve: WeftServe
) -> None:
    """The first token that the page has is not known to the server; the function that gives it is asked again."""
    page = open_weft(
        chrome, server.url, workflows="placed.py", server=wire.url, tokens=f"an old one,{TOKEN}", **BARE
    )  # fmt: skip
    run, only = call(page, "start", "wanders")["id"], call(page, "start", "there")["id"]
    until(page, "return (await weft.handoffState(arg)).trouble", run)
    assert call(page, "describe", run)["waiting_for"][0]["name"] == "go", "it has gone on by itself"
    assert call(page, "describe", only)["status"] == "suspended"
    until(page, "return weft.status.server?.state === 'offline'")

    wire.target = serve.start().port
    page.evaluate("dispatchEvent(new Event('online'))")
    until(page, IS, [run, "moved"])
    states = page.evaluate("weftStatuses.map((status) => status.server?.state)")
    assert states.index("offline") < states.index("denied") < states.index("online")
    assert page.evaluate("([id]) => weft.result(id)", [only]) == ["linux"]
    call(page, "signal", run, "go", "from the page")
    assert page.evaluate("([id]) => weft.result(id)", [run]) == ["emscripten", "from the page", "linux"]
