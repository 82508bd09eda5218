"""One corpus on every Python that is here, and across them: stored on one, resumed on another.

``WEFT_ACROSS=all`` tries every suspension point of every pair, and ``WEFT_ACROSS_PROGRAMS=500`` that many random
programs; ``make soak`` does both.
"""

from __future__ import annotations

import os
import random
import sys

import pytest

from tests.frames.differential.corpus import corpus
from tests.frames.differential.crossing import cross_all
from tests.frames.differential.generator import program
from tests.frames.differential.pythons import VERSIONS, Absent, cpython, pyodide

THIS = "{}.{}".format(*sys.version_info)
SOME = None if os.environ.get("WEFT_ACROSS") == "all" else 2  # suspension points tried of each pair of Pythons
RANDOM = int(os.environ.get("WEFT_ACROSS_PROGRAMS", "6"))

pytestmark = [
    pytest.mark.timeout(max(600, RANDOM * 30)),
    # the programs leave coroutines un-awaited on purpose
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def pythons(tmp_path_factory):
    """Every Python that is here. Those that are not are named in the output."""
    folder, found, absent = tmp_path_factory.mktemp("across"), [], []
    for start in [*(lambda v=v: cpython(v, folder) for v in VERSIONS), lambda: pyodide(folder)]:
        try:
            found.append(start())
        except Absent as e:
            absent.append(str(e))
    yield found, absent
    for python in found:
        python.close()


@pytest.fixture
def across(pythons, capsys):
    """Compare programs on and across these Pythons, and tell which they are and how many crossings that were."""
    found, absent = pythons

    def run(programs, able=lambda p: True):
        able = [p for p in found if able(p)]
        counts, failures = cross_all(programs, able, SOME)
        with capsys.disabled():
            told = {k: n for k, n in counts.items() if " to " not in k}
            here = ", ".join(f"{p} ({p.about['version']}, msgpack in {p.about['packer']})" for p in able)
            print(f"\n  {here}: {told}{'; absent: ' if absent else ''}{'; '.join(absent)}", end=" ")
        assert not failures, "\n".join(f"{name}: {what}" for name, what in failures.items())
        return counts

    return run


def test_the_corpus_behaves_the_same_on_and_across_all_pythons(across):
    counts = across(corpus().items())
    assert not counts["refused"], counts


def test_the_corpus_of_312_behaves_the_same_where_its_syntax_is_known(across):
    counts = across(corpus(".py312").items(), lambda p: _version(p) >= (3, 12))
    assert not counts["refused"], counts


def test_the_corpus_of_314_behaves_the_same_where_its_syntax_is_known(across):
    counts = across(corpus(".py314").items(), lambda p: _version(p) >= (3, 14))
    assert not counts["refused"], counts


def _version(python):
    return tuple(int(n) for n in python.about["version"].split(".")[:2])


def test_random_programs_behave_the_same_on_and_across_all_pythons(across):
    first = random.SystemRandom().randrange(10**6, 10**9)
    print(f"seeds from {first}")
    across([(f"across_{seed}", program(seed)) for seed in range(first, first + RANDOM)])


def test_the_differential_tester_passes_on_each_python(pythons, capsys):
    first = random.SystemRandom().randrange(10**6, 10**9)
    for python in pythons[0]:
        python.tell("check", seeds=list(range(first, first + RANDOM)))
    for python in pythons[0]:
        found = python.answer()
        with capsys.disabled():
            counts = {k: found["counts"].get(k, 0) for k in ("programs", "suspensions", "restores")}
            print(f"\n  {python}, seeds from {first}: {counts}", end=" ")
        assert not found["failures"], f"{python}: {found['failures']}"


@pytest.mark.parametrize("name", ["exceptions", "closures"])
def test_every_suspension_in_a_process_of_its_own(name, tmp_path):
    """Nothing is shared but the bytes: not even the seed of the hashes."""
    text = corpus()[name]
    answer, hops = {"moment": None}, 0
    while "moment" in answer:
        python = cpython(THIS, tmp_path, PYTHONHASHSEED=str(hops))
        if not hops:
            plain = python.ask("plain", name=name, text=text)
        python.ask("load", name=name, text=text)
        answer, hops = python.ask("hop", name=name, stored=answer["moment"]), hops + 1
        python.close()
    assert answer.get("result") == plain["result"], answer
    assert answer["trace"] == plain["trace"]
    assert hops > 10


def test_the_packer_in_c_and_the_one_in_python_write_the_same_bytes(tmp_path):
    found = []
    for pure in ("1", ""):
        python = cpython(THIS, tmp_path, MSGPACK_PUREPYTHON=pure, PYTHONHASHSEED="0")
        bytes_of = {}
        for name, text in corpus().items():
            python.ask("load", name=name, text=text)
            bytes_of[name] = [m["data"] for m in python.ask("moments", name=name)["moments"]]
            python.ask("forget", name=name)
        found.append((python.about["packer"], bytes_of))
        python.close()
    assert [packer for packer, _ in found] == ["pure", "C"]
    assert found[0][1] == found[1][1]
