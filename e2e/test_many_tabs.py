"""Tabs that share a store: starts from all of them, one leader, and tails that go on over its changes."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from e2e.harness.browser import Browser
from e2e.harness.pages import BARE, CHECKOUT, call, open_weft, order, until
from e2e.harness.report import shipped_once, told
from e2e.harness.server import Server

RUNS = 50
START = """(orders) => Promise.all(orders.map(async (order) => {
  const { id } = await weft.start("checkout", [order], { id: order.id, idempotencyKey: order.id });
  return (await weft.result(id)).status;
}))"""
FOLLOW = """(run) => {
  globalThis.followed = { run: [], all: [], stream: [] };
  const into = async (seen, tail) => { for await (const item of tail) seen.push(item); };
  followed.ends = Promise.all([
    into(followed.run, weft.tail(run.steps)), into(followed.stream, weft.tailStream(run.counting, "numbers")),
  ]);
  void into(followed.all, weft.tail(null, { after: "oldest" }));
}"""
ROB = """navigator.locks.request("weft:e2e", { steal: true }, () => {})"""
FEED = """(async () => {
  const all = [];
  for (let after = "oldest", more = true; more; ) {
    const page = await weft.events({ after });
    all.push(...page.events);
    ({ cursor: after, more } = page);
  }
  return all;
})()"""


@pytest.mark.scenario(7)
def test_fifty_workflows_that_two_tabs_start_do_each_step_once_under_one_leader(
    chrome: Browser, server: Server
) -> None:
    pages = [open_weft(chrome, server.url, **CHECKOUT, **BARE) for _ in range(2)]
    orders = [order(f"M-{number}", confirm=False, pause="50ms") for number in range(RUNS)]
    pages[0].evaluate(f"(orders) => {{ globalThis.started = ({START})(orders); }}", orders[::2])
    outcomes = pages[1].evaluate(START, orders[1::2]) + pages[0].evaluate("started")
    assert outcomes == ["shipped"] * RUNS
    assert sorted(role(page) for page in pages) == ["follower", "leader"]
    assert all(call(page, "diagnostics")["epoch"] == 1 for page in pages)
    assert all(call(page, "count") == RUNS for page in pages)
    effects = [sum(shipped_once(server, each["id"]).values()) for each in orders]
    assert effects == [4] * RUNS
    told("two tabs start workflows", tabs=2, leaders=1, runs=RUNS, effects=sum(effects))


@pytest.mark.scenario(31)
def test_tails_of_a_run_of_all_runs_and_of_a_stream_have_no_gap_and_no_repetition_over_four_leader_changes(
    chrome: Browser, server: Server
) -> None:
    files = "tab_runs.py"
    first = open_weft(chrome, server.url, workflows=files, **BARE)
    watching = open_weft(chrome, server.url, workflows=files, **BARE)
    third = open_weft(chrome, server.url, workflows=files, **BARE)
    for page in (watching, third):
        until(page, "return weft.status.standby === 'warm'")
    runs = {
        "steps": call(first, "start", "steps", [])["id"],
        "counting": call(first, "start", "counting", [20])["id"],
    }
    watching.evaluate(FOLLOW, runs)
    until(watching, "return followed.run.length > 10 && followed.stream.length > 2")
    changes = 0
    chrome.crash(first)
    for _ in range(3):
        changes += 1
        until(third, "return (await weft.diagnostics()).epoch > arg", changes)
        third.evaluate(ROB)
        call(third, "result", call(third, "start", "short", [f"after change {changes}"])["id"])
    epoch = call(watching, "diagnostics")["epoch"]
    assert epoch > changes

    watching.evaluate("caches.open('enough').then(() => {})")
    watching.evaluate("followed.ends")
    stored = watching.evaluate(FEED)
    until(watching, "return followed.all.length >= arg", len(stored))
    seen: dict[str, Any] = watching.evaluate("({ run: followed.run, all: followed.all, stream: followed.stream })")
    assert [event["seq"] for event in seen["run"]] == list(range(1, len(seen["run"]) + 1))
    assert seen["run"] == call(watching, "history", runs["steps"], {"limit": 1000})
    assert [(e["run_id"], e["seq"]) for e in seen["all"]] == [(e["run_id"], e["seq"]) for e in stored]
    assert [item["seq"] for item in seen["stream"]] == list(range(1, len(seen["stream"]) + 1))
    final: list[int] = []
    for item in seen["stream"]:
        final = [] if item.get("reset") else [*final, item["value"]]
    assert final == list(range(1, len(final) + 1)) and len(final) >= 20
    told("tails over leader changes", crashes=1, thefts=3, epoch=epoch, events=len(stored), items=len(seen["stream"]))


def role(page: Page) -> str:
    return str(page.evaluate("weft.status.role"))
