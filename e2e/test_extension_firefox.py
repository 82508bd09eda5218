"""The extension in Firefox, whose event page has the engine itself: the browser ends it soon, working or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.harness.engines import FIREFOX
from e2e.harness.extension_firefox import ExtensionFirefox
from e2e.harness.hook import Hook
from e2e.harness.report import told

WITNESSED = "async () => (await (await caches.open('weft-witness')).keys()).length"
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def firefox_extension(built_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """The extension for Firefox."""
    from weft_browser.extension import build_extension

    source = ROOT / "web_extension"
    return built_once("extension-firefox", lambda out: build_extension(out, source=source, browser="firefox"))


@pytest.fixture
def clipper_with(
    firefox: str, firefox_extension: Path, tmp_path: Path, hook: Hook
) -> Iterator[Callable[..., ExtensionFirefox]]:
    """Launch a Firefox with the extension in it, which delivers to the hook; given are preferences."""
    browsers: list[ExtensionFirefox] = []

    def launch(**preferences: Any) -> ExtensionFirefox:
        browser = ExtensionFirefox(firefox, tmp_path / "firefox", firefox_extension, **preferences)
        browsers.append(browser)
        browser.launch().open("pages/options.html")
        browser.settings(webhook=f"{hook.url}hook", review=False)
        return browser

    yield launch
    for browser in browsers:
        browser.close()


def delivered(browser: ExtensionFirefox, hook: Hook, *runs: str) -> None:
    browser.until(lambda: set(runs) <= set(hook.bodies), f"{runs} are not delivered: {list(hook.bodies)}")


def test_a_page_is_clipped_from_the_context_menu_in_firefox(
    clipper_with: Callable[..., ExtensionFirefox], hook: Hook
) -> None:
    browser = clipper_with()
    browser.tab(hook.article(1))
    browser.clip_from_menu("Clip this page later")
    browser.until(lambda: hook.bodies, "no clip is delivered")
    [body] = hook.bodies.values()
    assert body["title"] == "Looms, part 1" and set(body["tags"]) >= {"threads", "shuttle", "loom"}, body
    assert "Home About" not in body["text"] and list(hook.deliveries.values()) == [1]
    browser.open("pages/options.html")
    browser.until(lambda: browser.evaluate(WITNESSED) == 1, "the store has no witness")
    browser.until(lambda: browser.evaluate("async () => navigator.storage.persisted()"), "the store may be evicted")


@pytest.mark.scenario(18, engines=[FIREFOX])
def test_a_firefox_that_is_killed_goes_on_with_the_clips_when_it_is_started_and_no_page_is_opened(
    clipper_with: Callable[..., ExtensionFirefox], hook: Hook
) -> None:
    """Firefox forgets alarms when it ends (mdn/content #41000), and the menus of an extension if it is killed soon."""
    browser = clipper_with()
    hook.away = True
    runs = []
    for number in range(4):
        runs.append(browser.say({"t": "clip-link", "url": hook.article(number)}))
        if number % 2:
            browser.until(lambda: hook.asked(number), "the article is not asked for")
        assert browser.kill() > 1
        hook.away = number < 3
        browser.launch()
        if number < 3:
            browser.open("pages/options.html")
    delivered(browser, hook, *runs)
    browser.tab(hook.article(9))
    browser.clip_from_menu("Clip this page later")
    browser.until(lambda: len(hook.bodies) == 5, "the menu does not clip")
    assert list(hook.deliveries.values()) == [1] * 5
    told("Firefox with an extension is killed", faults=4, effects=5)


def test_runs_in_browser_storage_survive_a_kill_of_firefox(
    clipper_with: Callable[..., ExtensionFirefox], hook: Hook
) -> None:
    """It keeps more than JSON there, other than Chromium; what is written is the same."""
    browser = clipper_with()
    browser.use_browser_storage(webhook=f"{hook.url}hook", review=False)
    hook.away = True
    run = browser.say({"t": "clip-link", "url": hook.article(1)})
    browser.until(lambda: hook.asked(1), "the article is not asked for")
    assert browser.kill() > 1
    hook.away = False
    browser.launch()
    delivered(browser, hook, run)
    browser.open("pages/options.html")
    assert any(run in key for key in browser.evaluate("async () => Object.keys(await browser.storage.local.get())"))
    assert list(hook.deliveries.values()) == [1]


def test_an_event_page_that_is_ended_while_a_clip_is_delivered_comes_back_by_its_alarm(
    clipper_with: Callable[..., ExtensionFirefox], hook: Hook
) -> None:
    """Nothing keeps it alive (developer.chrome.com PR #7792); the request that was cut off is made again."""
    browser = clipper_with()
    hook.answers.clear()
    run = browser.say({"t": "clip-link", "url": hook.article(1)})
    browser.tab("about:blank")  # a page of the extension that is looked at would have it back at once
    delivered(browser, hook, run)
    browser.end_background()
    hook.answers.set()
    [(name, seconds)] = browser.bring_alarms_forward()
    assert name == "weft" and 0 < seconds <= 60
    browser.until(lambda: sum(hook.deliveries.values()) == 2, "the clip is not delivered again")
    assert len(hook.deliveries) == 1 and hook.asked(1) == 1, (hook.deliveries, hook.fetched)


def test_an_extension_that_is_switched_off_and_on_again_goes_on(
    clipper_with: Callable[..., ExtensionFirefox], hook: Hook
) -> None:
    """Its alarms are gone then, and no event tells it (joe-links #209): its background looks whenever it starts."""
    browser = clipper_with()
    hook.away = True
    run = browser.say({"t": "clip-link", "url": hook.article(1)})
    browser.until(lambda: hook.asked(1), "the article is not asked for")
    browser.addon("disable")
    hook.away = False
    browser.addon("enable")
    delivered(browser, hook, run)
    assert list(hook.deliveries.values()) == [1]


def test_a_clip_waits_for_the_permission_for_web_sites_which_the_options_page_asks_for(
    clipper_with: Callable[..., ExtensionFirefox], hook: Hook
) -> None:
    """Firefox grants it with the installation since its version 127; it can be taken away again in about:addons."""
    browser = clipper_with()
    browser.grant(False)
    browser.tab(hook.article(2))
    browser.clip_from_menu("Clip this page later")  # reads the tab all the same: it was asked to
    browser.open("pages/options.html")
    browser.until(lambda: browser.evaluate("async () => !document.getElementById('hosts').hidden"), "nothing is said")
    run = browser.say({"t": "clip-link", "url": hook.article(1)})
    browser.until(lambda: hook.asked(1), "the article is not asked for")
    browser.click("#allow")
    browser.allow()
    delivered(browser, hook, run)
    browser.until(lambda: len(hook.bodies) == 2, "the page is not delivered")
    browser.until(lambda: browser.evaluate("async () => document.getElementById('hosts').hidden"), "it is said still")
    assert list(hook.deliveries.values()) == [1, 1] and hook.asked(2) == 1, (hook.deliveries, hook.fetched)


POPUP_SHOWS = """async (text) => {
  const badge = await Promise.all([browser.action.getBadgeText({}), browser.action.getTitle({})]);
  return document.body.innerText.includes(text) ? badge : null;
}"""


def test_a_clip_is_approved_in_the_popup_in_firefox_and_the_badge_tells(
    clipper_with: Callable[..., ExtensionFirefox], hook: Hook
) -> None:
    browser = clipper_with()
    browser.settings(webhook=f"{hook.url}hook", review=True)
    run = browser.say({"t": "clip-link", "url": hook.article(2)})
    browser.open("pages/popup.html")
    badge = ["1", "Clip later: 1 waits for you"]
    browser.until(lambda: browser.evaluate(POPUP_SHOWS, "Waiting for you") == badge, "nothing waits")
    browser.end_background()
    browser.click(".ask .primary")
    delivered(browser, hook, run)
    browser.until(lambda: browser.evaluate(POPUP_SHOWS, "delivered") == ["", "Clip later"], "the badge still counts")
    told("approved in Firefox", faults=1, effects=sum(hook.deliveries.values()))
