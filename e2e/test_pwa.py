"""The demo can be installed as an app: what the browser itself says of it, by its debugging protocol."""

from __future__ import annotations

import json

from playwright.sync_api import expect

from e2e.harness.browser import Browser
from e2e.harness.report import told
from e2e.harness.server import Server

BOOT_MS = 40_000


def test_chromium_finds_nothing_that_keeps_the_demo_from_being_installed_and_offers_it(
    chrome: Browser, server: Server
) -> None:
    """Installed apps are evicted last, and on iOS they are the only ones with push (FIELD.md, pain 9: aib-wind #3)."""
    page = chrome.tab(server.url)
    expect(page.locator("#place")).to_be_enabled(timeout=BOOT_MS)
    assert chrome.context is not None
    session = chrome.context.new_cdp_session(page)
    found = session.send("Page.getAppManifest")
    assert found["errors"] == []
    manifest = json.loads(found["data"])
    assert manifest["display"] == "standalone"
    for icon in manifest["icons"]:
        width, height = page.evaluate(SIZE, icon["src"])
        assert icon["sizes"] in ("any", f"{width}x{height}"), icon

    page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    assert session.send("Page.getInstallabilityErrors")["installabilityErrors"] == []
    told("installable", manifest_errors=0, installability_errors=0, icons=len(manifest["icons"]))


SIZE = """async (source) => {
  const image = new Image();
  image.src = source;
  await image.decode();
  return [image.naturalWidth, image.naturalHeight];
}"""


def test_the_button_is_there_only_while_the_browser_would_install_and_asks_it_when_it_is_pressed(
    chrome: Browser, server: Server
) -> None:
    """Whether and when Chromium makes its offer is up to it, so the page is given one: an event of that type."""
    page = chrome.tab(server.url)
    expect(page.locator("#place")).to_be_enabled(timeout=BOOT_MS)
    button = page.get_by_role("button", name="Install")
    page.evaluate("""() => {
      globalThis.asked = 0;
      const offer = new Event("beforeinstallprompt", { cancelable: true });
      offer.prompt = async () => void asked++;
      dispatchEvent(offer);
      globalThis.banner = !offer.defaultPrevented;
    }""")
    expect(button).to_be_visible()
    assert page.evaluate("banner") is False, "the browser's own banner does not come in between"
    button.click()
    expect(button).to_be_hidden()
    assert page.evaluate("asked") == 1
