"""How much a first visit loads, as a web server sends it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from e2e.harness.browser import Browser
from e2e.harness.compressing import CompressingServer
from e2e.harness.pages import CHECKOUT_ALONE, call, offline_ready, open_weft, order, until
from e2e.harness.report import told

BUDGET = 7_000_000
QUICK = {"confirm": False, "pause": "50ms"}


def test_a_first_visit_loads_less_than_seven_megabytes_and_a_snapshot_none_more(chrome: Browser, site: Path) -> None:
    """pyodide #806, #5195. The page, Python, the engine and all that the Service Worker keeps, with gzip."""
    with CompressingServer(site) as server:
        page = open_weft(chrome, server.url, snapshot="off", **CHECKOUT_ALONE)
        run = call(page, "start", "checkout", [order("L-1", **QUICK)])["id"]
        assert call(page, "result", run)["status"] == "shipped"
        offline_ready(page)
        first = sum(size for _, size in server.sent)
        largest = Counter(dict(server.sent)).most_common(4)
        page.close()

        loaded = len(server.sent)
        page = open_weft(chrome, server.url, snapshot="soon", **CHECKOUT_ALONE)
        until(page, "return weft.status.snapshot === 'kept'")
        again = server.sent[loaded:]
    told("download", bytes=first, files=loaded, largest=largest, again=again)
    assert loaded > 20 and sum(size for name, size in server.sent if name.endswith(".wasm")) > 3_000_000, largest
    assert first <= BUDGET, largest
    assert sum(size for _, size in again) < 100_000, again


def test_every_module_of_the_standard_library_is_in_the_pack_as_it_was(site: Path) -> None:
    """What is trimmed is text, never a module: an import that works in Pyodide works here."""
    import gzip
    import io
    import zipfile

    from weft_browser.ingredients import default_cache, runtime, source_tree

    tree = source_tree()
    stock = zipfile.ZipFile(runtime(tree, default_cache(tree)) / "python_stdlib.zip")
    packed = zipfile.ZipFile(io.BytesIO(gzip.decompress((site / "weft" / "stdlib.pack").read_bytes())))
    names = {name.removesuffix("c") for name in packed.namelist()}
    assert names == {name for name in stock.namelist() if not name.endswith("/")}
    assert sum(name.endswith(".pyc") for name in packed.namelist()) > 150
