"""The browser start of the README, pasted: built by the wheel, opened, and opened again with the server gone."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.harness.browser import Browser

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "README.md").read_text("utf-8")
RESULT = {"receipt": "receipt for 1900 cents", "approved_by": "Cleo"}


def block(pattern: str) -> str:
    found = re.search(pattern, TEXT, re.MULTILINE | re.DOTALL)
    assert found, pattern
    return found[1]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """What the README's command makes of the README's files, with Weft from a wheel and not from the checkout."""
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "index.html").write_text(block(r"^```html\n(.*?)^```"), "utf-8")
    (tmp_path / "shop.py").write_text(block(r"^```python\n(# shop\.py.*?)^```"), "utf-8")
    wheel = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(wheel, cwd=ROOT, check=True, capture_output=True)
    (built,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(built).extractall(tmp_path / "installed")
    (tmp_path / "cache" / "weft").mkdir(parents=True)
    (ROOT / "build" / "browser").mkdir(parents=True, exist_ok=True)
    (tmp_path / "cache" / "weft" / "browser").symlink_to(ROOT / "build" / "browser")  # the same files make the same
    done = subprocess.run(**weft("build", tmp_path), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return tmp_path


def weft(verb: str, folder: Path, *more: str) -> dict[str, Any]:
    """The README's line with this verb, as arguments for a process."""
    words = block(rf"^(weft browser {verb} [^\n]*)\n").split()
    env = {**os.environ, "PYTHONPATH": str(folder / "installed"), "XDG_CACHE_HOME": str(folder / "cache")}
    command = [sys.executable, "-c", "from weft_server.cli import main; main()", *words[1:], *more]
    return {"args": command, "cwd": folder, "env": env}


@pytest.fixture
def web_server(site: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """It, served as the README says."""
    with subprocess.Popen(**weft("serve", site, "--port", "0"), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[0], process
        process.kill()


def test_the_page_of_the_readme_shows_its_result_and_shows_it_again_offline(
    web_server: tuple[str, subprocess.Popen[str]], chrome: Browser
) -> None:
    url, server = web_server
    requests = chrome.note_requests()
    assert result_shown(chrome, url) == RESULT
    server.kill()
    server.wait()
    assert result_shown(chrome, url) == RESULT
    assert {asked.split("/")[2] for asked in requests} == {url.split("/")[2]}, "nothing is loaded from elsewhere"


def result_shown(browser: Browser, url: str) -> object:
    page = browser.tab(url)
    page.locator("output", has_text="receipt").wait_for()
    shown = json.loads(page.inner_text("output"))
    page.evaluate("navigator.serviceWorker.ready.then(() => {})")  # the result may be there before all files are kept
    page.close()
    return shown
