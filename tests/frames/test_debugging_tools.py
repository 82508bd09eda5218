"""Real tools on durable code: pdb, coverage, pytest, inspect, help; and Python's own printing of a refusal."""

from __future__ import annotations

import inspect
import json
import pydoc
import re
import traceback
import typing

import pytest

from tests.frames.helpers import both, module
from tests.frames.interpreters import pythons, run_python
from weft_core.errors import TransformError

# ------------------------------------------------------------------ pdb

SHOP = """\
import sys
from tests.frames.toy_engine import Ctx, Workflow
from weft_core.frames import durable

@durable
async def price(ctx, n):
    cents = await ctx.run("price", n)
    cents = cents + 1
    return cents + 0 * n

@durable
async def shop(ctx):
    total = 0
    for n in range(3):
        total += await price(ctx, n)
        print("AT", n)
    return total

def drive(crash):
    w = Workflow.start(Ctx(), shop)
    while not w.done:
        if crash:
            w = w.crash()
        w.step(lambda op: op.args[0] * 10)
    print("RESULT", w.result())

if __name__ == "__main__":
    drive(sys.argv[1:] == ["crash"])
"""


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "shop.py"
    path.write_text(SHOP)
    return path


def pdb(program, *commands, crash):
    """What pdb shows while these commands are typed."""
    typed = "\n".join([*commands, "c", "q"]) + "\n"
    return run_python("-m", "pdb", program, *(["crash"] if crash else []), input=typed)


@pytest.mark.parametrize("crash", [False, True], ids=["live", "resumed"])
def test_pdb_stops_steps_and_shows_variables(program, crash):
    """A breakpoint in a durable function, after its first await: with crash, in a frame that was restored."""
    commands = ["b 8, n == 2", "c", "p cents, n", "n", "p cents", "w", "u", "p total, n", "d", "r", "n", "p total"]
    out = pdb(program, *commands, crash=crash)
    answers = [a.strip() for a in out.split("(Pdb)")]
    assert f"Breakpoint 1 at {program}:8" in answers[1]
    assert f"> {program}(8)price()" in answers[2] and "-> cents = cents + 1" in answers[2]
    assert answers[3] == "(20, 2)"
    assert f"> {program}(9)price()" in answers[4] and "-> return cents + 0 * n" in answers[4]
    assert answers[5] == "21"
    where = re.findall(r"\((\d+)\)(\w+)\(\)(?:->\S+)?\n-> (.*)", answers[6])
    assert ("15", "shop", "total += await price(ctx, n)") in where, answers[6]
    assert where[-1] == ("9", "price", "return cents + 0 * n")
    assert f"> {program}(15)shop()" in answers[7]
    assert answers[8] == "(12, 2)", answers[8]
    assert "RESULT 33" in out


@pytest.mark.parametrize("crash", [False, True], ids=["live", "resumed"])
def test_pdb_steps_over_an_await_and_lists_the_source(program, crash):
    """``n`` at an await goes to the next line when the coroutine is next driven, as with plain coroutines."""
    out = pdb(program, "b 13", "c", "n", "n", "l", "b 17", "c", "p total", "p sorted(locals())", crash=crash)
    answers = [a.strip() for a in out.split("(Pdb)")]
    assert "-> total = 0" in answers[2]
    assert "-> for n in range(3):" in answers[3]
    assert "-> total += await price(ctx, n)" in answers[4]
    assert "15  ->\t        total += await price(ctx, n)" in answers[5] and "for n in range(3):" in answers[5]
    assert "-> return total" in answers[7]
    assert answers[8] == "33"
    assert not [n for n in re.findall(r"'([^']+)'", answers[9]) if n[0] != "." and n not in ("ctx", "n", "total")]


def test_pdb_post_mortem_shows_the_frames_of_a_failed_run(program):
    program.write_text(SHOP.replace("cents = cents + 1", "cents = cents + None * n"))
    out = run_python("-m", "pdb", program, "crash", input="c\nw\np cents, n\nu\np total\nq\nq\n")
    assert "TypeError" in out
    answers = [a.strip() for a in out.split("(Pdb)")]
    assert f"{program}(8)price()" in answers[2]
    assert answers[3] == "(0, 0)"
    assert answers[5] == "0"


# ------------------------------------------------------------------ coverage

