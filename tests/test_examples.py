"""Every file of examples/ does on SQLite what its docstring says, also when its process is killed."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, eventually, kill, weft  # noqa: F401
from tests.example_programs import FOLDER, OTHER_FILES, PROGRAMS, Program

SCRIPTS = [program for program in PROGRAMS if program.file != "checkout.py"]
BY_FILE = {program.file: program for program in PROGRAMS}


def start(cli: Cli, file: str, store: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", str(FOLDER / file), store]
    process = subprocess.Popen(command, cwd=cli.folder, env=cli.env, text=True, stdout=-1, stderr=-1)
    cli.started.append(process)
    return process


def said(process: subprocess.Popen[str]) -> list[str]:
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out.splitlines()


def decided(cli: Cli, decision: dict[str, str]) -> bool:
    """Decide the review that is asked for, if one is by now."""
    pending = cli.read(lambda reader: reader.reviews(status="pending"), None)
    for review in pending.items if pending else ():
        cli("decide", review["id"], decision["decision"], "--reviewer", decision["reviewer"])
    return bool(pending and pending.items)


def test_every_file_is_tested() -> None:
    files = {path.name for path in FOLDER.glob("*.py")}
    assert files == {program.file for program in PROGRAMS} | OTHER_FILES


@pytest.mark.parametrize("program", SCRIPTS, ids=lambda program: program.file)
def test_it_runs_as_a_script_and_runs_again_on_the_same_store(weft: Cli, program: Program) -> None:  # noqa: F811
    for _ in range(2):
        assert json.loads(said(start(weft, program.file, "store.db"))[-1]) == program.result


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.file)
def test_its_workflow_runs_by_the_command_line_with_its_signals(weft: Cli, program: Program) -> None:  # noqa: F811
    value = {**program.input, "pause": 0.05} if program.pausing else program.input
    command = ("run", f"{program.path}:{program.workflow}", "--input", json.dumps(value), "--id", "run-1", "--quiet")
    process = weft.start(*command)
    for name, payload in program.signals:
        eventually(lambda name=name: weft.waits_for("run-1", name), f"it waits for {name}", process)
        weft("signal", "run-1", name, json.dumps(payload))
    if program.decision:
        eventually(lambda: decided(weft, program.decision or {}), "it asks for a review", process)
    assert json.loads("\n".join(said(process))) == program.result


def test_a_tail_killed_in_the_middle_goes_on_where_it_was_and_misses_nothing(weft: Cli) -> None:  # noqa: F811
    """G2: the run goes on. The log goes on from the cursor it kept; killed between the two, a line may come again."""
    process = start(weft, "tail.py", "parcel.db")
    assert process.stdout is not None
    before = [process.stdout.readline()]
    while "timer_fired" not in before[-1]:
        before.append(process.stdout.readline())
    before += kill(process)
    after = said(start(weft, "tail.py", "parcel.db"))
    assert json.loads(after[-1]) == BY_FILE["tail.py"].result
    logged = [line.strip() for line in before + after if line.startswith("log:")]
    assert [line.rpartition(" ")[2] for line in dict.fromkeys(logged)] == ["Oslo", "Kiel", "Rome"]
    assert len(logged) <= 4


def test_an_approval_killed_while_it_waits_is_signalled_meanwhile_and_goes_on(weft: Cli) -> None:  # noqa: F811
    program = BY_FILE["approval.py"]
    order = json.dumps({**program.input, "pause": 0.05})
    command = ("run", f"{program.path}:approval", "--input", order, "--id", "order-1", "--quiet")
    process = weft.start(*command)
    eventually(lambda: weft.waits_for("order-1", "decision"), "it waits for a person", process)
    kill(process)
    assert "stored" in weft("signal", "order-1", "decision", json.dumps(program.signals[0][1])).stdout
    assert weft.json(*command) == program.result


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.file)
def test_its_docstring_says_how_to_run_it(program: Program) -> None:
    text = program.path.read_text("utf-8")
    doc = ast.get_docstring(ast.parse(text)) or ""
    commands = re.findall(r"^    ((?:weft|python) .*)$", doc, re.MULTILINE)
    assert commands, f"{program.file} does not say how to run it"
    for command in commands:
        words = shlex.split(command, comments=True)
        where = next((word for word in words if word.startswith("examples/")), f"examples/{program.file}:")
        file, _, name = where.partition(":")
        assert Path(file).name == program.file
        assert words[0] == "python" or name in (program.workflow, ""), command
        if "--input" in words:
            assert json.loads(words[words.index("--input") + 1]).keys() <= {*program.input, "pause"}
    assert program.file == "checkout.py" or len(text.splitlines()) <= 85
