"""Code that computes without a pause: its run is ended, and never a leader or another run."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.harness.browser import Browser
from e2e.harness.engines import AnyBrowser, engines
from e2e.harness.pages import BARE, call, open_weft, until
from e2e.harness.report import attempts_of, told
from e2e.harness.server import Server

LOOPS = {"workflows": "loops.py", "loopLimit": "2", **BARE}
"""Its page ends a worker that says nothing for twice as long."""
LOOPS_THAT_PYTHON_ENDS = {**LOOPS, "loopLimit": "3"}
"""Python has ended them long before the page would, also where it has a quarter of a processor."""
WAITS = "return (await weft.describe(arg)).waiting_for.some((wait) => wait.kind === 'signal')"
HELD = "const run = await weft.describe(arg); return run.status === 'held' && run.held"
LOOPED = "return weftStatuses.map((status) => status.unresponsive).filter((seen) => seen?.runId === arg)"


def begin(page: Any, workflow: str) -> str:
    call(page, "start", workflow, [workflow], {"id": workflow})
    until(page, WAITS, workflow)
    return workflow


@engines("chromium", "firefox")
def test_runs_and_an_activity_that_loop_are_ended_and_the_leader_and_other_runs_go_on(
    any_browser: AnyBrowser, server: Server
) -> None:
    """parity.md: in the original an endless loop without an await stalls the engine, for every run and for ever."""
    page = open_weft(any_browser, server.url, **LOOPS_THAT_PYTHON_ENDS)
    looping = [begin(page, name) for name in ("loops", "catches_everything")]
    for run in looping:
        call(page, "signal", run, "go")
    for workflow in ("gives_work", "ordinary"):
        call(page, "start", workflow, [workflow], {"id": workflow})
    assert call(page, "result", "ordinary") == "done"
    assert call(page, "result", "gives_work").startswith("ActivityLoopingError: activity 'spins' computed for 3")
    for run in looping:
        held = until(page, HELD, run)
        assert held["code"] == "LoopingRunError"
        assert held["where"].startswith("loops.py:"), held
        assert until(page, LOOPED, run)[0]["where"].startswith("loops.py:"), "the page was told meanwhile"
    until(page, "return weft.status.unresponsive === null")
    broken = page.evaluate(
        "weftStatuses.map((status) => status.error ?? status.stage).filter((seen) => seen !== 'ready')"
    )
    assert call(page, "diagnostics")["epoch"] == 1, f"the worker was replaced: {broken}"
    with pytest.raises(Exception, match="computed for"):
        call(page, "resume", "loops")  # not mended: it is tried, and held again
    attempts = {run: attempts_of(server, run) for run in (*looping, "gives_work", "ordinary")}
    assert attempts == dict.fromkeys(attempts, {"charge": 1}), attempts
    told("code that loops", faults=4, effects=len(attempts))


WATCHED = """async () => {
  const { LOOP_LIMIT_S, WorkerWatch } = await import(new URL("weft/worker_watch.mjs", location.href).href);
  let [now, hung, tick] = [0, [], null];
  const watch = new WorkerWatch(LOOP_LIMIT_S, { ping() {}, tell() {}, hung: () => hung.push(now) });
  const timer = globalThis.setInterval;
  globalThis.setInterval = (callback) => void (tick = callback);
  watch.begin();
  globalThis.setInterval = timer;
  const pass = (seconds) => {
    for (const end = now + seconds; now < end; now++) if (now % watch.everyS === 0) tick();
  };
  for (const runId of ["a", "b", "c", "d"]) {
    for (const [seconds, ending] of [[LOOP_LIMIT_S / 2, "not yet"], [LOOP_LIMIT_S, "ended"]]) {
      pass(LOOP_LIMIT_S / 2);
      watch.heard({ t: "looping", looping: { seconds, ending, runId, kind: "workflow", name: runId, where: "" } });
    }
  }
  const inTime = hung.length, silentFrom = now;
  pass(100);
  return { inTime, after: hung[0] - silentFrom };
}"""


def test_loops_that_follow_each_other_without_a_pause_are_not_taken_for_one(chrome: Browser, server: Server) -> None:
    """Each is ended in time, but until the last has ended the worker answers no question, for longer than is waited."""
    page = open_weft(chrome, server.url, **LOOPS)
    seen = page.evaluate(WATCHED)
    assert seen["inTime"] == 0, "four runs that loop, each ended after 30 s, where 40 s of silence are too long"
    assert 30 < seen["after"] <= 40


@pytest.mark.parametrize("run", ["cannot_be_ended", "hangs_when_it_is_due"])
def test_a_lone_tab_ends_a_worker_that_nothing_else_can_end_and_the_next_one_holds_the_run_that_hung_it(
    chrome: Browser, server: Server, run: str
) -> None:
    """The second run hangs each engine before that can say that it is open."""
    page = open_weft(chrome, server.url, **LOOPS)
    if run == "cannot_be_ended":
        call(page, "signal", begin(page, run), "go")  # sent again until an engine answers
    else:
        call(page, "start", run, [run], {"id": run})
    assert until(page, HELD, run)["what"] == f"workflow '{run}'"
    assert call(page, "diagnostics")["epoch"] == 3, "one engine hung unawares, one said in what it hung"
    ended = page.evaluate("weftStatuses.map(({ stage }) => stage).filter((stage) => /^its worker hung/.test(stage))")
    assert [stage.partition(",")[0] for stage in dict.fromkeys(ended)] == [
        "its worker hung in a run that is not known yet", f"its worker hung in {run}",
    ]  # fmt: skip
    call(page, "start", "ordinary", ["ordinary"], {"id": "ordinary"})
    assert call(page, "result", "ordinary") == "done"
    assert [attempts_of(server, each) for each in (run, "ordinary")] == [{"charge": 1}] * 2
    told("a worker that hangs", faults=2, effects=2)
