"""``weft check``: before a deployment, beside a running engine, changing nothing (G16)."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.cli.conftest import CHECKOUT, ORDER, Cli, eventually, kill

PARKING = """
from weft_core import Context, workflow

@workflow
async def parking(ctx: Context, n: int) -> int:
    paid = n
    print("statement", flush=True)
    return paid + await ctx.wait_for_signal("go")
"""


def bytes_of(folder: Path) -> dict[str, bytes]:
    """The store's files, without the shared memory in which SQLite coordinates readers."""
    return {p.name: p.read_bytes() for p in folder.glob("weft.db*") if not p.name.endswith(("-shm", "-lock"))}


def parked(weft: Cli, *, alive: bool = False) -> None:
    """A run with id "p" that another process has parked; that process is dead then, or ``alive``."""
    (weft.folder / "app.py").write_text(PARKING)
    process = weft.start("run", "app.py:parking", "--input", "1", "--id", "p")
    eventually(lambda: weft.waits_for("p", "go"), "the run waits", process)
    if not alive:
        kill(process)


def test_unchanged_code_can_continue_everything_and_not_a_byte_of_the_store_changes(weft: Cli) -> None:
    parked(weft)
    before = bytes_of(weft.folder)
    assert before.keys() >= {"weft.db", "weft.db-wal"}, "a killed process leaves its log"
    done = weft("check", "--storage", "weft.db", "--workflows", "app.py")
    assert "continues" in done.stdout
    assert "parking:8" in done.stdout
    assert "signal go" in done.stdout
    assert "1 unfinished run; this code can continue all of them" in done.stderr
    assert "statement" not in done.stdout
    assert bytes_of(weft.folder) == before
    assert weft.json("check", "--workflows", "app.py", "--json")["continue"] is True


def test_code_that_would_hold_a_run_is_told_so_with_what_to_do_and_exit_code_1(weft: Cli) -> None:
    parked(weft)
    before = bytes_of(weft.folder)
    (weft.folder / "app.py").write_text(PARKING.replace('"go"', '"start"'))
    done = weft("check", "--workflows", "app.py", code=1)
    assert "p would be held:" in done.stdout
    assert "ctx.wait_for_signal('start')" in done.stdout
    assert "CodeChangedError" in done.stdout
    assert "1 cannot go on" in done.stderr
    (run,) = json.loads(weft("check", "--workflows", "app.py", "--json", code=1).stdout)["runs"]
    assert (run["run_id"], run["verdict"], run["error"]) == ("p", "held", "CodeChangedError")
    assert (run["function"], run["line"], run["version"]) == ("parking", 8, "1")
    assert bytes_of(weft.folder) == before


def test_versions_in_several_files_and_migrations_count(weft: Cli) -> None:
    parked(weft)
    newer = PARKING.replace("@workflow", '@workflow(version="2")').replace('"go"', '"start"')
    (weft.folder / "newer.py").write_text(newer)
    assert "register that version again" in weft("check", "--workflows", "newer.py", code=1).stdout
    assert "continues" in weft("check", "--workflows", "newer.py", "--workflows", "app.py").stdout
    moved = newer + (
        "\n@parking.migrate(from_version='1')\ndef _(run):\n"
        "    run.root.move_to('signal start', instead=run.ctx.wait_for_signal('start'))\n"
    )
    (weft.folder / "moved.py").write_text(moved)
    assert "continues as version 2, by migration" in weft("check", "--workflows", "moved.py").stdout
    (weft.folder / "both.py").write_text(PARKING + newer)
    assert "continues" in weft("check", "--workflows", "both.py").stdout, "two versions of one name in one file"


def test_a_file_with_two_versions_starts_the_newest_and_continues_the_runs_of_both(weft: Cli) -> None:
    parked(weft)
    newer = PARKING.replace("@workflow", '@workflow(version="2")').replace("paid + await", "10 + paid + await")
    (weft.folder / "app.py").write_text(PARKING + newer)
    weft("signal", "p", "go", "5")
    assert weft("run", "app.py", "--id", "p").stdout == "6\n", "it is on version 1"
    weft("cancel", "p", code=2)
    process = weft.start("run", "app.py", "--input", "1", "--id", "q")
    eventually(lambda: weft.waits_for("q", "go"), "the run waits", process)
    weft("signal", "q", "go", "5")
    assert process.communicate(timeout=10)[0] == "statement\n16\n"
    assert weft.json("show", "q", "--json")["run"]["version"] == "2"


def test_it_works_while_another_process_runs_the_store(weft: Cli) -> None:
    process = weft.start("run", CHECKOUT, "--input", ORDER, "--id", "order-1")
    eventually(lambda: weft.waits_for("order-1", "confirm"), "the run waits", process)
    for _ in range(2):
        assert "order-1" in weft("check", "--workflows", CHECKOUT.rpartition(":")[0]).stdout
    weft("signal", "order-1", "confirm", '{"confirmed": true}')
    out, _ = process.communicate(timeout=10)
    assert json.loads(out)["status"] == "shipped"
    assert weft("check", "--workflows", CHECKOUT.rpartition(":")[0]).stderr == "no unfinished runs\n"


def test_a_store_or_a_file_that_is_not_there_is_said_and_none_is_made(weft: Cli) -> None:
    assert "there is no store" in weft("check", "--workflows", CHECKOUT.rpartition(":")[0], code=2).stderr
    assert os.listdir(weft.folder) == []
    parked(weft)
    assert "there is no file" in weft("check", "--workflows", "gone.py", code=2).stderr
    (weft.folder / "empty.py").write_text("")
    assert "defines no workflow" in weft("check", "--workflows", "empty.py", code=2).stderr