COVERED = '''\
import sys
from tests.frames.toy_engine import Ctx, Workflow
from weft_core.codec import register
from weft_core.frames import durable


def plain(fn):
    return fn


@register(name="test:Room")
class Room:
    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        return False


@DECORATOR
async def numbers(ctx):
    for i in range(3):
        yield await ctx.run("n", i)


@DECORATOR
async def helper(ctx, n):
    """Doc."""
    if n > 100:
        return "never"
    try:
        if n == 1:
            raise ValueError(n)
    except ValueError:
        await ctx.run("handled")
    except TypeError:
        await ctx.run("never")
    else:
        await ctx.run("fine")
    finally:
        n += await ctx.run("finally", 1)
    return n


@DECORATOR
async def wf(ctx):
    total = 0
    while total < 3:
        total += await helper(ctx, total)
        if total > 50:
            continue
        elif total == 49:
            break
    else:
        total += await ctx.run("else", 1)
    async for n in numbers(ctx):
        if n == 2:
            break
    else:
        total = "never"
    squares = [
        k * k
        for k in range(3)
        if await ctx.run("keep", k)
    ]
    match await ctx.run("match", 2):
        case 1:
            total = "never"
        case x if x > 1:
            total += x
    with open("/dev/null") if total < 0 else plain_manager():
        await ctx.run(
            "in with",
            1,
        )
    unless = await ctx.run("a", 1) if total > 1000 else await ctx.run("b", 2)
    def inner():
        return unless
    async def later():
        return 1
    return total, squares, inner()


import contextlib
plain_manager = contextlib.nullcontext
register(contextlib.nullcontext, name="test:null")


def drive(crash):
    w = Workflow.start(Ctx(), wf)
    while not w.done:
        if crash:
            w = w.crash()
        w.step(lambda op: op.args[0] if op.args else op.name)
    print("RESULT", w.result())


drive(sys.argv[1:] == ["crash"])
'''


def covered(folder, decorator, *arguments):
    """(lines that ran, lines that did not, branches that did not) of the durable functions."""
    path = folder / f"{decorator}{len(arguments)}.py"
    path.write_text(COVERED.replace("DECORATOR", decorator))
    data = folder / f"{path.stem}.data"
    settings = {"COVERAGE_FILE": str(data)}
    out = run_python("-m", "coverage", "run", "--branch", path, *arguments, cwd=folder, check=0, **settings)
    assert "RESULT" in out
    report = folder / f"{path.stem}.json"
    run_python("-m", "coverage", "json", "-o", report, cwd=folder, check=0, **settings)
    found = json.loads(report.read_text())["files"][path.name]
    lines = COVERED.splitlines()
    first, last = lines.index("async def numbers(ctx):") + 1, lines.index("    return total, squares, inner()") + 1
    inside = [line for line in found["executed_lines"] if first <= line <= last]
    missing = [line for line in found["missing_lines"] if first <= line <= last]
    branches = [b for b in found["missing_branches"] if first <= b[0] <= last]
    return inside, missing, branches


def test_coverage_of_durable_code_is_that_of_plain_code(tmp_path):
    plain = covered(tmp_path, "plain")
    assert plain[1], "the program has lines that do not run"
    assert covered(tmp_path, "durable") == plain


def test_coverage_after_restores_is_that_of_plain_code(tmp_path):
    assert covered(tmp_path, "durable", "crash")[:2] == covered(tmp_path, "plain")[:2]


# ------------------------------------------------------------------ pytest

TEST_FILE = """\
from tests.frames.helpers import both, echo
from tests.frames.toy_engine import run
from weft_core.frames import durable

@durable
async def wf(ctx, wanted):
    got = await ctx.run("a", 1)
    assert got == wanted, f"{got} is not {wanted}"
    return got

def test_passes():
    assert both(wf, 1) == 1

def test_fails():
    run(wf, 2, do=echo, crash=lambda i: True)
"""


@pytest.mark.parametrize("mode", ["rewrite", "plain"])
def test_a_workflow_in_a_test_file_whose_asserts_pytest_rewrites(tmp_path, mode):
    (tmp_path / "test_it.py").write_text(TEST_FILE)
    out = run_python("-m", "pytest", "-q", f"--assert={mode}", "-p", "no:cacheprovider", tmp_path, cwd=tmp_path)
    assert "1 failed, 1 passed" in out, out
    assert "AssertionError: 1 is not 2" in out
    assert '>       assert got == wanted, f"{got} is not {wanted}"' in out
    assert "test_it.py:8: AssertionError" in out


# ------------------------------------------------------------------ looking at functions

LOOK = '''
    import typing
    {future}

    class Item: ...

    def logged(fn):
        return fn

    @logged
    @durable
    async def shop(ctx, item: "Item", *more: int, count: int = 1, **rest: str) -> list[Item]:
        """Sell it.

        And say so.
        """
        chosen: Item = item
        return [await ctx.run("a", chosen)]

    @durable
    async def stream(ctx):
        yield await ctx.run("a")

    @durable
    def counting(ctx):
        yield 1

    class Shop:
        @durable
        async def sell(self, ctx, item: Item) -> None:
            """Method."""
'''


