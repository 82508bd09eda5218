"""What the scripts of examples/ say around their workflows, a page says. The workflows: test_both_worlds.py."""

from __future__ import annotations

from e2e.harness.browser import Browser
from e2e.harness.pages import BARE, open_weft
from e2e.harness.server import Server
from tests.example_programs import PROGRAMS

ALL = {"workflows": ",".join(program.file for program in PROGRAMS), **BARE}


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
