"""``weft ls``, ``show``, ``signal`` and ``cancel``, from another process than the one that owns the store."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import CHECKOUT, ORDER, Cli, kill


def test_show_marks_the_waiting_line_and_tells_the_live_locals_while_another_process_runs_it(
    weft: Cli, parked: subprocess.Popen[str]
) -> None:
    shown = weft("show", "order-1").stdout
    (marked,) = [line for line in shown.splitlines() if "▶" in line and "await" in line]
    assert "await ctx.wait_for_signal(confirm" in marked
    assert "running" in shown
    assert "weft signal order-1 confirm" in shown
    frames = weft.json("show", "order-1", "--json")["frames"]
    (frame,) = frames["tasks"][0]["frames"]
    variables = {v["name"]: v for v in frame["locals"]}
    assert "A-1" in variables["order"]["text"]
    assert variables["charge"]["text"] == "{'reference': 'CHG-A-1'}"
    assert parked.poll() is None


def test_show_needs_no_code_of_the_run(weft: Cli, parked: subprocess.Popen[str]) -> None:
    """Its source is stored beside it: a file that has been changed or deleted since changes nothing."""
    kill(parked)
    shown = weft("show", "order-1").stdout
    assert "await ctx.wait_for_signal(confirm" in shown


def test_show_tells_the_last_events_in_order(weft: Cli, parked: subprocess.Popen[str]) -> None:
    events = weft.json("show", "order-1", "--json", "--events", "3")["events"]
    assert len(events) == 3
    assert [e["seq"] for e in events] == sorted(e["seq"] for e in events)
    assert "charge_card" in json.dumps(events)
    assert weft.json("show", "order-1", "--json", "--events", "0")["events"] == []


def test_a_run_is_asked_back_from_the_shell(weft: Cli, parked: subprocess.Popen[str]) -> None:
    assert "delivered: request to take back run order-1" in weft("take-back", "order-1").stdout
    assert "by force" in weft("take-back", "order-1", "--force").stdout
    assert "RunNotFoundError" in weft("take-back", "nobody", code=2).stderr
    assert parked.poll() is None


def test_a_shortened_id_is_enough_if_it_fits_one_run(weft: Cli, parked: subprocess.Popen[str]) -> None:
    assert weft.json("show", "ord", "--json")["run"]["id"] == "order-1"
    assert weft.json("show", "r-1", "--json")["run"]["id"] == "order-1"
    assert "RunNotFoundError" in weft("show", "x", code=2).stderr


def test_ls_finds_runs_by_tag_and_by_search_attribute(weft: Cli, tmp_path: Path) -> None:
    app = tmp_path / "towns.py"
    app.write_text(
        "from weft_core import workflow\n\n\n"
        "@workflow\nasync def town(ctx, name, people):\n"
        "    await ctx.set_attributes({'name': name, 'people': people, 'large': people > 100_000})\n"
    )
    for name, people in (("Bern", 134_000), ("Basel", 171_000), ("Thun", 43_000)):
        weft("run", f"{app}:town", "--args", "--input", json.dumps([name, people]), "--id", name)

    def found(*options: str) -> list[str]:
        return [run["id"] for run in weft.json("ls", "--json", *options)["items"]]

    assert found("-a", "people>=100000", "-a", "people<150000") == ["Bern"]
    assert found("-a", "name^=B") == ["Basel", "Bern"]
    assert found("-a", "name!=Bern", "-a", "large=true") == ["Basel"]
    assert found("-s", "completed", "-s", "failed", "-w", "town", "-a", "name=Thun") == ["Thun"]
    assert found("-t", "nobody has it") == []
    assert "write NAME=VALUE" in weft("ls", "-a", "Bern", code=2).stderr


def test_ls_lists_runs_newest_first_and_filters(weft: Cli) -> None:
    order = json.dumps({**json.loads(ORDER), "confirm": False, "pause": 0.01})
    for number in range(3):
        weft("run", CHECKOUT, "--input", order, "--id", f"order-{number}")
    assert [r["id"] for r in weft.json("ls", "--json")["items"]] == ["order-2", "order-1", "order-0"]
    assert weft.json("ls", "--json", "--status", "running")["items"] == []
    page = weft.json("ls", "--json", "--limit", "2")
    assert page["cursor"]
    rest = weft.json("ls", "--json", "--cursor", page["cursor"])["items"]
    assert [r["id"] for r in rest] == ["order-0"]
    table = weft("ls").stdout
    assert "completed" in table
    assert table.index("order-2") < table.index("order-0")


@pytest.mark.parametrize("words", [["ls"], ["show", "x"], ["signal", "x", "go"], ["cancel", "x"]])
def test_looking_at_a_store_that_is_not_there_says_so_and_makes_none(weft: Cli, words: list[str]) -> None:
    assert "there is no store 'weft.db'" in weft(*words, code=2).stderr
    assert list(weft.folder.iterdir()) == []


def test_a_signal_reaches_the_run_in_the_other_process(weft: Cli, parked: subprocess.Popen[str]) -> None:
    """G7: done means durable; here it also means delivered."""
    said = weft("signal", "order-1", "confirm", '{"confirmed": false, "by": "Bob"}').stdout
    assert said == "delivered: signal confirm to run order-1\n"
    out, _ = parked.communicate(timeout=10)
    assert json.loads(out)["status"] == "undone"
    assert json.loads(out)["reason"] == "Bob declined"
    refused = weft("signal", "order-1", "confirm", code=2)
    assert "already completed" in refused.stderr


def test_a_signal_left_while_nobody_runs_is_delivered_later_and_once_per_id(
    weft: Cli, parked: subprocess.Popen[str]
) -> None:
    kill(parked)
    for _ in range(2):
        done = weft("signal", "order-1", "confirm", '{"confirmed": true}', "--signal-id", "c-1")
        assert done.stdout == "stored: signal confirm to run order-1\n"
    assert weft.json("run", CHECKOUT, "--id", "order-1")["status"] == "shipped"
    events = weft.json("show", "order-1", "--json", "--events", "100")["events"]
    assert [e["type"] for e in events].count("signal_received") == 1


def test_an_undeclared_signal_and_bad_json_are_refused_before_anything_is_written(
    weft: Cli, parked: subprocess.Popen[str]
) -> None:
    refused = weft("signal", "order-1", "conform", "1", code=2).stderr
    assert "declares no signal 'conform'" in refused
    assert "confirm" in refused
    assert "not JSON" in weft("signal", "order-1", "confirm", "{yes}", code=2).stderr


def test_cancel_undoes_the_order_and_ends_the_run_as_cancelled(weft: Cli, parked: subprocess.Popen[str]) -> None:
    """G13: RunCancelled is no Exception, so the except clause of the workflow stays out of it."""
    weft("cancel", "order-1", "--reason", "changed my mind")
    out, err = parked.communicate(timeout=10)
    assert (parked.returncode, out) == (3, "")
    assert "changed my mind" in err
    assert weft.json("show", "order-1", "--json")["run"]["status"] == "cancelled"
    assert "already cancelled" in weft("cancel", "order-1", code=2).stderr


def test_a_damaged_record_is_named_and_hides_no_other_run(weft: Cli, parked: subprocess.Popen[str]) -> None:
    """G18: one flipped byte in one run's record."""
    kill(parked)
    order = json.dumps({**json.loads(ORDER), "confirm": False, "pause": 0.01})
    weft("run", CHECKOUT, "--input", order, "--id", "healthy")
    flip_a_byte(weft.folder / "weft.db", b"run/order-1")
    listed = {run["id"]: run for run in weft.json("ls", "--json")["items"]}
    assert listed["healthy"]["status"] == "completed"
    assert listed["order-1"]["error"]["code"] == "CorruptRecordError"
    assert "run/order-1" in weft("show", "order-1", code=2).stderr


def flip_a_byte(store: Path, key: bytes) -> None:
    db = sqlite3.connect(store)
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    (table,) = [t for t in tables if {"key", "value"} <= {row[1] for row in db.execute(f"PRAGMA table_info({t})")}]
    ((value,),) = db.execute(f"SELECT value FROM {table} WHERE key = ?", (key,)).fetchall()
    damaged = value[:-3] + bytes([value[-3] ^ 1]) + value[-2:]
    db.execute(f"UPDATE {table} SET value = ? WHERE key = ?", (damaged, key))
    db.commit()
    db.close()
