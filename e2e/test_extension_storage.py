"""The engine of an extension on browser.storage.local: a clip is delivered once, whatever a batch goes through."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from e2e.harness.extension import CHANGED_OVER, ExtensionBrowser, engine_there, say, settings, wait
from e2e.harness.hook import Hook
from e2e.harness.report import told

STATUS = """async () => {
  const { connect } = await import("/weft/connection.mjs");
  const weft = connect({ name: "clips" });
  await weft.diagnostics();
  const { durability, quota } = weft.status;
  weft.close();
  const items = Object.keys(await chrome.storage.local.get(null));
  return { durability, quota, stored: items.filter((name) => name.startsWith("weft/weft%3Aclips/d/")).length };
}"""
STOP_AFTER_A_RECORD = """(count) => {  // in the background: the record is written, and nothing comes of it
  const area = chrome.storage.local;
  const set = area.set.bind(area);
  let records = 0;
  self.inTheMiddle = new Promise((stopped) => {
    area.set = async (items) => {
      await set(items);
      if (!Object.keys(items).some((name) => name.endsWith("/w")) || ++records < count) return;
      stopped();
      await new Promise(() => {});
    };
  });
}"""


def on_extension_storage(clipper: ExtensionBrowser, hook: Hook) -> Page:
    options = clipper.open("pages/options.html")
    settings(options, webhook=f"{hook.url}hook", review=False, storage="extension")
    options.evaluate(CHANGED_OVER)
    return options


def test_an_engine_on_browser_storage_says_that_it_is_relaxed_and_keeps_its_runs_there(
    clipper: ExtensionBrowser, hook: Hook
) -> None:
    """Bonjourr PR #923. What the user chooses is used at once."""
    options = on_extension_storage(clipper, hook)
    run = say(options, {"t": "clip-link", "url": hook.article(1)})
    hook.delivered(options, run)
    status: dict[str, Any] = options.evaluate(STATUS)
    assert status["durability"] == "relaxed" and status["stored"] > 5, status
    assert status["quota"] is None, "the extension has unlimitedStorage"
    assert hook.deliveries.total() == 1


ENGINE = """async () => {
  const [{ contextId }] = await chrome.runtime.getContexts({ contextTypes: ["OFFSCREEN_DOCUMENT"] });
  return contextId;
}"""


def test_settings_that_name_the_store_which_is_used_anyway_leave_the_engine_alone(
    clipper: ExtensionBrowser, hook: Hook
) -> None:
    """One that is ended in the midst of a delivery makes it again."""
    options = clipper.open("pages/options.html")
    wait(options, lambda: engine_there(clipper, options), "the page has asked for an engine")
    engine = options.evaluate(ENGINE)
    settings(options, webhook=f"{hook.url}hook", review=False)
    hook.delivered(options, say(options, {"t": "clip-link", "url": hook.article(1)}))
    assert options.evaluate(ENGINE) == engine


@pytest.mark.scenario(19)
def test_clips_are_delivered_once_though_the_browser_is_killed_in_the_middle_of_batches(
    clipper: ExtensionBrowser, hook: Hook
) -> None:
    """darkreader PR #6951: the parts of a batch that were written, and those that were not, met at the next start."""
    options = on_extension_storage(clipper, hook)
    runs: list[str] = []
    for records in (1, 4, 2):
        clipper.background().evaluate(STOP_AFTER_A_RECORD, records)
        runs.append(say(options, {"t": "clip-link", "url": hook.article(len(runs))}))
        clipper.background().evaluate("self.inTheMiddle")
        assert clipper.kill() > 1
        clipper.launch()
        options = clipper.open("pages/options.html")
    for run in runs:
        hook.delivered(options, run)
    # What was under way when the browser died is asked for again, under its key.
    assert len(hook.deliveries) == len(runs) and max(hook.deliveries.values()) <= 1 + len(runs), hook.deliveries
    told("the browser is killed in a batch of an engine", kills=len(runs), effects=len(hook.deliveries))
