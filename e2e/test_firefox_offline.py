"""Firefox in its own offline mode, with the site on another host name than localhost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.harness.engines import FIREFOX, Launch
from e2e.harness.pages import CHECKOUT_ALONE, call, offline_ready, open_weft, order
from e2e.harness.server import Server

HOST = "shop.test"


@pytest.fixture
def elsewhere(site: Path, tmp_path: Path) -> Iterator[Server]:
    """The site under another name than localhost."""
    server = Server(site, tmp_path / "shop.jsonl")
    server.name = HOST
    yield server.start()
    server.stop()


def test_firefox_starts_offline_also_where_it_does_not_know_the_host_for_this_machine(
    launch: Launch, elsewhere: Server
) -> None:
    """bugzilla 2067202 (isle-portable #622, wordpress-playground #1645): it refused a worker's fetch() before
    any service worker saw it, but not on localhost. Firefox ESR 153 did not do so here; Weft would not notice."""
    firefox: Any = launch(FIREFOX, host=HOST)
    page = open_weft(firefox, elsewhere.url, **CHECKOUT_ALONE)
    assert page.evaluate("[isSecureContext, location.hostname, navigator.onLine]") == [True, HOST, True]
    offline_ready(page)
    elsewhere.kill()
    firefox.close()
    firefox.offline = True
    firefox.launch()
    page = open_weft(firefox, elsewhere.url, **CHECKOUT_ALONE)
    assert page.evaluate("navigator.onLine") is False
    run = call(page, "start", "checkout", [order("H-1", confirm=False, pause="50ms")])
    assert call(page, "result", run["id"])["status"] == "shipped"
