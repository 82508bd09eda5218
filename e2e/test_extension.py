"""The extension in Chromium: what is clipped is delivered, whatever becomes of background, engine and browser."""

from __future__ import annotations

from e2e.harness.extension import ExtensionBrowser, say, settings
from e2e.harness.hook import Hook


def test_a_page_that_is_clipped_is_read_tagged_and_delivered(clipper: ExtensionBrowser, hook: Hook) -> None:
    options = clipper.open("options.html")
    settings(options, webhook=f"{hook.url}hook", review=False)
    clipper.tab(hook.article(1))
    run = say(options, {"t": "clip-tab", "tabId": clipper.tab_id(options, hook.article(1))})
    body = hook.delivered(options, run)
    assert body["title"] == "Looms, part 1" and set(body["tags"]) >= {"threads", "shuttle", "loom"}, body
    assert "Home About" not in body["text"] and "secret" not in body["text"]
    assert list(hook.deliveries.values()) == [1]
