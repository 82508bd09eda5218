"""The element <weft-panel>, used as a person uses it: with a mouse, with a keyboard, on a phone, in the dark."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from e2e.harness.browser import Browser
from e2e.harness.editions import publish
from e2e.harness.pages import call
from e2e.harness.report import told
from e2e.harness.server import Server
from weft_browser.build import build

STILL_MOVING = """async () => {
  const moving = () => document.querySelector("weft-panel").shadowRoot.getAnimations({subtree: true}).length;
  for (let frame = 0; moving() && frame < 60; frame++) await new Promise(requestAnimationFrame);
  return moving();
}"""
"""After the frames in which what was moving before may end."""

HERE = Path(__file__).resolve().parent / "panel_site"
BOOT_MS = 40_000
MARKUP = '<img src=x onerror="globalThis.injected = true"><script>globalThis.injected = true</script>'


@pytest.fixture(scope="module")
def panel_site(built_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    return built_once("panel", lambda out: build(out, page=HERE, workflows=[HERE / "purchase.py"]))


@pytest.fixture
def served(panel_site: Path, tmp_path: Path) -> Iterator[Server]:
    """Of a copy, where another build may be published."""
    publish(panel_site, tmp_path / "www")
    server = Server(tmp_path / "www", tmp_path / "shop.jsonl").start()
    yield server
    server.stop()


@pytest.fixture
def panel(chrome: Browser, served: Server) -> Iterator[Page]:
    """A page of which the panel is all there is, with an engine that runs. The policy is the strict one of the demo."""
    page = chrome.tab(served.url)
    expect(page.get_by_role("heading", name="Engine running here")).to_be_visible(timeout=BOOT_MS)
    yield page
    assert not [line for line in chrome.console if line.startswith("error")], chrome.console


def line(page: Page, run: str) -> object:
    return page.get_by_role("button", name=run)


def test_a_run_is_opened_decided_and_watched_to_its_end_with_the_keyboard_alone(panel: Page) -> None:
    call(panel, "start", "purchase", [{"item": "a loom", "note": "soon"}], {"id": "p-1"})
    button = panel.get_by_role("button", name="p-1")
    expect(button).to_contain_text("waits for a decision: purchase")
    button.focus()
    panel.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(panel.get_by_role("region", name="Timeline")).to_contain_text("2 attempts")
    code = panel.get_by_role("region", name="Where the code stands")
    expect(code).to_contain_text("decided = await ctx.review(")
    expect(code.get_by_role("row", name="note")).to_contain_text("'soon'")

    approve = panel.get_by_role("group", name="Review: purchase").get_by_role("button", name="Approve")
    expect(approve).to_be_visible()
    for _ in range(6):  # the line, what is to be decided, and then the button
        panel.keyboard.press("Tab")
        if approve.evaluate("(button) => button.getRootNode().activeElement === button"):
            break
    panel.keyboard.press("Enter")
    expect(panel.get_by_role("region", name="Timeline")).to_contain_text("Approved by Ada")
    expect(panel.get_by_role("region", name="Timeline")).to_contain_text("Waiting for “delivered”")
    call(panel, "signal", "p-1", "delivered", "today")
    expect(panel.get_by_role("region", name="Where the code stands")).to_contain_text('"arrived": "today"')
    expect(button).to_contain_text("done")
    assert call(panel, "describe", "p-1")["result"]["status"] == "delivered"


def test_runs_are_filtered_cancelled_and_rejected(panel: Page) -> None:
    for name in ("c-1", "r-1"):
        call(panel, "start", "purchase", [{"item": "yarn", "note": ""}], {"id": name})
    call(panel, "start", "doomed", [], {"id": "d-1"})
    panel.get_by_role("button", name="c-1").click()
    panel.get_by_role("button", name="Cancel", exact=True).click()
    expect(panel.get_by_role("button", name="c-1")).to_contain_text("cancelled")
    panel.get_by_role("button", name="r-1").click()
    panel.get_by_role("button", name="Reject").click()
    expect(panel.get_by_role("region", name="Where the code stands")).to_contain_text('"status": "rejected"')

    panel.get_by_role("combobox", name="Which runs").select_option("Failed")
    expect(panel.locator(".run")).to_have_count(2)
    expect(panel.get_by_role("button", name="d-1")).to_contain_text("it is beyond repair")
    panel.get_by_role("combobox", name="Which runs").select_option("Under way")
    expect(panel.get_by_text("No runs here.")).to_be_visible()


NEVER_TAKES_OVER = """() => {
  const post = ServiceWorker.prototype.postMessage;
  ServiceWorker.prototype.postMessage = function (message, ...more) {
    if (message.t !== "activate") post.call(this, message, ...more);
  };
  globalThis.neverMind = () => void (ServiceWorker.prototype.postMessage = post);
}"""
"""The new service worker is not asked to take over: as one that does not."""

EXCHANGE = """(kept) => new Promise((resolve, reject) => {
  const opening = indexedDB.open("weft:panel");
  opening.onsuccess = () => {
    const tx = opening.result.transaction("data", "readwrite");
    const key = new TextEncoder().encode("ckpt/t-1");
    const read = tx.objectStore("data").get(key);
    read.onsuccess = () => {
      const found = [...new Uint8Array(read.result)];
      const bytes = kept ?? found.map((byte, i) => (i === 20 ? byte ^ 0xff : byte));
      tx.objectStore("data").put(Uint8Array.from(bytes).buffer, key);
      tx.oncomplete = () => resolve(found);
    };
    tx.onabort = () => reject(tx.error);
  };
})"""


def test_a_run_is_resumed_and_one_that_could_not_be_read_is_tried_again(chrome: Browser, panel: Page) -> None:
    call(panel, "start", "purchase", [{"item": "wool", "note": ""}], {"id": "t-1"})
    button = panel.get_by_role("button", name="t-1")
    expect(button).to_contain_text("waits for a decision: purchase")
    button.click()
    call(panel, "suspend", "t-1", "to look at it")
    panel.get_by_role("button", name="Resume").click()
    expect(panel.get_by_role("button", name="Resume")).to_have_count(0)
    assert call(panel, "describe", "t-1")["status"] == "running"

    call(panel, "close")
    kept = panel.evaluate(EXCHANGE, None)
    panel.reload()
    button.click(timeout=BOOT_MS)
    call(panel, "signal", "t-1", "delivered", "today")  # what is said to it finds the damage
    again = panel.get_by_role("button", name="Try again")
    again.click()
    expect(panel.get_by_role("alert")).not_to_be_empty()
    assert call(panel, "describe", "t-1")["status"] == "dead"
    panel.evaluate(EXCHANGE, kept)
    again.click()
    expect(again).to_have_count(0)
    panel.get_by_role("button", name="Approve").click()
    expect(panel.get_by_role("region", name="Where the code stands")).to_contain_text('"arrived": "today"')


def test_markup_in_a_workflow_s_data_is_text_wherever_it_is_shown(panel: Page) -> None:
    identity = "<b>bold"
    call(panel, "start", "purchase", [{"item": MARKUP, "note": MARKUP}], {"id": identity})
    button = panel.get_by_role("button", name=identity)
    button.click()
    expect(panel.get_by_role("region", name="Timeline")).to_contain_text("onerror=")
    expect(panel.get_by_role("row", name="note")).to_contain_text("<script>")
    expect(panel.get_by_role("group", name="Review: purchase")).to_contain_text("<script>")
    panel.get_by_role("button", name="Approve").click()
    expect(panel.get_by_role("region", name="Timeline")).to_contain_text("Waiting for")
    call(panel, "signal", identity, "delivered", MARKUP)
    expect(panel.get_by_role("region", name="Where the code stands")).to_contain_text('"arrived": "<img')
    strange = "document.querySelector('weft-panel').shadowRoot.querySelectorAll('img, script, b:has(*)').length"
    assert panel.evaluate(strange) == 0
    assert panel.evaluate("globalThis.injected") is None


def test_a_new_build_is_offered_and_taken_and_one_that_cannot_be_taken_is_told(
    chrome: Browser, panel: Page, served: Server, tmp_path: Path
) -> None:
    call(panel, "start", "purchase", [{"item": "a loom", "note": ""}], {"id": "u-1"})
    expect(panel.get_by_role("button", name="u-1")).to_contain_text("waits for a decision: purchase")
    panel.evaluate("navigator.serviceWorker.ready")
    page, out = tmp_path / "page", tmp_path / "next"
    shutil.copytree(HERE, page)
    (page / "new.txt").write_text("only in the new build")
    build(out, page=page, workflows=[HERE / "purchase.py"])
    publish(out, served.folder)
    call(panel, "checkForUpdate")
    update = panel.get_by_role("button", name="Update now")
    expect(update).to_be_visible()

    panel.evaluate(NEVER_TAKES_OVER)
    update.click()
    expect(panel.get_by_text("Changing over to build")).to_be_visible()
    expect(panel.get_by_text("Not updated: ")).to_contain_text("did not take over; everything goes on", timeout=30_000)
    panel.evaluate("neverMind()")

    with panel.expect_navigation():
        update.click()
    expect(panel.get_by_role("heading", name="Engine running here")).to_be_visible(timeout=BOOT_MS)
    expect(update).to_have_count(0)
    assert panel.evaluate("fetch('new.txt').then((answer) => answer.text())") == "only in the new build"
    expect(panel.get_by_role("button", name="u-1")).to_contain_text("waits for a decision: purchase")


def test_it_fits_a_phone_follows_the_colour_scheme_and_leaves_no_tail_behind(panel: Page, tmp_path: Path) -> None:
    call(panel, "start", "purchase", [{"item": "a loom", "note": "x" * 200}], {"id": "a-rather-long-name-" + "0" * 60})
    panel.get_by_role("button", name="a-rather-long-name").click()
    expect(panel.get_by_role("region", name="Where the code stands")).to_contain_text("xxxx")
    backgrounds = set()
    for scheme in ("light", "dark"):
        panel.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for width in (360, 1280):
            panel.set_viewport_size({"width": width, "height": 900})
            assert panel.evaluate("document.documentElement.scrollWidth") <= width, "nothing sticks out"
            panel.screenshot(path=tmp_path / f"{scheme}-{width}.png", full_page=True)
        backgrounds.add(panel.evaluate("getComputedStyle(document.querySelector('weft-panel')).backgroundColor"))
    assert len(backgrounds) == 2, backgrounds
    assert panel.evaluate(STILL_MOVING) == 0, "reduced motion is asked for"

    assert panel.evaluate("tails") >= 2, "of the list, and of the run that is open"
    left = panel.evaluate("""async () => {
      document.querySelector("weft-panel").remove();
      const end = performance.now() + 30_000;
      while (tails && performance.now() < end) await new Promise((resolve) => setTimeout(resolve));
      return tails;
    }""")
    assert left == 0
    told("panel", screenshots=str(tmp_path), tails_left=left)
