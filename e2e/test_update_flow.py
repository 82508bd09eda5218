"""An update of a site under running work: the user is asked, engines drain, tabs change over, old ones are heard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from e2e.harness.browser import Browser
from e2e.harness.editions import edition, one_version_behind, publish
from e2e.harness.pages import CHECKOUT, call, offline_ready, open_weft, order, until
from e2e.harness.report import attempts_of, shipped_once, told
from e2e.harness.server import Server

STORED = {"storage": "service-worker", **CHECKOUT}
BUILT = "import('./weft/build.mjs').then((found) => found.BUILD)"
SPEAKS = "import('./weft/protocol.mjs').then((found) => found.PROTOCOL)"
EDITION = "fetch('edition.txt').then((answer) => answer.text())"
POLICY = "fetch('weft/worker.mjs').then((answer) => answer.headers.get('content-security-policy'))"
WAITS = "return (await weft.describe(arg)).waiting_for.some((wait) => wait.kind === 'signal')"
ON_CHANNEL = """(message) => new Promise((resolve) => {
  const channel = new BroadcastChannel("weft:e2e");
  channel.onmessage = ({ data }) => data.v === message.v && data.t === "reply" && resolve(JSON.parse(data.text));
  channel.postMessage(message);
})"""
TO_WORKER = """(message) => new Promise(async (resolve) => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }) => resolve(data);
  (await navigator.serviceWorker.getRegistration()).active.postMessage(message, [port2]);
})"""
STORE_REQUEST = """(message) => new Promise(async (resolve) => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }) => "id" in data && resolve(data.error);
  (await navigator.serviceWorker.getRegistration()).active.postMessage({ v: 2, t: "store-port" }, [port2]);
  port1.postMessage(message);
})"""


@pytest.fixture
def published(tmp_path: Path) -> Iterator[tuple[Server, Path]]:
    """A server that serves build A, which speaks the protocol before; and build B, which is not published yet."""
    first, second = edition(tmp_path, "first"), edition(tmp_path, "second")
    one_version_behind(first)
    publish(first, tmp_path / "www")
    server = Server(tmp_path / "www", tmp_path / "shop.jsonl").start()
    yield server, second
    server.stop()


def accept(page: Page) -> None:
    """What a page does when its user says yes; returns when it has been reloaded and Weft is open again."""
    with page.expect_navigation():
        page.evaluate("void weftUpdate.apply()")
    page.evaluate("weftOpen")


@pytest.mark.scenario(13)
def test_an_update_drains_the_engine_and_an_old_tab_goes_on_by_the_protocol_before(
    chrome: Browser, published: tuple[Server, Path]
) -> None:
    """angular #46960, replicache #233, workbox #1995, quorum #216."""
    server, second = published
    page = open_weft(chrome, server.url, **STORED)
    offline_ready(page)
    old = open_weft(chrome, server.url, reload="none", **STORED)
    offline_ready(old)
    assert [tab.evaluate("weft.status.role") for tab in (page, old)] == ["leader", "follower"]
    before = page.evaluate(BUILT)
    waiting = call(page, "start", "checkout", [order("U-1")])["id"]
    until(page, WAITS, waiting)

    assert "connect-src" not in page.evaluate(POLICY)
    server.stop()
    server.connect = ("https://flows.example",)
    server.start()
    publish(second, server.folder)
    call(page, "checkForUpdate")
    for tab in (page, old):
        until(tab, "return weft.status.update?.state === 'available' && globalThis.weftUpdate")
    assert page.evaluate(BUILT) == before, "nobody was reloaded without being asked"

    server.weather(latency_ms=1_000)
    busy = call(page, "start", "checkout", [order("U-2", confirm=False, pause="100ms")])["id"]
    while not attempts_of(server, "U-2"):  # its first request has reached the shop
        page.evaluate("0")
    accept(page)
    server.weather(latency_ms=0)
    assert page.evaluate(BUILT) not in (before, "@WEFT_BUILD@")
    assert (page.evaluate(EDITION), old.evaluate(EDITION)) == ("second", "first")
    assert (page.evaluate(SPEAKS), old.evaluate(SPEAKS)) == (2, 1)
    assert "connect-src 'self' https://flows.example" in page.evaluate(POLICY), "of a worker that is the same as before"
    assert call(page, "result", busy)["status"] == "shipped"
    assert set(shipped_once(server, "U-2").values()) == {1}, "what was in flight was waited for, and not cut off"

    until(old, "return weft.status.role === 'follower' && weft.status.update.state === 'applied'")
    assert page.evaluate("weft.status.role") == "leader", "the new build leads"
    assert call(old, "describe", waiting)["status"] == "running", "the old tab is answered in its own version"
    seen = old.evaluate("weftEvents.length")
    call(old, "signal", waiting, "confirm", {"confirmed": True, "by": "a tab of the build before"})
    assert call(page, "result", waiting)["confirmed_by"] == "a tab of the build before"
    until(old, "return weftEvents.length > arg && weftEvents.at(-1).type === 'run_completed'", seen)

    page.close()  # now the old tab leads, and stores through the new service worker
    until(old, "return weft.status.role === 'leader' && weft.status.state === 'ready'")
    last = call(old, "start", "checkout", [order("U-3", confirm=False, pause="10ms")])["id"]
    assert call(old, "result", last)["status"] == "shipped"
    new = open_weft(chrome, server.url, **STORED)
    assert (new.evaluate(SPEAKS), new.evaluate("weft.status.role")) == (2, "follower"), "and a new tab follows it"
    assert call(new, "describe", last)["status"] == "completed"
    effects = [sum(shipped_once(server, name).values()) for name in ("U-1", "U-2", "U-3")]
    assert effects == [4, 4, 4]
    told("update under running work", faults=1, updates=1, tabs_left_behind=1, attempts_drained=1, effects=sum(effects))


