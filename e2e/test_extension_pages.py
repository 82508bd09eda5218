"""The popup and the options page of the extension, as a person uses them: by keyboard, in the dark, over a restart."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from e2e.harness.extension import ExtensionBrowser, say, settings, wait
from e2e.harness.hook import Hook
from e2e.harness.looks import seemly
from e2e.harness.npm import run
from e2e.harness.report import told

BOOT_MS = 40_000
MARKUP = '<img src=x onerror="globalThis.injected = true">'
BADGE = "Promise.all([chrome.action.getBadgeText({}), chrome.action.getTitle({})])"
LOOKED_AT = "import('/engine/looking.mjs').then(({ isLookedAt }) => isLookedAt())"
TABS_AT_MOST = 30


def popup_over(clipper: ExtensionBrowser, options: Page, address: str) -> Page:
    """The popup as it is over a tab with that address."""
    clipper.tab(address)
    return clipper.open(f"pages/popup.html?tab={clipper.tab_id(options, address)}")


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until ``wanted`` has the focus."""
    for _ in range(TABS_AT_MOST):
        page.keyboard.press("Tab")
        if wanted.evaluate("(element) => element.getRootNode().activeElement === element"):
            return
    raise AssertionError(f"the keyboard does not reach {wanted}")


def expect_badge(page: Page, text: str, title: str) -> None:
    """The button of the extension says so, soon."""
    wait(page, lambda: page.evaluate(BADGE) == [text, title], f"the badge says {[text, title]}")


def test_a_page_is_clipped_approved_and_delivered_with_the_keyboard_alone(
    clipper: ExtensionBrowser, hook: Hook
) -> None:
    options = clipper.open("pages/options.html")
    settings(options, webhook=f"{hook.url}hook", review=True)
    popup = popup_over(clipper, options, hook.article(1))
    clip = popup.get_by_role("button", name="Clip this page")
    expect(clip).to_be_enabled()
    tab_to(popup, clip)
    popup.keyboard.press("Enter")
    expect(popup.get_by_text("Saved. The rest happens by itself")).to_be_visible()

    expect(popup.get_by_role("heading", name="Waiting for you")).to_be_visible(timeout=BOOT_MS)
    ask = popup.locator(".ask")
    expect(ask).to_contain_text("A loom holds threads")
    expect(ask.get_by_role("list", name="Tags")).to_contain_text("shuttle")
    expect_badge(popup, "1", "Clip later: 1 waits for you")
    assert hook.deliveries == {}
    tab_to(popup, popup.get_by_label("Note on Looms, part 1"))
    popup.keyboard.type("worth it")
    tab_to(popup, popup.get_by_role("button", name="Approve: Looms, part 1"))
    popup.keyboard.press("Enter")

    expect(popup.locator("#said")).to_have_text("Approved: Looms, part 1")
    expect(popup.locator(".clip")).to_contain_text("delivered", timeout=BOOT_MS)
    assert popup.evaluate("document.activeElement.id") == "clips-title", "the focus goes on where the card was"
    (run_id,) = hook.bodies
    assert list(hook.deliveries.values()) == [1]
    expect_badge(popup, "", "Clip later")
    expect(popup.locator("#status")).to_contain_text("Engine is running")
    told("approved in the popup", run=run_id, effects=sum(hook.deliveries.values()))


def test_a_decision_counts_though_the_popup_is_closed_at_once_and_no_engine_runs(
    clipper: ExtensionBrowser, hook: Hook
) -> None:
    """What a page says of itself is text in the popup, never markup."""
    options = clipper.open("pages/options.html")
    settings(options, webhook=f"{hook.url}hook", review=True)
    clipper.tab(hook.article(2)).evaluate(
        "(text) => { document.title = text; document.querySelector('h1').textContent = text }", MARKUP
    )
    run_id = say(options, {"t": "clip-tab", "tabId": clipper.tab_id(options, hook.article(2))})
    popup = clipper.open("pages/popup.html")
    reject = popup.get_by_role("button", name=f"Reject: {MARKUP}")
    expect(reject).to_be_visible(timeout=BOOT_MS)
    assert popup.evaluate("globalThis.injected") is None
    popup.get_by_label("Note on").fill("not today")
    options.evaluate("chrome.offscreen.closeDocument()")
    reject.press("Enter")
    expect(popup.locator("#said")).to_have_text(f"Rejected: {MARKUP}")
    popup.close()

    again = clipper.open("pages/popup.html")
    expect(again.locator(".clip")).to_contain_text("rejected", timeout=BOOT_MS)
    result = options.evaluate(
        "async (id) => (await import('/weft/connection.mjs')).connect({name: 'clips'}).result(id)", run_id
    )
    assert (result["status"], result["comment"]) == ("rejected", "not today")
    assert hook.deliveries == {}


