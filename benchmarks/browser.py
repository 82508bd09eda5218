"""In Chromium: a strict step against a bare IndexedDB put, and the start of Weft against that of a bare Pyodide."""

from __future__ import annotations

import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Playwright, sync_playwright

from benchmarks.report import Figure, at_most
from weft_browser.build import build
from weft_browser.ingredients import default_cache, runtime, source_tree

HERE = Path(__file__).resolve().parent
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")
STEPS = 300
BOOTS = 5
SETTLE_MS = 1_000
STAY_MS = 5_000


def figures() -> Iterator[Figure]:
    """Needs Chromium: $WEFT_CHROMIUM, or `chromium` on the PATH."""
    with tempfile.TemporaryDirectory(prefix="weft-bench-") as folder, sync_playwright() as playwright:
        site = _site(Path(folder))
        with _serving(site) as url:
            yield from _step_figures(playwright, Path(folder) / "steps", url)
            yield from _boot_figures(playwright, Path(folder) / "boots", url)


def _step_figures(playwright: Playwright, profile: Path, url: str) -> Iterator[Figure]:
    with _page(playwright, profile, url) as page:
        found: dict[str, Any] = page.evaluate("(count) => steps(count)", STEPS)
    yield Figure("bare strict IndexedDB put from Python, Chromium", f"{found['bare_ms']:.2f} ms")
    yield Figure("strict sequential step in the browser", f"{found['step_ms']:.2f} ms")
    yield Figure(
        "batches a step, records and bytes a batch",
        f"{found['batches_per_step']:.2f}, {found['records_per_batch']:.1f}, {found['bytes_per_batch']}",
    )
    yield at_most("browser step / bare put of the same bytes", found["step_ms"] / found["bare_ms"], 2.5)


def _boot_figures(playwright: Playwright, profile: Path, url: str) -> Iterator[Figure]:
    """Each sample is a new browser process on a profile that has everything cached; the three kinds alternate.

    Cached is also what the browser compiled of the WebAssembly of both: it keeps that when pages stay open a while.
    """
    with _page(playwright, profile, url) as page:
        page.evaluate("install()")
        page.reload()
        for _ in range(2):  # the first visit compiles, the second adds what was used often
            page.evaluate("(stay) => stockBoot(stay)", STAY_MS)
            page.evaluate("(stay) => weftBoot('off', stay)", STAY_MS)
        assert page.evaluate("keepSnapshot()") == "kept"
    stock, scratch, snapshot = [], [], []
    for _ in range(BOOTS):
        with _page(playwright, profile, url) as page:
            stock.append(page.evaluate("stockBoot()"))
        for samples, option, expected in ((scratch, "off", "scratch"), (snapshot, "auto", "snapshot")):
            with _page(playwright, profile, url) as page:
                boot = page.evaluate("(snapshot) => weftBoot(snapshot)", option)
            assert boot["from"] == expected
            samples.append(boot["step"])
    base = statistics.median(stock)
    yield Figure("bare loadPyodide() to its first line, assets cached", f"{base:,.0f} ms")
    for name, samples, target in (("without", scratch, 0.7), ("with", snapshot, 0.4)):
        step = statistics.median(samples)
        yield Figure(f"Weft to its first recorded step, {name} snapshot", f"{step:,.0f} ms")
        yield at_most(f"boot {name} snapshot / bare loadPyodide()", step / base, target)


def _site(folder: Path) -> Path:
    page = folder / "page"
    shutil.copytree(HERE / "browser_page", page)
    stock = runtime(source_tree(), default_cache(source_tree()))
    (page / "stock").mkdir()
    for name in ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json"):
        shutil.copyfile(stock / name, page / "stock" / name)
    (page / "bench_flow.py").rename(folder / "bench_flow.py")
    return build(folder / "site", page=page, workflows=[folder / "bench_flow.py"]).out


@contextlib.contextmanager
def _serving(site: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "weft_server.demo", "--dir", str(site), "--port", "0"]
    server = subprocess.Popen([*command, "--ledger", str(site.parent / "ledger")], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        port = server.stdout.readline().split("http://", 1)[1].split("/", 1)[0].rpartition(":")[2]
        yield f"http://127.0.0.1:{port}/index.html"
    finally:
        server.terminate()
        server.wait(10)
        server.stdout.close()


@contextlib.contextmanager
def _page(playwright: Playwright, profile: Path, url: str) -> Iterator[Page]:
    chromium = os.environ.get("WEFT_CHROMIUM") or shutil.which("chromium")
    context = playwright.chromium.launch_persistent_context(
        str(profile), executable_path=chromium, headless=True, args=ARGUMENTS, chromium_sandbox=False
    )
    try:
        page = context.new_page()
        page.goto(url)
        page.wait_for_timeout(SETTLE_MS)
        yield page
    finally:
        context.close()
