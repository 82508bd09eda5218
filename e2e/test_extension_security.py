"""Nobody but the extension's own pages gives it orders: no web page, no other extension, hardly its content scripts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Playwright

from e2e.harness.extension import ExtensionBrowser, settings, wait
from e2e.harness.hook import Hook
from e2e.harness.report import told

ORDERS: list[Any] = [
    {"t": "clip-link", "url": "http://127.0.0.1/stolen"}, {"t": "clip-tab"}, {"t": "ensure"},
    {"t": "park", "next": None}, {"t": "counts", "waiting": 99, "running": 99},
    {"t": "__proto__"}, {"t": "constructor"}, {"t": "toString"},
    {"t": ["clip"]}, {"t": None}, {}, "ensure", 7, None, {"t": "x" * 1_000_000},
]  # fmt: skip

FROM_A_PAGE = """async (id) => {
  const tried = {};
  const tell = async (name, work) => {
    tried[name] = await work().then((found) => `got ${JSON.stringify(found ?? null).slice(0, 80)}`, () => "nothing");
  };
  const base = `chrome-extension://${id}/`;
  await tell("runtime", async () => chrome.runtime.sendMessage(id, { t: "ensure" }));
  await tell("port", async () => chrome.runtime.connect(id, { name: "weft-store" }));
  for (const file of ["pages/popup.html", "manifest.json", "weft/client.mjs", "clip.py"])
    await tell(file, async () => (await fetch(base + file)).text());
  await tell("module", async () => Object.keys(await import(`${base}weft/client.mjs`)));
  await tell("frame", () => new Promise((resolve, reject) => {
    const frame = document.createElement("iframe");
    frame.src = `${base}pages/popup.html`;
    frame.onload = () => {
      // A frame that may not be shown has an error page in it, of an origin of its own: neither can be read.
      try { resolve(frame.contentDocument?.title ?? reject()); } catch { reject(); }
    };
    document.body.append(frame);
  }));
  for (const message of [{ v: 3, t: "hello" }, { t: "clip-link", url: "http://127.0.0.1/stolen" }]) {
    postMessage(message, "*");
    new BroadcastChannel("weft:clips").postMessage(message);
  }
  return tried;
}"""
FROM_AN_EXTENSION = """async ([id, orders]) => {
  const heard = [];
  for (const order of orders)
    heard.push(await chrome.runtime.sendMessage(id, order).then((found) => found ?? "answered", () => "nobody"));
  const port = chrome.runtime.connect(id, { name: "weft-store" });
  heard.push(await new Promise((resolve) => {
    port.onDisconnect.addListener(() => resolve("nobody"));
    port.onMessage.addListener(() => resolve("answered"));
    port.postMessage({ id: 1 });
  }));
  return heard;
}"""
FROM_A_CONTENT_SCRIPT = """async ([tabId, orders]) => (await chrome.scripting.executeScript({
  target: { tabId }, args: [JSON.stringify(orders)],
  func: async (orders) => {
    const heard = [];
    for (const order of JSON.parse(orders)) heard.push(await chrome.runtime.sendMessage(order).catch(String));
    return heard;
  },
}))[0].result"""


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    """Another extension, with every permission that matters here."""
    folder = tmp_path / "stranger"
    folder.mkdir()
    manifest = {
        "manifest_version": 3, "name": "Stranger", "version": "1", "permissions": ["scripting", "storage", "tabs"],
        "host_permissions": ["<all_urls>"], "background": {"service_worker": "sw.js"},
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "sw.js").write_text("")
    (folder / "page.html").write_text("<!doctype html><title>Stranger</title>")
    return folder


@pytest.fixture
def beside_a_stranger(
    playwright: Playwright, chromium: str, tmp_path: Path, extension: Path, known_extension: Path, stranger: Path
) -> Iterator[ExtensionBrowser]:
    profile = shutil.copytree(known_extension, tmp_path / "profile", symlinks=True)
    browser = ExtensionBrowser(playwright, chromium, profile, extension, stranger)
    browser.launch()
    yield browser
    browser.close()


def nothing_was_clipped(options: Page) -> None:
    left = options.evaluate("import('/weft/left_calls.mjs').then(({ left }) => left('clips'))")
    assert left == 0


def test_a_web_page_and_another_extension_get_nothing(beside_a_stranger: ExtensionBrowser, hook: Hook) -> None:
    """CWE-346. There is no externally_connectable, no onMessageExternal and no web_accessible_resources."""
    browser = beside_a_stranger
    options = browser.open("pages/options.html")
    settings(options, webhook=f"{hook.url}hook", review=False)
    page = browser.tab(hook.article(1))
    tried = page.evaluate(FROM_A_PAGE, browser.id)
    assert len(tried) == 8 and set(tried.values()) == {"nothing"}, tried

    other = browser.tab(f"chrome-extension://{browser.stranger_id()}/page.html")
    heard = other.evaluate(FROM_AN_EXTENSION, [browser.id, ORDERS])
    assert heard == ["nobody"] * (len(ORDERS) + 1), heard
    nothing_was_clipped(options)
    assert not hook.deliveries and not hook.fetched["/stolen"]
    told("strangers", faults=len(tried) + len(heard), effects=0)


def test_a_content_script_may_begin_a_clip_of_its_own_page_and_nothing_else(
    clipper: ExtensionBrowser, hook: Hook
) -> None:
    """A page can deceive a script that runs in it, so that script is believed no more than the page."""
    options = clipper.open("pages/options.html")
    settings(options, webhook=f"{hook.url}hook", review=False)
    clipper.tab(hook.article(2))
    tab = clipper.tab_id(options, hook.article(2))
    heard = options.evaluate(FROM_A_CONTENT_SCRIPT, [tab, ORDERS])
    assert [answer["error"]["code"] for answer in heard] == ["MessageRefusedError"] * len(ORDERS), heard

    page = {"title": "<b>Forged</b>", "html": "<p>weaving weaving</p>"}
    forged = {"t": "clip", "url": "http://127.0.0.1/stolen", "webhook": "http://127.0.0.1/stolen", **page}
    run = options.evaluate(FROM_A_CONTENT_SCRIPT, [tab, [forged]])[0]["ok"]
    body = hook.delivered(options, run)
    assert body["url"] == hook.article(2) and body["title"] == "<b>Forged</b>" and body["tags"] == ["weaving"]

    clipper.tab(hook.article(3))
    elsewhere = clipper.tab_id(options, hook.article(3))
    about = {"t": "clip-state", "id": run}
    told_of = lambda: options.evaluate(FROM_A_CONTENT_SCRIPT, [tab, [about]])  # noqa: E731
    wait(options, lambda: told_of() == [{"ok": {"state": "delivered"}}], "the clip's own page is told of it")
    assert options.evaluate(FROM_A_CONTENT_SCRIPT, [elsewhere, [about]]) == [{"ok": None}], "it is another page's"
    told("a deceived content script", faults=len(ORDERS) + 1, effects=1)


def test_what_is_no_web_page_is_not_clipped(clipper: ExtensionBrowser) -> None:
    options = clipper.open("pages/options.html")
    for url in ("file:///etc/passwd", "javascript:alert(1)", "chrome://settings", "data:text/html,x", "no address"):
        answer = options.evaluate("(message) => chrome.runtime.sendMessage(message)", {"t": "clip-link", "url": url})
        assert answer["error"]["code"] == "TypeError", (url, answer)
    nothing_was_clipped(options)
