"""What `weft new extension` makes is an extension: its scripts pass our types, its workflow outlives the browser."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Playwright, expect

from e2e.conftest import ROOT
from e2e.harness.extension import ExtensionBrowser
from e2e.harness.extension_firefox import ID, ExtensionFirefox

NAME = 'Ada & "Bob" <greet>'
ENDS_WITHIN_MS = 60_000
SLEEPS = "12s"
"""So long that it is seen asleep, and the browser is killed, before it is over."""
EACH_ONCE = [
    "run_started", "activity_scheduled", "activity_completed", "sleep_started", "timer_fired", "run_completed",
]  # fmt: skip
EVENTS = """async () => {
  const { connect } = await import("./weft/connection.mjs");
  const weft = connect({ name: (await import("./workflows.mjs")).STORE });
  const { items } = await weft.list({});
  const types = [];
  for (const { id } of items) for await (const event of weft.tail(id, { after: 0 })) types.push(event.type);
  return types;
}"""


def weft(*words: str | Path) -> str:
    """The command, in a process of its own, as it is typed."""
    done = subprocess.run([sys.executable, "-m", "weft_server.cli", *map(str, words)], capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def sleeps_longer(source: Path) -> None:
    workflow = source / "hello.py"
    text = workflow.read_text("utf-8")
    assert text.count('"5s"') == 1
    workflow.write_text(text.replace("5s", SLEEPS), "utf-8")


def test_a_new_extension_greets_though_the_browser_is_killed_in_between(
    playwright: Playwright, chromium: str, tmp_path: Path
) -> None:
    source, folder = tmp_path / "greeter", tmp_path / "built"
    weft("new", "extension", source, "--name", NAME)
    sleeps_longer(source)
    weft("extension", "build", source, "--out", folder)
    browser = ExtensionBrowser(playwright, chromium, tmp_path / "profile", folder).launch()
    try:
        popup = browser.open("popup.html")
        expect(popup).to_have_title(NAME)
        popup.get_by_label("Whom to greet").fill("Grace")
        popup.get_by_role("button", name="Start").click()
        run = popup.get_by_role("list", name="Runs").get_by_role("listitem")
        expect(run).to_have_text("Grace: running, sleep", timeout=ENDS_WITHIN_MS)

        assert browser.kill() > 2
        popup = browser.launch().open("popup.html")
        run = popup.get_by_role("list", name="Runs").get_by_role("listitem")
        expect(run).to_have_text("Grace: Hello, Grace, and good-bye", timeout=ENDS_WITHIN_MS)
        assert popup.evaluate(EVENTS) == EACH_ONCE
    finally:
        browser.close()


def test_a_new_extension_greets_in_firefox_too(firefox: str, tmp_path: Path) -> None:
    source, folder = tmp_path / "greeter", tmp_path / "built"
    weft("new", "extension", source)
    sleeps_longer(source)
    told = source / "manifest.firefox.json"
    told.write_text(
        told.read_text("utf-8").replace("greeter@extension.example", ID)
    )  # as the docs say: one of your own
    weft("extension", "build", source, "--out", folder, "--browser", "firefox")
    browser = ExtensionFirefox(firefox, tmp_path / "profile", folder).launch()
    try:
        browser.open("popup.html")
        browser.evaluate("() => document.querySelector('button').click()")
        shown = "() => [...document.querySelectorAll('li')].map((line) => line.textContent)"
        browser.until(lambda: browser.evaluate(shown) == ["Ada: running, sleep"], "the run does not wait")
        assert browser.kill() > 2
        browser.launch().open("popup.html")
        browser.until(lambda: browser.evaluate(shown) == ["Ada: Hello, Ada, and good-bye"], "the run does not end")
        assert browser.evaluate(EVENTS) == EACH_ONCE
    finally:
        browser.close()


def test_a_new_extension_passes_the_strict_types_that_ours_pass(tmp_path: Path) -> None:
    source = tmp_path / "greeter"
    weft("new", "extension", source)
    ours = ROOT / "browser"
    together = [str(source / "weft"), str(ours), str(ROOT / "service_worker")]
    settings: dict[str, object] = {"extends": str(ours / "tsconfig.json"), "include": [f"{source}/**/*.mjs"]}
    settings["compilerOptions"] = {"rootDirs": together}
    (tmp_path / "tsconfig.json").write_text(json.dumps(settings))
    tsc = ours / "node_modules" / "typescript" / "bin" / "tsc"
    command = ["node", str(tsc), "--project", str(tmp_path / "tsconfig.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_extension_of_the_docs_does_what_its_popup_asks(
    playwright: Playwright, chromium: str, tmp_path: Path
) -> None:
    """The files of docs/extension.md; tests/test_extension_docs.py runs its commands."""
    weft("new", "extension", tmp_path / "reminders", "--name", "Reminders")
    page = (ROOT / "docs" / "extension.md").read_text("utf-8")
    for name, text in re.findall(r"^```\w+\n(?:#|//) (\S+)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        (tmp_path / name).write_text(text.replace('"10 minutes"', '"1s"'))
    weft("extension", "build", tmp_path / "reminders", "--out", tmp_path / "built")
    browser = ExtensionBrowser(playwright, chromium, tmp_path / "profile", tmp_path / "built").launch()
    try:
        popup = browser.open("popup.html")
        popup.get_by_label("Whom to greet").fill("tea")
        popup.get_by_role("button", name="Start").click()
        run = popup.get_by_role("list", name="Runs").get_by_role("listitem")
        expect(run).to_have_text("tea: It is time: tea", timeout=ENDS_WITHIN_MS)
    finally:
        browser.close()
