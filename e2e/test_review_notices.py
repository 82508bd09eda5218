"""Reviews that a page asks for in notifications: each of them, whatever happens while one is shown."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

from e2e.harness.browser import Browser
from e2e.harness.pages import call, until
from e2e.harness.server import Server
from e2e.test_background import waiting_for_a_decision

MEANWHILE = """(body) => {  // while the first notification is shown, or right after that
  const registration = ServiceWorkerRegistration.prototype;
  const { showNotification } = registration;
  globalThis.weftTitles = [];
  registration.showNotification = async function (title, options) {
    weftTitles.push(options.tag);
    if (weftTitles.length === 1) await MEANWHILE(this, () => showNotification.call(this, title, options));
    else await showNotification.call(this, title, options);
  };
}"""
FORGET = """async (registration, show) => {
  await show();
  for (const shown of await registration.getNotifications()) shown.close();
}"""
ANOTHER = """async (registration, show) => {
  await weft.start("reviewed", ["R-5"], { id: "R-5" });
  await weftUntil(async () => (await weft.reviews()).items.length === 2, null, 30000);
  await show();
}"""
SHOWN = "return (await (await navigator.serviceWorker.ready).getNotifications()).map(({tag}) => tag)"


def notice_reviews(page: Page, meanwhile: str) -> None:
    page.evaluate(MEANWHILE.replace("MEANWHILE", f"({meanwhile})"))
    assert call(page, "noticeReviews", {"reviewer": "ann"}) == "granted"


def shown(page: Page, *reviews: dict[str, Any]) -> list[str]:
    tags = sorted(f"weft:{review['id']}" for review in reviews)
    until(page, f"const shown = async () => {{ {SHOWN} }}; return String((await shown()).sort()) === String(arg)", tags)
    found: list[str] = page.evaluate("weftTitles")
    return found


def test_a_notification_that_the_browser_forgets_at_once_is_shown_again(chrome: Browser, server: Server) -> None:
    """Chromium 156 does: its record is gone if it is asked what is shown at that moment, or has not quite started."""
    page, review = waiting_for_a_decision(chrome, server, "R-3")
    notice_reviews(page, FORGET)
    tags = shown(page, review)
    assert len(tags) >= 2 and set(tags) == {f"weft:{review['id']}"}


def test_a_review_that_is_asked_for_while_another_is_shown_is_shown_too(chrome: Browser, server: Server) -> None:
    page, first = waiting_for_a_decision(chrome, server, "R-4")
    notice_reviews(page, ANOTHER)
    until(page, "return (await weft.reviews()).items.length === 2")
    [second] = [review for review in call(page, "reviews")["items"] if review["id"] != first["id"]]
    assert set(shown(page, first, second)) == {f"weft:{first['id']}", f"weft:{second['id']}"}
