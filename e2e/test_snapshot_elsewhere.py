"""In Firefox and WebKit too the second start is from a snapshot of Python's memory, and the work is the same."""

from __future__ import annotations

from e2e.harness.engines import FIREFOX, WEBKIT, AnyBrowser, engines
from e2e.harness.pages import CHECKOUT, call, open_weft, order, until
from e2e.harness.report import shipped_once
from e2e.harness.server import Server

QUICK = {"confirm": False, "pause": "50ms"}


@engines(FIREFOX, WEBKIT)
def test_the_second_start_is_from_a_snapshot(any_browser: AnyBrowser, server: Server) -> None:
    """pyodide #6418: snapshots work. One of a memory that has grown did not load: what room it needs was not made."""
    for number, (how, begun) in enumerate((("soon", "scratch"), ("auto", "snapshot"))):
        page = open_weft(any_browser, server.url, snapshot=how, **CHECKOUT)
        until(page, "return weft.status.role === 'leader'")  # the closed tab may take its time to be gone
        assert page.evaluate("weft.status.boot") == {"from": begun, "note": None}
        run = call(page, "start", "checkout", [order(f"E-{number}", **QUICK)])["id"]
        assert call(page, "result", run)["status"] == "shipped"
        assert set(shipped_once(server, f"E-{number}").values()) == {1}
        until(page, "return weft.status.snapshot === 'kept'")
        page.close()
