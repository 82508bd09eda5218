"""How `make e2e` shares its tests out to two processes: see e2e/beside.py."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

CONFTEST = """
from e2e.beside import Beside

def pytest_configure(config):
    config.addinivalue_line("markers", "alone: as in pyproject.toml")
    config.pluginmanager.register(Beside(config))
"""
TESTS = """
import os, pathlib, time
import pytest
from e2e.beside import alone

LOG = pathlib.Path(__file__).with_name("log")

def note(*words):
    with LOG.open("a") as log:
        print(*words, file=log)

@pytest.mark.parametrize("number", range(8))
def test_beside(number):
    note("begin", f"beside-{number}")
    if number == CRASHES and not LOG.with_name("crashed").exists():
        LOG.with_name("crashed").touch()
        os._exit(3)
    time.sleep(0.3 if number == 7 else 0.02)
    note("end", f"beside-{number}")

@alone
@pytest.mark.parametrize("number", range(3))
def test_alone(number):
    note("begin", f"alone-{number}")
    time.sleep(0.02)
    note("end", f"alone-{number}")
"""


def run(folder: Path, *options: str, crashes: int = -1) -> tuple[str, list[list[str]]]:
    """What pytest said, and who began and ended when."""
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_them.py").write_text(TESTS.replace("CRASHES", str(crashes)))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
    environment |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "xdist.plugin"}
    command = [sys.executable, "-m", "pytest", str(folder), "-q", "-p", "no:cacheprovider", "--rootdir", str(folder)]
    done = subprocess.run([*command, *options], env=environment, capture_output=True, text=True, cwd=folder)
    return done.stdout, [line.split() for line in (folder / "log").read_text().splitlines()]


def test_tests_that_measure_run_when_all_others_have_ended_and_one_after_the_other(tmp_path: Path) -> None:
    said, log = run(tmp_path, "-n", "2")
    assert "11 passed" in said, said
    first = log.index(["begin", "alone-0"])
    assert {name for _, name in log[:first]} == {f"beside-{number}" for number in range(8)} and first == 16
    assert log[first:] == [[what, f"alone-{number}"] for number in range(3) for what in ("begin", "end")]


def test_one_such_test_waits_for_all_others_too(tmp_path: Path) -> None:
    said, log = run(tmp_path, "-n", "2", "-k", "beside or test_alone[0]")
    assert "9 passed" in said and log[-2:] == [["begin", "alone-0"], ["end", "alone-0"]], said


def test_a_process_that_dies_in_a_test_fails_this_test_and_no_other(tmp_path: Path) -> None:
    for crashes in (3, 7):
        folder = tmp_path / str(crashes)
        folder.mkdir()
        said, log = run(folder, "-n", "2", crashes=crashes)
        assert f"test_beside[{crashes}]" in said and "1 failed, 10 passed" in said, said
        assert len([name for what, name in log if what == "end"]) == 10


def test_in_one_process_they_run_in_their_order(tmp_path: Path) -> None:
    said, log = run(tmp_path)
    assert "11 passed" in said and len(log) == 22, said
