"""A workflow compared with the same function without @durable."""

from __future__ import annotations

import re
import warnings
from textwrap import dedent, indent

import pytest

from tests.frames.differential.canonical import exception_text
from tests.frames.helpers import echo, module
from tests.frames.toy_engine import Ctx, Workflow, run
from weft_core.errors import WeftError

PRELUDE = """
@durable
def numbers(n):
    try:
        for i in range(n):
            yield i
    finally:
        log.append(("closed", n))

@durable
async def pages(ctx, n):
    try:
        for i in range(n):
            yield await ctx.run("page", i)
    finally:
        log.append(("closed", n))
"""


def same(body, *, prelude=PRELUDE):
    """The result of ``wf``; it must be that of the function without @durable, whatever crashes."""
    kind, value = behaviour(prelude + dedent(body))
    if kind == "raised":
        raise AssertionError(f"the workflow raised {value}")
    return value


def same_error(body, *, prelude=PRELUDE):
    """What ``wf`` raises, as text with cause, context and groups; the same whatever crashes."""
    kind, value = behaviour(prelude + dedent(body))
    assert kind == "raised", f"the workflow returned {value!r}"
    return value


def behaviour(source):
    """("returned", value) or ("raised", text) of ``wf``.

    It is that of the function without @durable, and so are the entries of ``log``: straight through, with a crash at
    every suspension point, at every second one, and at each one alone.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Python says about the source, it says for each version of it
        original = module(source, durable=lambda f: f, log=[])
        m = module(source, log=[])
    expected = (_outcome(original.wf, None), list(original.log))
    for crash in (None, lambda i: True, lambda i: i % 2 == 0, lambda i: i % 2 == 1):
        m.log.clear()
        assert (_outcome(m.wf, crash), m.log) == expected
    for k in range(_suspensions(m.wf)):
        m.log.clear()
        assert (_outcome(m.wf, lambda i: i == k), m.log) == expected, f"crash at {k}"
    return expected[0]


def _outcome(fn, crash):
    try:
        return "returned", run(fn, do=do, crash=crash)
    except WeftError:
        raise
    except BaseException as error:
        return "raised", exception_text(error)


def do(op):
    """Operations give their first argument, or their name; those whose name begins with ``fail`` raise it."""
    if op.name.startswith("fail"):
        raise _FAILURES[op.name](*op.args)
    if op.kind == "all":
        return [do(x) for x in op.args[0]]
    return echo(op)


_FAILURES = {
    "fail": ValueError,
    "fail key": KeyError,
    "fail type": TypeError,
    "fail stop": RuntimeError,
    "fail group": lambda *errors: ExceptionGroup("group", list(errors)),
}


def _suspensions(fn):
    w, points = Workflow.start(Ctx(), fn), 0
    while not w.done:
        w.step(do)
        points += 1
    return points


def program(sample):
    """The source of a sample: statements are the body of ``async def wf(ctx)``, unless they define ``wf``."""
    sample = dedent(sample)
    if not re.search(r"^(async )?def wf\(", sample, re.MULTILINE):
        sample = "@durable\nasync def wf(ctx):\n" + indent(sample, "    ")
    return sample


def samples_of(text):
    """(sentence, source) of the samples in a text in which each begins with a line ``### sentence``."""
    parts = re.split(r"^### ", dedent(text), flags=re.MULTILINE)[1:]
    return [pytest.param(source, id=sentence) for sentence, _, source in (p.partition("\n") for p in parts)]