def test_settings_and_clips_survive_a_restart_and_all_of_it_is_a_file_that_weft_imports(
    clipper: ExtensionBrowser, hook: Hook, tmp_path: Path
) -> None:
    options = clipper.open("pages/options.html")
    webhook = options.get_by_label("Deliver clips to")
    expect(options.get_by_label("Ask me before a clip is delivered")).to_be_checked()
    webhook.fill("nowhere at all")
    webhook.press("Enter")
    expect(webhook).to_have_attribute("aria-invalid", "true")
    expect(webhook).to_be_focused()
    expect(options.locator("#webhook-error")).to_contain_text("begins with https://")
    webhook.fill(f"{hook.url}hook")
    tab_to(options, options.get_by_label("Ask me before a clip is delivered"))
    options.keyboard.press("Space")
    tab_to(options, options.get_by_role("button", name="Save"))
    options.keyboard.press("Enter")
    expect(options.locator("#saved")).to_contain_text("Saved.")
    say(options, {"t": "clip-link", "url": hook.article(3)})
    panel = options.locator("weft-panel")
    expect(panel.get_by_role("button", name="Looms, part 3")).to_contain_text("done", timeout=BOOT_MS)

    with options.expect_download() as begun:
        options.get_by_role("button", name="Export").press("Enter")
    backup = tmp_path / begun.value.suggested_filename
    begun.value.save_as(backup)
    expect(options.locator("#backup")).to_contain_text("nothing has changed since")
    run("weft", "import", str(backup), "--storage", "clips.db", cwd=tmp_path)
    assert "Looms, part 3" in run("weft", "ls", "--db", "clips.db", "--json", cwd=tmp_path)

    clipper.close()
    clipper.launch()
    options = clipper.open("pages/options.html")
    expect(options.get_by_label("Deliver clips to")).to_have_value(f"{hook.url}hook")
    expect(options.get_by_label("Ask me before a clip is delivered")).not_to_be_checked()
    panel = options.locator("weft-panel")
    expect(panel.get_by_role("button", name="Looms, part 3")).to_contain_text("done", timeout=BOOT_MS)
    for answer, outcome in (("Keep what is here", "Nothing was changed."), ("Replace it", "Imported clips-")):
        options.locator("#file").set_input_files(backup)
        dialog = options.get_by_role("dialog", name="Replace what is here?")
        dialog.get_by_role("button", name=answer).press("Enter")
        expect(options.locator("#moved")).to_contain_text(outcome, timeout=BOOT_MS)
    expect(panel.get_by_role("button", name="Looms, part 3")).to_contain_text("done")

    options.get_by_label("browser.storage").press("Space")
    options.get_by_role("button", name="Save").press("Enter")
    expect(panel.get_by_text("No runs here.")).to_be_visible(timeout=BOOT_MS)
    expect(panel.locator("dd").first).to_have_text("relaxed")
    say(options, {"t": "clip-link", "url": hook.article(4)})
    expect(panel.get_by_role("button", name="Looms, part 4")).to_contain_text("done", timeout=BOOT_MS)
    options.get_by_label("IndexedDB").press("Space")
    options.get_by_role("button", name="Save").press("Enter")
    expect(panel.get_by_role("button", name="Looms, part 3")).to_contain_text("done", timeout=BOOT_MS)
    expect(panel.locator("dd")).to_have_text(["strict", "yes", re.compile(" of "), "online"])
    told("settings and a backup", shutdowns=1, moves=2, effects=sum(hook.deliveries.values()))


def test_the_pages_are_seemly_in_light_and_dark_and_narrow(
    clipper: ExtensionBrowser, hook: Hook, tmp_path: Path
) -> None:
    options = clipper.open("pages/options.html")
    settings(options, webhook=f"{hook.url}hook", review=True)
    for number in (1, 2, 3):
        say(options, {"t": "clip-link", "url": hook.article(number)})
    say(options, {"t": "clip-link", "url": "http://127.0.0.1:9/nobody"})
    panel = options.locator("weft-panel")
    expect(panel.get_by_text("waits for a decision: clip")).to_have_count(3, timeout=BOOT_MS)
    panel.get_by_role("button", name="Looms, part 1").click()
    expect(panel.get_by_role("region", name="Where the code stands")).to_contain_text("ctx.review(")
    popup = clipper.open("pages/popup.html")
    expect(popup.get_by_role("button", name="Show 1 more")).to_be_visible(timeout=BOOT_MS)
    expect(popup.locator(".clip", has_text="nobody")).to_contain_text("tries again", timeout=BOOT_MS)
    texts = 0
    for scheme in ("light", "dark"):
        for page, widths in ((popup, (400, 320)), (options, (1280, 400))):
            page.bring_to_front()  # one that is behind draws a frame a second
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            for width in widths:
                page.set_viewport_size({"width": width, "height": 600})
                texts += seemly(page)
                page.screenshot(path=tmp_path / f"{page.title()[:12]}-{scheme}-{width}.png", full_page=True)
    assert popup.evaluate(LOOKED_AT), "an engine stays while a page is in view"
    popup.get_by_role("button", name="Show 1 more").press("Enter")
    expect(popup.locator(".ask")).to_have_count(3)
    assert not [line for line in clipper.console if "Content Security Policy" in line]
    for page in (popup, options):
        page.close()
    blank = clipper.open("blank.html")
    wait(blank, lambda: not blank.evaluate(LOOKED_AT), "the browser gives back the locks of pages that are closed")
    told("looks", screenshots=str(tmp_path), texts=texts)
