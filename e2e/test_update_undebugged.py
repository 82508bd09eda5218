"""An update in a browser that nobody debugs, as a user's is: a debugger keeps service workers from being let go."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from e2e.harness.browser import ARGUMENTS
from e2e.harness.editions import edition, publish
from e2e.harness.report import shipped_once
from e2e.harness.server import Server, die_with_the_tests

WITHIN_S = 60


@contextlib.contextmanager
def browsing(chromium: str, profile: Path, url: str) -> Iterator[None]:
    """A Chromium at this address, which nobody can ask anything. It has to end well."""
    command = [chromium, *ARGUMENTS, "--headless=new", f"--user-data-dir={profile}", url]
    browser = subprocess.Popen(command, stderr=subprocess.DEVNULL, preexec_fn=die_with_the_tests)
    try:
        yield
    except BaseException:
        browser.kill()
        raise
    browser.terminate()
    assert browser.wait(WITHIN_S) == 0


def build_of(site: Path) -> str:
    return str(json.loads((site / "weft" / "manifest.json").read_text("utf-8"))["build"])


def shipped(server: Server, order: str) -> None:
    """Wait until the order of a page is carried out, whole."""
    deadline = time.monotonic() + WITHIN_S
    while len(server.effects(order)) < 4:
        assert time.monotonic() < deadline, f"no {order!r}: {server.effects()}"
        time.sleep(0.1)  # the shop is asked, for the browser says nothing


def test_a_page_changes_over_to_a_new_build_by_itself(chromium: str, tmp_path: Path) -> None:
    first, second = edition(tmp_path, "first"), edition(tmp_path, "second")
    publish(first, tmp_path / "www")
    server = Server(tmp_path / "www", tmp_path / "shop.jsonl").start()
    orders = [f"{name} {build_of(site)}" for name, site in (("first", first), ("second", second))]
    with browsing(chromium, tmp_path / "profile", f"{server.url}by_itself.html"):
        shipped(server, orders[0])
        publish(second, server.folder)
        shipped(server, orders[1])
    assert {effect["order"] for effect in server.effects()} == set(orders), "and no update has failed"
    assert all(set(shipped_once(server, order).values()) == {1} for order in orders)
    server.stop()
