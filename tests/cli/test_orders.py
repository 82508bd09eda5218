"""``weft suspend``, ``resume``, ``terminate``, ``reviews`` and ``decide``, beside a living owner and without one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import CHECKOUT, ORDER, Cli, eventually, kill

REVIEW = f"{Path(__file__).resolve().parents[2] / 'examples' / 'payment_review.py'}:payment"
REQUEST = json.dumps({"order": "A-9", "cents": 250_000})


def status(weft: Cli, run: str) -> str:
    found: str = weft.json("show", run, "--json")["run"]["status"]
    return found


def test_a_run_of_another_process_is_suspended_resumed_and_terminated(weft: Cli) -> None:
    """The process runs order-2 and, as every unfinished run of its store, order-1."""
    for run in ("order-1", "order-2"):
        process = weft.start("run", CHECKOUT, "--input", ORDER, "--id", run)
        eventually(lambda run=run: weft.waits_for(run, "confirm"), "the run waits", process)
        if run == "order-1":
            kill(process)
    lines = weft.lines()
    for verb, then in (("suspend", "suspended"), ("resume", "running"), ("terminate", "terminated")):
        assert f"request to {verb} run order-1" in weft(verb, "order-1").stdout
        eventually(lambda then=then: status(weft, "order-1") == then, f"it is {then}", process)
    assert weft.lines() == lines, "none of its code ran"
    assert status(weft, "order-2") == "running"
    for verb in ("suspend", "resume", "terminate"):
        assert "already terminated" in weft(verb, "order-1", code=2).stderr


def test_what_is_left_while_nobody_runs_is_done_when_somebody_does(weft: Cli) -> None:
    process = weft.start("run", CHECKOUT, "--input", ORDER, "--id", "order-1")
    eventually(lambda: weft.waits_for("order-1", "confirm"), "the run waits", process)
    kill(process)
    for _ in range(2):
        assert weft("terminate", "order-1").stdout == "stored: request to terminate run order-1\n"
    assert status(weft, "order-1") == "running"
    order = json.dumps({**json.loads(ORDER), "confirm": False, "pause": 0.01})
    weft("run", CHECKOUT, "--input", order, "--id", "order-2")
    assert status(weft, "order-1") == "terminated"


def test_reviews_are_listed_and_decided_and_the_run_goes_on(weft: Cli) -> None:
    process = weft.start("run", REVIEW, "--input", REQUEST, "--id", "pay-1")
    eventually(lambda: (weft.folder / "weft.db").exists() and pending(weft), "it asks", process)
    (review,) = pending(weft)
    assert (review["run_id"], review["reviewers"], review["artifact"]["cents"]) == ("pay-1", ["payments-team"], 250_000)
    table = weft("reviews").stdout
    assert review["id"] in table
    assert "payments-team" in table
    assert "no pending reviews" in weft("reviews", "--reviewer", "nobody").stderr
    assert "no decision" in weft("decide", review["id"], "--sections", '{"a": "perhaps"}', code=2).stderr
    said = weft("decide", review["id"], "rejected", "--reviewer", "Ada", "--feedback", "too much")
    assert f"decision of review {review['id']}" in said.stdout
    out, _ = process.communicate(timeout=20)
    assert json.loads(out) == {"status": "rejected", "order": "A-9", "why": "too much"}
    assert "ReviewDecidedError" in weft("decide", review["id"], "approved", code=2).stderr
    assert weft.json("reviews", "--status", "decided", "--json")["items"][0]["reviewer"] == "Ada"


def pending(weft: Cli) -> list[dict[str, object]]:
    found: list[dict[str, object]] = weft.read(lambda reader: reader.reviews(status="pending"), None).items
    return found


@pytest.mark.parametrize("words", [["terminate", "x"], ["reviews"], ["decide", "x"]])
def test_a_store_that_is_not_there_is_not_made(weft: Cli, words: list[str]) -> None:
    assert "there is no store 'weft.db'" in weft(*words, code=2).stderr
    assert list(weft.folder.iterdir()) == []
