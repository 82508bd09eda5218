"""The workflows of examples/ in a browser: the same files, the same input, the same result as on SQLite."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

from e2e.harness.browser import Browser
from e2e.harness.pages import call, open_weft, until
from e2e.harness.server import Server
from tests.example_programs import PROGRAMS, Program

ALL = {"workflows": ",".join(program.file for program in PROGRAMS)}


def begin(page: Page, program: Program) -> str:
    value = {**program.input, "pause": "1500 milliseconds"} if program.pausing else program.input
    run: str = call(page, "start", program.workflow, [value], {"id": program.file})["id"]
    return run


def answer(page: Page, program: Program) -> None:
    """Tell the run what people tell it."""
    if program.decision:
        (review,) = call(page, "reviews", {"status": "pending", "runId": program.file})["items"]
        call(page, "submitReview", review["id"], program.decision)
    for name, payload in program.signals:
        call(page, "signal", program.file, name, payload)


def test_every_example_goes_on_over_a_reload_and_ends_as_on_sqlite(chrome: Browser, examples: Server) -> None:
    page = open_weft(chrome, examples.url, **ALL)
    for program in PROGRAMS:
        begin(page, program)
    waiting = [program.file for program in PROGRAMS if program.signals or program.decision]
    for run in waiting:
        until(page, "return (await weft.describe(arg)).waiting_for.length > 0", run)

    page.close()
    page = open_weft(chrome, examples.url, **ALL)
    assert call(page, "diagnostics")["epoch"] == 2, "another engine has taken them up"
    taken_up = {run["id"] for run in call(page, "list", {"status": "running", "limit": 100})["items"]}
    assert taken_up >= {*waiting, "tail.py"}
    for program in PROGRAMS:
        answer(page, program)
    results: dict[str, Any] = {program.file: call(page, "result", program.file) for program in PROGRAMS}
    assert results == {program.file: program.result for program in PROGRAMS}
    assert page.evaluate("weftErrors") == []


def test_the_page_says_of_runs_what_the_examples_scripts_say(chrome: Browser, examples: Server) -> None:
    """start_or_signal, order, tail and errors show what is around a workflow; a page does the same."""
    page = open_weft(chrome, examples.url, **ALL)
    told = page.evaluate(
        """async () => {
        const order = { id: "A-7", total: 4900 };
        const event = (id, part, cents) => weft.startOrSignal(
            "paid_order", [order], { name: "payment", payload: { part, cents } }, { id: "paid-A-7", signalId: id });
        const outcomes = [];
        for (const each of [["evt-1", "deposit", 1000], ["evt-1", "deposit", 1000], ["evt-2", "rest", 3900]]) {
            outcomes.push((await event(...each)).outcome);
        }
        const paid = await weft.result("paid-A-7");
        outcomes.push(await event("evt-3", "mistake", 1).catch((error) => error.code));

        const parcel = { id: "p", places: ["Oslo", "Rome"], pause: 0.05 };
        const run = await weft.start("journey", [parcel], { id: "p" });
        const seen = [];
        for await (const { type } of weft.tail(run.id)) seen.push(type);
        const again = await weft.start("journey", [parcel], { id: "p" }).catch((error) => error.code);

        for (const id of ["o-1", "o-2"]) {
            const cents = id === "o-1" ? 900 : 5000;
            await weft.start("order", [{ id, customer: "acme", cents, pause: 0.01 }], { id, tags: ["demo"] });
            await weft.result(id);
        }
        const dear = await weft.list({ attributes: { customer: "acme", cents: { gte: 1000 } }, tags: ["demo"] });
        const by = await weft.aggregate("stage", { workflow: "order" });
        return { outcomes, paid, seen, again, dear: dear.items.map((found) => found.id), groups: by.groups };
    }"""
    )
    assert told["outcomes"] == ["started", "started", "signalled", "StartOrSignalConflictError"]
    assert told["paid"] == {"order": "A-7", "paid": ["deposit", "rest"]}
    assert told["seen"].count("activity_completed") == told["seen"].count("timer_fired") == 2
    assert told["seen"][-1] == "run_completed"
    assert told["again"] == "RunExistsError"
    assert (told["dear"], told["groups"]) == (["o-2"], [{"key": "shipped", "count": 2}])
