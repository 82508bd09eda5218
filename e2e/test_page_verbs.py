"""The page client has a method for each verb of the wire, and each of them does it in a real browser."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from e2e.harness.browser import Browser
from e2e.harness.pages import BARE, open_weft
from e2e.harness.server import Server
from weft_core.client.wire import METHODS

CLIENT = Path(__file__).resolve().parent.parent / "browser"
NAMES = ("client.mjs", "asking.mjs", "verbs.mjs", "operating.mjs", "transfer.mjs")
SAY = "import(new URL('every_verb.mjs', location.href).href).then(({ everyVerb }) => everyVerb(weft))"


def test_every_verb_of_the_wire_has_a_method_of_the_page_client() -> None:
    scripts = "".join((CLIENT / name).read_text("utf-8") for name in NAMES)
    called = set(re.findall(r'call\("(\w+)"', scripts))
    wanted = {method for method in METHODS if not method.startswith("bulk_")}
    assert called == wanted, called ^ wanted


@pytest.mark.parametrize("role", ["leader", "follower", "guest"])
def test_a_page_says_every_verb_once(chrome: Browser, examples: Server, role: str) -> None:
    page = open_weft(chrome, examples.url, workflows="every_verb.py", **BARE)
    if role == "follower":
        page = open_weft(chrome, examples.url, workflows="every_verb.py", standby="cold", **BARE)
    if role == "guest":
        page = chrome.tab(f"{examples.url}guest.html")
        page.evaluate("becomes('ready')")
    assert page.evaluate("weft.status.role") == role
    answer: dict[str, Any] = page.evaluate(SAY)
    said, used = answer["said"], set(answer["used"])
    assert used == set(METHODS) - {"result"}, used ^ set(METHODS)
    assert said["bulk"].pop("id")
    assert said == EXPECTED


EXPECTED: dict[str, Any] = {
    "again": "c1", "update": 15, "recorded": 15, "once": 15, "query": 15,
    "found": 1, "count": 1, "groups": [{"key": "Bern", "count": 1}],
    "attributes": {"city": "Rome", "floor": 3}, "tags": ["new"],
    "events": ["run_started", 1], "workflows": True, "open": "open", "hurried": 0,
    "stage": "begun", "greeting": [{"set": True, "version": 1}, {"set": False, "version": 1}], "unset": False,
    "numbers": [3, 2, 1], "page": [2], "blob": 3,
    "suspended": "suspended", "early": 1, "fork": "c2",
    "result": {"total": 100, "told": ["first", "by hand"]},
    "forked": {"total": 1000, "told": ["first", "of the fork"]},
    "retry": "RunFinishedError", "handoff": ["RunFinishedError", "no error", "none"],
    "server": ["unknown", "InvalidInputError", "no error"], "dead": 0,
    "outcomes": ["started", "started"], "cancelled": "RunCancelledError",
    "terminated": "terminated", "purged": "RunNotFoundError",
    "review": "approved",
    "delegated": ["by the page", "refused: activity 'outside' failed: Broken: no paper"],
    "paused": True,
    "plans": [2, 2, 2, 2, 2, "BulkDeleteUnfinishedError"],
    "bulk": {"verb": "cancel", "matched": 2, "done": 2, "refused": {}}, "audit": 1,
    "schedule": ["hourly", 1], "pausedSchedule": "paused", "triggered": "tick", "backfilled": 2,
    "deleted": "ScheduleNotFoundError", "debounced": True, "batched": [True, "pending"],
    "backup": [False, 0, True], "full": "StoreNotEmptyError", "imported": [1, "running"],
}  # fmt: skip