@pytest.mark.parametrize("future", ["", "from typing import *"], ids=["", "star"])
def test_inspect_typing_and_help_see_the_authors_function(future):
    m = module(LOOK.format(future=future))
    assert inspect.iscoroutinefunction(m.shop) and inspect.iscoroutinefunction(m.Shop.sell)
    assert inspect.isasyncgenfunction(m.stream) and inspect.isgeneratorfunction(m.counting)
    assert str(inspect.signature(m.shop)).startswith("(ctx, item: ")
    assert list(inspect.signature(m.shop).parameters) == ["ctx", "item", "more", "count", "rest"]
    hints = typing.get_type_hints(m.shop)
    assert hints["item"] is m.Item and hints["return"] == list[m.Item] and hints["count"] is int
    assert inspect.getsource(m.shop).startswith("@logged\n@durable\nasync def shop(")
    assert inspect.getsource(m.shop).endswith('return [await ctx.run("a", chosen)]\n')
    assert inspect.getsource(m.Shop.sell).startswith("    @durable\n    async def sell(")
    assert inspect.getdoc(m.shop) == "Sell it.\n\nAnd say so."
    shown = pydoc.plain(pydoc.render_doc(m.shop))
    assert "shop(ctx, item:" in shown and "And say so." in shown
    assert (m.shop.__name__, m.shop.__qualname__, m.Shop.sell.__qualname__) == ("shop", "shop", "Shop.sell")
    assert m.shop.__code__.co_firstlineno == 10
    assert both(m.shop, 5) == ["a"] or both(m.shop, 5) == [5]


# ------------------------------------------------------------------ refusals look like syntax errors

REFUSED = """\
from weft_core.frames import durable

@durable
async def shop(ctx):
    try:
        pass
    except (await ctx.run("ä", "ö")) if True else ValueError:
        pass
"""


@pytest.mark.parametrize("python", pythons(), ids=lambda found: "%d.%d" % found[0])
def test_python_prints_a_refusal_as_it_prints_a_syntax_error(tmp_path, python):
    """Before 3.13, the interpreter itself marks only the beginning of errors of classes derived from SyntaxError."""
    (tmp_path / "shop.py").write_text(REFUSED)
    out = run_python(tmp_path / "shop.py", python=python[1])
    shown = out.splitlines()
    at = next(i for i, line in enumerate(shown) if line.strip() == f'File "{tmp_path / "shop.py"}", line 7')
    assert shown[at + 1].strip() == 'except (await ctx.run("ä", "ö")) if True else ValueError:'
    carets = shown[at + 2]
    marked = len('(await ctx.run("ä", "ö")) if True else ValueError') if python[0] >= (3, 13) else 1
    assert carets.count("^") == marked, out
    assert "compile.py" not in out, "how the compiler found it is no concern of the author"
    assert carets.index("^") == shown[at + 1].index("(await")
    assert "TransformError: an 'except' clause cannot await in its type expression; evaluate it before the try" in out


@pytest.mark.parametrize(
    "source, underlined",
    [
        ("@durable\ndef shop(ctx):\n    return 1\n", "def shop"),
        ("@durable\ndef   shäp(ctx): return 1\n", "def   shäp"),
        ("class Shop:\n    @durable\n    def sell(self):\n        return (\n            1)\n", "def sell"),
    ],
)
def test_a_refused_function_is_underlined_at_its_head(source, underlined):
    with pytest.raises(TransformError) as caught:
        module(source)
    error = caught.value
    assert error.text[error.offset - 1 : error.end_offset - 1] == underlined
    assert error.end_lineno == error.lineno
    *_, carets, _ = _printed(error)
    assert carets.strip() == "^" * len(underlined)


def _printed(error):
    return "".join(traceback.format_exception_only(error)).splitlines()


def test_a_refusal_over_several_lines_is_underlined_to_the_end_of_the_first():
    with pytest.raises(TransformError) as caught:
        module("""
            @durable
            async def shop(ctx):
                try:
                    pass
                except (await ctx.run(
                        "a")):
                    pass
        """)
    error = caught.value
    assert (error.lineno, error.facts["end_lineno"]) == (6, 7)
    shown = _printed(error)
    assert shown[1].strip() == "except (await ctx.run("
    assert shown[2].strip() == "^" * len("await ctx.run("), shown


def test_a_refusal_keeps_its_place_when_it_travels():
    import copy

    with pytest.raises(TransformError) as caught:
        module("@durable\ndef shop(ctx):\n    return 1\n")
    again = copy.copy(caught.value)
    assert (again.lineno, again.offset, again.end_offset, again.text) == (2, 1, 9, "def shop(ctx):\n")
    assert again.to_json()["facts"]["reason"] == "ordinary-function"
    assert "write `async def`" in str(again)
