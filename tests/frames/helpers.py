"""What the tests of frames share."""

from __future__ import annotations

import itertools
import linecache
import sys
import textwrap
import types

from tests.frames.toy_engine import Ctx, Workflow, run
from weft_core.codec import allow_module, register
from weft_core.frames import durable

_numbers = itertools.count(1)


def echo(op):
    """Every operation gives its first argument, or its name."""
    return op.args[0] if op.args else op.name


def both(fn, *args, do=echo):
    """The result of a run; it must be the same with a crash at every suspension point."""
    straight = run(fn, *args, do=do)
    crashed = run(fn, *args, do=do, crash=lambda i: True)
    assert straight == crashed
    return straight


def every_single_crash(fn, *args, do=echo):
    """The result of a run; it must be the same with a crash at each suspension point alone, and at all."""
    result = both(fn, *args, do=do)
    w, points = Workflow.start(Ctx(), fn, *args), 0
    while not w.done:
        w.step(do)
        points += 1
    for k in range(points):
        assert run(fn, *args, do=do, crash=lambda i: i == k) == result
    return result


def module(source, name=None, **extra):
    """Load source text as a module that may define durable functions and storable classes."""
    name = name or f"weft_test_{next(_numbers)}"
    source = textwrap.dedent(source)
    filename = f"/weft_test/{name}_{next(_numbers)}.py"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    made = types.ModuleType(name)
    sys.modules[name] = made
    allow_module(name)
    made.__dict__.update({"durable": durable, "register": register, **extra})
    exec(compile(source, filename, "exec", dont_inherit=True), made.__dict__)
    return made
