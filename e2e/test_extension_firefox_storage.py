"""browser.storage.local of Firefox as the store of an engine: the same contract, over a port to the event page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.conftest import BuiltOnce
from e2e.harness.extension_firefox import ExtensionFirefox
from e2e.harness.extension_store import build_store_extension
from e2e.harness.hook import Hook

CHECK = "([what, options]) => check(what, options)"


@pytest.fixture(scope="session")
def store_extension(built_once: BuiltOnce, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_once(
        "store-extension-firefox",
        lambda out: build_store_extension(out, tmp_path_factory.mktemp("store-extension"), "firefox"),
    )


@pytest.fixture
def fox(firefox: str, store_extension: Path, tmp_path: Path) -> Iterator[ExtensionFirefox]:
    fox = ExtensionFirefox(firefox, tmp_path / "firefox", store_extension)
    yield fox.launch()
    fox.close()


def test_firefoxs_storage_keeps_the_storage_contract(fox: ExtensionFirefox) -> None:
    fox.open("store.html")
    fox.until(lambda: fox.evaluate("async () => window.ready"), "the page is not ready")
    report: dict[str, Any] = fox.evaluate(CHECK, ["contract", {"storage": "extension"}])
    assert report["ok"], "\n".join(f"{name}\n{trace}" for name, trace in report["failed"])
    assert len(report["passed"]) > 50


def test_a_clip_on_firefoxs_storage_survives_the_end_of_its_event_page(fox: ExtensionFirefox, hook: Hook) -> None:
    fox.open("pages/options.html")
    fox.use_browser_storage(webhook=f"{hook.url}hook", review=False)
    hook.away = True
    run = fox.say({"t": "clip-link", "url": hook.article(1)})
    fox.until(lambda: hook.asked(1), "the article is not asked for")
    fox.tab("about:blank")  # a page of the extension that is looked at would have it back at once
    fox.end_background()
    hook.away = False
    fox.bring_alarms_forward()
    fox.until(lambda: run in hook.bodies, "the clip is not delivered")
    fox.open("pages/options.html")
    stored = fox.evaluate("async () => Object.keys(await browser.storage.local.get(null))")
    assert sum(name.startswith("weft/weft%3Aclips/d/") for name in stored) > 5, stored
    assert list(hook.deliveries.values()) == [1]
