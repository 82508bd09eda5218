"""A store leaves a browser as one file and goes on in another one, of another make, and nothing happens twice.

Cleaners and "clear site data" take everything a page has stored: waistline #962, manifest #361, effortdex #3.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from e2e.harness.browser import Browser
from e2e.harness.engines import ENGINES, AnyBrowser
from e2e.harness.pages import BARE, CHECKOUT, call, open_weft, order, until
from e2e.harness.report import applied, shipped_once, told
from e2e.harness.server import Server
from e2e.harness.transfer import exported, imported

WAITS = "return (await weft.describe(arg)).waiting_for.some((wait) => wait.kind === 'signal')"
ROUTE = ("chromium", "firefox", "webkit", "chromium")


def confirm(page: Any, run: str, by: str) -> None:
    call(page, "signal", run, "confirm", {"confirmed": True, "by": by})
    assert call(page, "result", run)["confirmed_by"] == by


@pytest.mark.scenario(24, engines=ENGINES)
def test_a_store_goes_from_chromium_to_firefox_to_webkit_and_back_and_each_effect_happens_once(
    launch: Callable[..., AnyBrowser], server: Server
) -> None:
    browser = launch(ROUTE[0])
    page = open_weft(browser, server.url, **CHECKOUT, **BARE)
    runs = [call(page, "start", "checkout", [order(f"X-{number}")], {"id": f"X-{number}"})["id"] for number in range(3)]
    for run in runs:
        until(page, WAITS, run)
    sizes = []
    for number, engine in enumerate(ROUTE[1:]):
        data = exported(page)
        sizes.append(len(data))
        browser.close()  # and its profile is never opened again: it is gone with all that was in it
        browser = launch(engine, f"to-{number}")
        page = open_weft(browser, server.url, **CHECKOUT, **BARE)
        assert imported(page, data)["generation"] == number + 1
        done = [call(page, "describe", run)["status"] for run in runs]
        assert done == ["completed"] * number + ["running"] * (3 - number), "each run stands where it stood"
        confirm(page, runs[number], engine)
    attempts = [shipped_once(server, run) for run in runs]
    assert [sum(each.values()) for each in attempts] == [4, 4, 4], "no activity was so much as asked for twice"
    told("export and import", moves=" > ".join(ROUTE), wiped_profiles=3, bytes=sizes, effects=applied(server))


def test_an_import_into_a_store_in_use_replaces_it_for_all_tabs_and_an_old_file_is_no_way_to_do_things_twice(
    chrome: Browser, server: Server
) -> None:
    first = open_weft(chrome, server.url, **CHECKOUT, **BARE)
    second = open_weft(chrome, server.url, **CHECKOUT, **BARE)
    run = call(second, "start", "checkout", [order("R-1")], {"id": "R-1"})["id"]
    until(first, WAITS, run)
    backup = exported(second)
    assert call(first, "backupStatus")["changes"] == 0
    confirm(first, run, "the first time")
    call(second, "start", "checkout", [order("R-2")], {"id": "R-2"})
    assert call(first, "backupStatus")["changes"] > 0, "a page can remind its user"

    assert imported(second, backup)["code"] == "StoreNotEmptyError"
    for damaged in (backup[:-1], backup[:400] + b"?" + backup[401:]):
        assert imported(second, damaged, replace=True)["code"] == "ExportFileError"
    assert call(first, "describe", run)["status"] == "completed", "nothing has changed yet"

    assert imported(second, backup, replace=True)["generation"] == 1
    for page in (first, second):
        assert [found["id"] for found in call(page, "list")["items"]] == ["R-1"]
    assert [page.evaluate("weft.status.role") for page in (first, second)] == ["leader", "follower"]
    confirm(second, run, "the second time")
    attempts = shipped_once(server, "R-1")
    assert attempts == {"reserve": 1, "charge": 1, "receipt": 2, "ship": 2}, (
        "asked again under the same keys, done once"
    )
    told("restore of an old backup", restores=1, damaged_files=2, effects=applied(server), attempts=attempts)


HELD = """([text, moment]) => {
  const call = weft.call;
  globalThis.sent = [];
  weft.call = async (method, params, ...rest) => {
    sent.push(method);
    if (moment === "import_write" && method === moment && params.at && !globalThis.go) {
      await new Promise((resolve) => (globalThis.go = resolve));
    }
    return call.call(weft, method, params, ...rest);
  };
  const file = new Blob([Uint8Array.from(atob(text), (char) => char.charCodeAt(0))]);
  globalThis.importing = weft.import(file, { replace: true });
  globalThis.importing.catch(() => {});
}"""


@pytest.mark.parametrize("moment", ["import_write", "import_finish"])
def test_a_leader_that_crashes_while_a_file_is_taken_leaves_the_old_store_or_the_new_one(
    chrome: Browser, server: Server, moment: str
) -> None:
    first = open_weft(chrome, server.url, **CHECKOUT, **BARE)
    for number in range(2):
        call(first, "start", "checkout", [order(f"C-{number}", note="please ring " * 12_000)], {"id": f"C-{number}"})
        until(first, WAITS, f"C-{number}")
    backup = exported(first, compress=False)
    second = open_weft(chrome, server.url, **CHECKOUT, **BARE)
    until(second, "return weft.status.standby === 'warm'")
    call(second, "terminate", "C-1", "so that the stores differ")

    second.evaluate(HELD, [base64.b64encode(backup).decode(), moment])
    until(second, "return arg === 'import_write' ? Boolean(globalThis.go) : sent.includes(arg)", moment)
    chrome.crash(first)
    second.evaluate("globalThis.go?.()")
    assert second.evaluate("importing.then(({ generation }) => generation)") == 1
    begun = second.evaluate("sent.filter((method) => method === 'import_begin').length")
    assert begun == 2 or moment == "import_finish", "what the crashed tab had taken is gone, and is sent again"
    assert {run["id"]: run["status"] for run in call(second, "list")["items"]} == {"C-0": "running", "C-1": "running"}
    for number in range(2):
        confirm(second, f"C-{number}", "the second tab")
        assert sum(shipped_once(server, f"C-{number}").values()) == 4
    told("leader crash in an import", crashes=1, at=moment, bytes=len(backup), begun=begun, effects=applied(server))