DRAINS = """() => new Promise((resolve) => void navigator.locks.request("weft-update:/", () => {
  const site = new BroadcastChannel("weft-site:/");
  site.onmessage = ({ data }) => data.step === "drained" && resolve();
  site.postMessage({ v: 2, t: "update", step: "drain", build: "of-tomorrow", patience: 1, lock: "weft-update:/" });
  return new Promise(() => {});
}))"""


def test_a_tab_that_drained_goes_on_when_the_tab_that_applies_the_update_crashes(
    chrome: Browser, server: Server
) -> None:
    page = open_weft(chrome, server.url, **STORED)
    run = call(page, "start", "checkout", [order("U-4")])["id"]
    until(page, WAITS, run)
    offline_ready(page)
    applying = chrome.tab(f"{server.url}crashed.html")  # it says what a tab says that applies an update
    applying.evaluate(DRAINS)
    assert page.evaluate("weft.status.update.state") == "applying"
    chrome.crash(applying)
    call(page, "signal", run, "confirm", {"confirmed": True, "by": "me"})
    assert call(page, "result", run)["status"] == "shipped"
    assert page.evaluate("weft.status.update.state") == "available"
    assert set(shipped_once(server, "U-4").values()) == {1}


def test_who_is_older_than_the_protocol_before_is_told_to_reload(chrome: Browser, server: Server) -> None:
    page = open_weft(chrome, server.url, **STORED)
    offline_ready(page)
    question = {"v": 0, "t": "call", "from": "an ancient tab", "id": 1, "method": "workflows", "params": "{}"}
    error = page.evaluate(ON_CHANNEL, question)["error"]
    assert (error["code"], error["facts"]) == ("ProtocolMismatchError", {"asked": 0, "speaks": [1, 2]})
    assert error["message"].endswith("reload the page")
    refused = page.evaluate(TO_WORKER, {"v": 0, "t": "store-port"})["error"]
    assert refused["code"] == "ProtocolMismatchError"
    assert "reload the page" in page.evaluate(STORE_REQUEST, {"v": 0, "id": 7})
    assert page.evaluate(ON_CHANNEL, {**question, "v": 1})["ok"], "the version before is answered"
