"""Debuggers, coverage and tracebacks see the author's code and nothing else."""

from __future__ import annotations

import sys
import textwrap
import traceback

import pytest

from tests.frames.helpers import echo, module
from tests.frames.test_resume import parent
from tests.frames.toy_engine import Ctx, Workflow, run
from weft_core.frames import peek, source_of, stack

FAILING = """
    @durable
    async def inner(ctx, v):
        await ctx.run("a", v)
        raise ValueError(
            "boom")

    @durable
    async def wf(ctx):
        for i in range(3):
            with ctx_manager():
                pass
            xs = [await inner(ctx, j)
                  for j in range(2)]
"""


@pytest.mark.parametrize("crash", [None, lambda i: True], ids=["live", "resumed"])
def test_tracebacks_show_the_authors_lines(crash):
    import contextlib

    m = module(FAILING, ctx_manager=contextlib.nullcontext)
    with pytest.raises(ValueError) as caught:
        run(m.wf, do=echo, crash=crash)
    found = [f for f in traceback.extract_tb(caught.value.__traceback__) if f.filename == m.wf.__code__.co_filename]
    assert [f.name for f in found] == ["wf", "<listcomp>", "inner"]
    assert [f.lineno for f in found] == [13, 13, 5]
    assert found[2].line.startswith("raise ValueError")


def test_stack_and_peek_show_the_same_frames():
    w = Workflow.start(Ctx(), parent)
    live = stack(w.root.coro)
    assert [f.function for f in live] == ["parent", "parent.<locals>..listcomp0", "child"]
    assert live[2].label == "ctx.run('x')"
    assert live[2].locals["a"] == 0
    stored = peek(w.snapshot())
    w.evict()
    assert [(f.function, f.lineno, f.label) for f in stored[0]] == [(f.function, f.lineno, f.label) for f in live]


ALL_KINDS_OF_STATEMENTS = """
    class CM:
        def __enter__(self): return 1
        def __exit__(self, *a): pass

    @DECORATOR
    async def wf(ctx):
        '''doc'''
        total = 0
        for i in range(3):
            if i == 1:
                continue
            v = await ctx.run(
                "a",
                i,
            )
            total += v
            try:
                await ctx.run("b", 1)
            except ValueError:
                total = -1
            else:
                total += 1
            finally:
                total += 2
        else:
            total += 10
        while total > 100 and await ctx.run("c", 1):
            total -= 1
        with CM() as c:
            x = f"{total}" + str(await ctx.run("d", 1))
        match total:
            case 5:
                pass
            case _:
                y = await ctx.run("e", 2)
        return total
"""


def traced(m, crash=None):
    """Line events of the workflow, and (function, event) pairs whose frame had no line."""
    filename, lines, without_line = m.wf.__code__.co_filename, [], []

    def tracer(frame, event, arg):
        if frame.f_code.co_filename != filename:
            return None
        if frame.f_lineno is None:
            without_line.append((frame.f_code.co_name, event))
        if event == "line" and frame.f_code.co_name == "wf":
            lines.append(frame.f_lineno)
        return tracer

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        run(m.wf, do=echo, crash=crash)
    finally:
        sys.settrace(before)
    return lines, without_line


def test_live_code_reaches_the_lines_of_the_original_in_the_same_order():
    source = textwrap.dedent(ALL_KINDS_OF_STATEMENTS)
    plain = module(source.replace("DECORATOR", "plain"), plain=lambda f: f)
    live = module(source.replace("DECORATOR", "durable"))
    from weft_core.codec import register

    register(plain.CM)
    register(live.CM)
    want, _ = traced(plain)
    found, without_line = traced(live)
    assert without_line == []
    assert set(found) == set(want)
    rest = iter(found)
    assert all(line in rest for line in want), "an event of the original is missing or out of order"
    assert len(found) - len(want) <= 3


def test_every_event_of_resumed_code_has_a_line():
    m = module(ALL_KINDS_OF_STATEMENTS.replace("DECORATOR", "durable"))
    from weft_core.codec import register

    register(m.CM)
    assert traced(m, crash=lambda i: True)[1] == []


def test_the_source_of_a_durable_function_can_be_kept_beside_its_runs():
    text = '''# comment

@durable
async def wf(ctx):
    """doc"""
    return await ctx.run("a")


async def other(ctx):
    pass
'''
    m = module(text)
    source = source_of(m.wf)
    assert source.key == f"{m.__name__}:wf"
    assert (source.first_line, source.filename) == (3, m.wf.__code__.co_filename)
    assert source.text == '@durable\nasync def wf(ctx):\n    """doc"""\n    return await ctx.run("a")\n'
    again = source_of(module(text, m.__name__).wf)
    moved = source_of(module("\n" + text, m.__name__).wf)
    assert again.fingerprint == source.fingerprint != moved.fingerprint
    with pytest.raises(TypeError, match="not a durable function"):
        source_of(m.other)
