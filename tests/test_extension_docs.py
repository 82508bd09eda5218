"""docs/extension.md in ten minutes: its files are saved under their names, its commands are run in their order."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.cli.conftest import Cli, weft  # noqa: F401
from tests.test_readme import shell

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "docs" / "extension.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def test_the_ten_minutes_end_with_an_extension_for_each_browser(weft: Cli) -> None:  # noqa: F811
    said = ""
    for kind, text in BLOCKS:
        if kind == "sh":
            said += shell(text, weft)
        else:
            name = re.match(r"(?:#|//) (\S+)\n", text)
            assert name, f"this block does not say its file name: {text[:60]}"
            (weft.folder / name[1]).write_text(text)
    assert '"It is time: tea"' in said
    for browser in ("chromium", "firefox"):
        built = weft.folder / f"reminders-{browser}"
        assert json.loads((built / "manifest.json").read_text("utf-8"))["name"] == "Reminders"
        assert (built / "remind.weft").is_file()
        assert '"remind.py"' in (built / "workflows.mjs").read_text("utf-8")
    assert (weft.folder / "reminders-firefox-0.1.0.zip").is_file()


def test_every_permission_that_is_asked_for_has_its_reason() -> None:
    told = [
        json.loads((ROOT / "web_extension" / f"manifest{kind}.json").read_text("utf-8"))
        for kind in ("", ".chromium", ".firefox")
    ]
    asked = {name for each in told for key in ("permissions", "host_permissions") for name in each.get(key, [])}
    rows = "".join(line.split("|")[1] for line in TEXT.splitlines() if line.startswith("| `"))
    assert asked == set(re.findall(r"`([^`]+)`", rows))


def test_the_policy_and_the_oldest_browsers_are_what_the_manifests_say() -> None:
    common, chromium, firefox = (
        json.loads((ROOT / "web_extension" / f"manifest{kind}.json").read_text("utf-8"))
        for kind in ("", ".chromium", ".firefox")
    )
    oldest = firefox["browser_specific_settings"]["gecko"]["strict_min_version"].partition(".")[0]
    assert f"Chromium {chromium['minimum_chrome_version']} and Firefox {oldest} are the oldest" in TEXT
    assert f"`{common['content_security_policy']['extension_pages']}`" in TEXT
