"""G2 on a server: ``kill -9`` at any moment, the same command again, and it goes on at the waiting line."""

from __future__ import annotations

import itertools

import pytest

from tests.cli.conftest import CHECKOUT, ORDER, Cli, eventually, kill

BODY = [
    "checkout begins",
    "stock reserved",
    "card charged",
    "customer answered",
    "receipt sent and parcel shipped",
]
SLOW = """
import asyncio, os
from weft_core import Context, RetryPolicy, activity, workflow

@activity(retry=RetryPolicy(max_attempts=50, initial_interval=0.01))
async def work(number: int) -> int:
    await asyncio.sleep(0.15)
    return number

@workflow
async def slow(ctx: Context, steps: int) -> int:
    total = 0
    for number in range(steps):
        note(f"before {number}")
        total += await ctx.run(work, number)
    note("end")
    return total

def note(text: str) -> None:
    with open(os.environ["WEFT_CHECKOUT_LOG"], "a") as file:
        file.write(text + "\\n")
"""


def test_a_run_killed_while_it_waits_for_its_customer_goes_on_without_running_anything_again(weft: Cli) -> None:
    """G2, G5: five statements and five effects, each once, although the process was killed twice."""
    command = ("run", CHECKOUT, "--input", ORDER)
    for _ in range(2):
        process = weft.start(*command, "--id", "order-1")
        eventually(lambda: weft.waits_for("order-1", "confirm"), "the run reaches its signal", process)
        kill(process)
        assert weft.lines() == BODY[:3]
    weft("signal", "order-1", "confirm", '{"confirmed": true, "by": "Ada"}')
    result = weft.json(*command, "--id", "order-1")
    assert result["status"] == "shipped"
    assert result["confirmed_by"] == "Ada"
    assert weft.lines() == BODY
    effects = weft.effects()
    assert sorted(e["operation"] for e in effects) == ["charge", "receipt", "reserve", "ship"]
    assert len({e["key"] for e in effects}) == 4


def test_the_same_command_without_an_id_continues_the_killed_run(weft: Cli) -> None:
    command = ("run", CHECKOUT, "--input", ORDER)
    process = weft.start(*command)
    eventually(lambda: len(weft.lines()) == 3, "the card is charged", process)
    (run,) = weft.runs()
    eventually(lambda: weft.waits_for(run["id"], "confirm"), "the run reaches its signal", process)
    kill(process)
    weft("signal", run["id"], "confirm", '{"confirmed": true}')
    assert weft.json(*command)["status"] == "shipped"
    assert weft.lines() == BODY
    assert len(weft.runs()) == 1


@pytest.mark.parametrize("lines", [1, 2, 3, 4])
def test_whenever_it_is_killed_no_statement_before_the_waiting_line_runs_again(weft: Cli, lines: int) -> None:
    """G2: only the line between the last suspension point and the kill may come twice."""
    (weft.folder / "app.py").write_text(SLOW)
    command = ("run", "app.py", "--input", "5")
    process = weft.start(*command)
    eventually(lambda: len(weft.lines()) >= lines, f"{lines} lines are written", process)
    kill(process)
    before = weft.lines()
    assert weft.json(*command) == 10
    again = weft.lines()[len(before) :]
    assert again[0] in (before[-1], f"before {len(before)}")
    once = [line for line, _ in itertools.groupby(weft.lines())]
    assert once == [*(f"before {n}" for n in range(5)), "end"]


def test_killed_again_and_again_it_still_arrives(weft: Cli) -> None:
    """G12: a recovery that is killed too costs nothing but time."""
    (weft.folder / "app.py").write_text(SLOW)
    command = ("run", "app.py", "--input", "6")
    kills = 0
    for _ in range(5):
        seen = len(weft.lines())
        process = weft.start(*command)
        eventually(lambda: len(weft.lines()) > seen or process.poll() is not None, "another line", process)
        if process.poll() is None:
            kill(process)
            kills += 1
    assert kills >= 3
    assert weft.json(*command) == 15
    once = [line for line, _ in itertools.groupby(weft.lines())]
    assert once == [*(f"before {n}" for n in range(6)), "end"]
    assert len(weft.lines()) <= len(once) + kills
