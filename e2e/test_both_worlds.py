"""The same workflow files on CPython with SQLite and in browsers with IndexedDB: equal results, equal stories (G20)."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from e2e.harness.engines import ENGINES, AnyBrowser, engines
from e2e.harness.pages import BARE, call, open_weft, until
from e2e.harness.report import told
from e2e.harness.server import Server
from e2e.harness.server_side import example, on_server
from tests.example_programs import PROGRAMS, Program
from weft_core import Engine

ALL = {"workflows": ",".join(program.file for program in PROGRAMS), **BARE}
NOT_TOLD_ALIKE = {"run_id", "at", "deadline", "seq", "signal_id", "review_id"}
"""Of an event: the identity of its run and of what was sent to it, and the time."""


def given(program: Program) -> Any:
    return {**program.input, "pause": "1500 milliseconds"} if program.pausing else program.input


def story(events: list[dict[str, Any]]) -> list[Any]:
    """What a log tells, in the order of the steps: two branches may end in any order.

    A reload is no part of it, nor is the attempt that it cut.
    """
    plain: list[dict[str, Any]] = []
    cut: Counter[int] = Counter()
    for event in events:
        told = {name: value for name, value in event.items() if name not in NOT_TOLD_ALIKE}
        if "attempt" in told:
            told["attempt"] -= cut[told["step"]]
        if told["type"] == "activity_failed" and told["error"]["code"] == "ActivityInterruptedError":
            begun = ("activity_scheduled", told["step"], told["attempt"])
            plain = [each for each in plain if (each["type"], each.get("step"), each.get("attempt")) != begun]
            cut[told["step"]] += 1
        elif told["type"] != "run_recovered":
            plain.append(told)
    return sorted(plain, key=lambda event: (event.get("step", 0), event["type"]))


async def all_on_sqlite(engine: Engine) -> dict[str, tuple[Any, list[Any]]]:
    """Every program's result and story."""
    for program in PROGRAMS:
        await engine.start(program.workflow, given(program), id=program.file)
    for program in PROGRAMS:
        while program.decision and not (reviews := (await engine.reviews(status="pending", run_id=program.file)).items):
            await asyncio.sleep(0.02)  # the run asks for it
        if program.decision:
            await engine.submit_review(reviews[0]["id"], **program.decision)
        for name, payload in program.signals:
            await engine.signal(program.file, name, payload)
    return {
        program.file: (await engine.get_handle(program.file).result(), story(await engine.history(program.file)))
        for program in PROGRAMS
    }


@pytest.mark.scenario(11)
@engines(*ENGINES)
def test_every_example_goes_on_over_a_reload_and_ends_as_on_sqlite(
    any_browser: AnyBrowser, examples: Server, tmp_path: Path
) -> None:
    workflows = [getattr(example(program.path.stem), program.workflow) for program in PROGRAMS]
    there = on_server(tmp_path / "weft.db", all_on_sqlite, workflows)
    assert {name: result for name, (result, _) in there.items()} == {each.file: each.result for each in PROGRAMS}

    page = open_weft(any_browser, examples.url, **ALL)
    for program in PROGRAMS:
        call(page, "start", program.workflow, [given(program)], {"id": program.file})
    waiting = [program for program in PROGRAMS if program.signals or program.decision]
    for program in waiting:
        until(page, "return (await weft.describe(arg)).waiting_for.length > 0", program.file)
    page.close()
    page = open_weft(any_browser, examples.url, **ALL)
    until(page, "return weft.status.role === 'leader'")  # the closed tab may take its time to be gone
    assert call(page, "diagnostics")["epoch"] == 2, "another engine has taken them up"
    for program in waiting:
        if program.decision:
            (review,) = call(page, "reviews", {"status": "pending", "runId": program.file})["items"]
            call(page, "submitReview", review["id"], program.decision)
        for name, payload in program.signals:
            call(page, "signal", program.file, name, payload)
    for program in PROGRAMS:
        assert call(page, "result", program.file) == there[program.file][0]
    for program in PROGRAMS:
        assert story(call(page, "history", program.file)) == there[program.file][1], program.file
    assert page.evaluate("weftErrors") == []
    told("every example in both worlds", faults=1, effects=0, programs=len(PROGRAMS), engine=any_browser.engine)
