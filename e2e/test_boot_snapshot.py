"""Python starts from a memory snapshot that the browser made, or as at the first visit: both ways to the same end."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from e2e.harness.browser import Browser
from e2e.harness.pages import CHECKOUT, CHECKOUT_ALONE, call, offline_ready, open_weft, order, until
from e2e.harness.report import shipped_once, told
from e2e.harness.server import Server

pytestmark = pytest.mark.first_visit

QUICK = {"confirm": False, "pause": "50ms"}
SOON = {"snapshot": "soon"}

KEPT = """
(async () => {
  const names = [];
  for await (const directory of (await navigator.storage.getDirectory()).values())
    if (directory.name.startsWith("weft-python")) for await (const name of directory.keys()) names.push(name);
  return names;
})()
"""
EXCHANGE = """
async ([what]) => {
  const root = await navigator.storage.getDirectory();
  const path = new URL("./weft/", location.href).pathname;
  const directory = await root.getDirectoryHandle(encodeURIComponent(`weft-python:${path}`));
  const write = async (directory, name, bytes) => {
    const writable = await (await directory.getFileHandle(name, { create: true })).createWritable();
    await writable.write(bytes);
    await writable.close();
  };
  const read = async (directory, name) => (await (await directory.getFileHandle(name)).getFile()).arrayBuffer();
  const aside = await root.getDirectoryHandle("aside", { create: true });
  const first = async (directory) => (await directory.keys().next()).value;
  const remove = async (name) => { // a page that was just closed may have been making another one
    for (const end = performance.now() + 60_000; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
      const held = await directory.removeEntry(name).then(() => null, (error) => error);
      if (!held || held.name === "NotFoundError") return;
      if (held.name !== "NoModificationAllowedError" || performance.now() > end) throw held;
    }
  };
  const names = [];
  for await (const name of directory.keys()) names.push(name);
  for (const name of names) {
    if (!(await first(aside))) await write(aside, name, await read(directory, name));
    await remove(name);
  }
  const key = await first(aside);
  const bytes = new Uint8Array(await read(aside, key));
  const hex = (digest) => [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  if (what === "damaged") bytes[bytes.length >> 1] ^= 1;
  if (what === "cut off") bytes.fill(0, 0, 1024);
  if (what === "no snapshot at all") {
    const head = JSON.parse(new TextDecoder().decode(bytes.subarray(0, 1024)));
    const part = bytes.fill(7, 1024, 1024 + head.parts[0].size).subarray(1024, 1024 + head.parts[0].size);
    head.parts[0].sha256 = hex(await crypto.subtle.digest("SHA-256", part));
    bytes.set(new TextEncoder().encode(JSON.stringify(head).padEnd(1024)));
  }
  await write(directory, what === "of another build" ? "0".repeat(64) : key, bytes);
}
"""
PYTHON = """
(async () => {
  const base = new URL("./weft/", location.href).href;
  const { loadInterpreter } = await import(`${base}interpreter.mjs`);
  const { python, boot } = await loadInterpreter({ base, workflows: [], activities: [], snapshot: true }, () => {});
  const text = python.runPython(`
import gc, json, random, uuid, msgpack
from msgpack import fallback
from weft_browser.host import BrowserIds
from weft_core.codec import wire
from weft_core.machine import sealed
ids = BrowserIds()
packers = [wire.Packer, wire.Unpacker, msgpack.Packer, type(sealed._pack.__self__), type(sealed._pack_lone.__self__)]
json.dumps({
    "random": [random.random(), ids.random()], "ids": [ids.new_id()[10:], ids.token(), str(uuid.uuid4())],
    "compiled": all(packer.__module__ == "msgpack._cmsgpack" for packer in packers),
    "pure": sum(isinstance(found, (fallback.Packer, fallback.Unpacker)) for found in gc.get_objects()),
})`);
  return { from: boot.from, ...JSON.parse(text) };
})()
"""


def kept(page: Page) -> None:
    """Wait until the browser has made a snapshot and keeps it."""
    until(page, "return weft.status.snapshot !== 'none'")
    assert page.evaluate("weft.status.snapshot") == "kept"


def started(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate("weft.status.boot")
    return found


def progress_rises(page: Page) -> None:
    """From nothing to everything, and never back: pyodide #806, #3940."""
    seen = page.evaluate("weftStatuses.filter((status) => status.role === 'leader').map((status) => status.progress)")
    assert seen == sorted(seen) and seen[-1] == 1 and len(set(seen)) >= 4, seen


@pytest.mark.scenario(26)
def test_the_second_start_is_from_a_snapshot_also_offline_and_two_of_them_have_no_chance_in_common(
    chrome: Browser, server: Server
) -> None:
    """pyodide #6418: snapshots work, packages are the problem. Copies of a snapshot share random()'s state."""
    page = open_weft(chrome, server.url, **SOON, **CHECKOUT)
    assert started(page) == {"from": "scratch", "note": None}
    progress_rises(page)
    first = call(page, "start", "checkout", [order("S-1", **QUICK)])["id"]
    call(page, "result", first)
    kept(page)
    offline_ready(page)

    chrome.close()
    chrome.launch()
    page = open_weft(chrome, server.url, snapshot="auto", **CHECKOUT)
    assert started(page) == {"from": "snapshot", "note": None}
    progress_rises(page)
    again = call(page, "start", "checkout", [order("S-2", **QUICK)])["id"]
    assert call(page, "result", again)["status"] == "shipped"
    effects = [shipped_once(server, name) for name in ("S-1", "S-2")]

    one, two = (chrome.tab(f"{server.url}test.html?snapshot=off").evaluate(PYTHON) for _ in range(2))
    for copy in (one, two):
        assert copy["from"] == "snapshot" and copy["compiled"] and not copy["pure"], copy
    for what in ("random", "ids"):
        assert not set(one[what]) & set(two[what]), (one, two)

    server.kill()
    alone = open_weft(chrome, server.url, name="alone", snapshot="auto", **CHECKOUT_ALONE)
    assert started(alone)["from"] == "snapshot"
    run = call(alone, "start", "checkout", [order("S-3", **QUICK)])["id"]
    assert call(alone, "result", run)["status"] == "shipped"
    told(
        "snapshot",
        faults=2,
        killed="the server",
        relaunched="the browser",
        starts_from_it=4,
        effects=8,
        attempts=effects,
    )


@pytest.mark.scenario(26)
def test_a_snapshot_that_does_not_fit_is_told_and_python_starts_without_it(chrome: Browser, server: Server) -> None:
    page = open_weft(chrome, server.url, **SOON, **CHECKOUT_ALONE)
    kept(page)
    page.close()
    faults = {
        "of another build": "SnapshotMismatch", "damaged": "SnapshotDamaged", "cut off": "SnapshotDamaged",
        "no snapshot at all": "SnapshotUnusable",
    }  # fmt: skip
    *_, last = faults
    for number, (fault, code) in enumerate(faults.items()):
        blank = chrome.tab(f"{server.url}icon.svg")
        blank.evaluate(EXCHANGE, [fault])
        blank.close()
        page = open_weft(chrome, server.url, snapshot="soon" if fault == last else "auto", **CHECKOUT)
        found = started(page)
        assert found["from"] == "scratch" and found["note"]["code"] == code, (fault, found)
        progress_rises(page)
        run = call(page, "start", "checkout", [order(f"D-{number}", **QUICK)])["id"]
        assert call(page, "result", run)["status"] == "shipped"
        if fault == last:
            kept(page)  # a new one
        page.close()
    page = open_weft(chrome, server.url, **SOON, **CHECKOUT_ALONE)
    assert started(page) == {"from": "snapshot", "note": None}
    effects = sum(len(shipped_once(server, f"D-{number}")) for number in range(len(faults)))
    told("snapshots that do not fit", faults=len(faults), kinds=list(faults), effects=effects)


def test_a_page_may_do_without_a_snapshot(chrome: Browser, server: Server) -> None:
    page = open_weft(chrome, server.url, snapshot="off", **CHECKOUT_ALONE)
    assert page.evaluate("weft.status.snapshot") == "off" and page.evaluate(KEPT) == []
