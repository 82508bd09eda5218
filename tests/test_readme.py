"""Every block of README.md works when it is pasted: files are saved under their names, shell lines are run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, eventually, weft  # noqa: F401

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for kind, text in BLOCKS if kind == language]


@pytest.fixture
def files(weft: Cli) -> Path:  # noqa: F811
    """The Python files of the README, in the folder of the command line."""
    for text in blocks("python"):
        name = re.match(r"# (\w+\.py)\n", text)
        assert name, f"this block does not say its file name: {text[:60]}"
        (weft.folder / name[1]).write_text(text)
    (weft.folder / "page").mkdir()
    (weft.folder / "page" / "index.html").write_text("".join(blocks("html")))
    return weft.folder


def shell(lines: str, cli: Cli) -> str:
    """Run a block as a person would: in the folder, with the commands of the virtual environment."""
    env = {**cli.env, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-ec", lines], cwd=cli.folder, env=env, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, f"{lines}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_commands_of_the_start_do_what_they_say(weft: Cli, files: Path) -> None:  # noqa: F811
    run, speak, _build = blocks("sh")
    words = re.match(r"weft (run .*)\n", run)
    assert words
    import shlex

    process = weft.start(*shlex.split(words[1]))
    eventually(lambda: weft.waits_for("order-1", "approval"), "the run waits", process)
    said = shell(speak, weft)
    assert "await ctx.wait_for_signal(approval" in next(line for line in said.splitlines() if "▶" in line)
    assert "receipt for 4900 cents" in said
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, '{"receipt": "receipt for 4900 cents", "approved_by": "Ada"}\n'), err


def test_the_program_runs_and_runs_again(files: Path, weft: Cli) -> None:  # noqa: F811
    for _ in range(2):
        assert shell("python main.py", weft) == "{'receipt': 'receipt for 900 cents', 'approved_by': 'Bob'}\n"


def test_the_start_is_short() -> None:
    start = next(text for text in blocks("python") if text.startswith("# shop.py"))
    assert len([line for line in start.splitlines() if line.strip() and not line.startswith("#")]) <= 20


def test_every_block_is_of_a_kind_that_is_run_here() -> None:
    assert {kind for kind, _ in BLOCKS} == {"python", "sh", "html"}


def test_the_two_commands_and_every_file_it_names_are_there() -> None:
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make (\w+)`", TEXT)) <= targets
    for name in re.findall(r"\]\(([\w./-]+)\)|`((?:docs|examples|tests)/[\w./]*)`", TEXT):
        assert (ROOT / (name[0] or name[1])).exists(), name
