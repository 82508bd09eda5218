"""Python's memory only grows: a worker that has taken too much is replaced at a checkpoint."""

from __future__ import annotations

from e2e.harness.browser import Browser
from e2e.harness.pages import BARE, call, open_weft, until
from e2e.harness.report import attempts_of, told
from e2e.harness.server import Server

TIMES = 8


def test_a_worker_whose_heap_passes_the_limit_is_replaced_and_no_effect_is_doubled(
    chrome: Browser, server: Server
) -> None:
    """pyodide #4620 (memory is given back only with the worker), #1513."""
    page = open_weft(chrome, server.url, workflows="leaking.py,checkout_browser.py", heapLimitMB="100", **BARE)
    run = call(page, "start", "leaking", ["H", TIMES])["id"]
    until(page, "return weft.status.recycled > 0")
    held = call(page, "result", run)
    assert len(held) == TIMES and max(held) < TIMES, "the module's list was begun anew"
    recycled = page.evaluate("weft.status.recycled")
    assert held.count(1) in (recycled, recycled + 1), "each worker began anew; the last may have had nothing to do"
    heap = page.evaluate("weft.status.heap")
    # A run that goes on while the engine is being opened may have taken some before the watch began.
    assert heap["bytes"] <= 24 * TIMES << 20 and 100 << 20 <= heap["limit"] <= 150 << 20, heap
    attempts = [attempts_of(server, f"H-{number}") for number in range(TIMES)]
    assert attempts == [{"charge": 1}] * TIMES, "drained: nothing was cut off and asked for again"
    told("heap", faults=recycled, effects=TIMES, held=held, heap=heap)
