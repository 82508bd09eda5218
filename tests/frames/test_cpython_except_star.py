"""The rules of except*.

What CPython's own tests check, in the form of workflows: each behaves as plain Python does, whatever crashes.
"""

from __future__ import annotations

import pytest

from tests.frames import comparison, grammar_samples
from tests.frames.comparison import behaviour, program, samples_of

PRELUDE = """
import sys

def shape(g):
    return (g.message, [shape(e) if isinstance(e, BaseExceptionGroup) else repr(e) for e in g.exceptions])
"""

SAMPLES = """
### except* splits and the rest is raised on
try:
    try: raise ExceptionGroup("g", [ValueError(1), KeyError(2), ExceptionGroup("h", [ValueError(3), TypeError(4)])])
    except* ValueError as g: log.append((await ctx.run("a"), shape(g)))
except* KeyError as g: log.append((await ctx.run("b"), shape(g)))
except* TypeError as g: log.append((await ctx.run("c"), shape(g)))

### except* wraps a naked exception
try: await ctx.run("fail", 1)
except* ValueError as g:
    await ctx.run("a")
    log.append(shape(g))

### errors raised in except* clauses are gathered
try:
    try: raise ExceptionGroup("g", [ValueError(1), KeyError(2), TypeError(3)])
    except* ValueError: raise IndexError(await ctx.run("a", 1))
    except* KeyError: await ctx.run("fail", "in clause")
except ExceptionGroup as g:
    await ctx.run("b")
    return shape(g), [repr(e.__context__)[:20] for e in g.exceptions]

### a bare raise in except* merges with what is left
try:
    try: raise ExceptionGroup("g", [ValueError(1), KeyError(2), TypeError(3)])
    except* ValueError:
        await ctx.run("a")
        raise
    except* KeyError: log.append(await ctx.run("b"))
except ExceptionGroup as g:
    return shape(g)

### sys.exception in except* clauses
try: raise ExceptionGroup("g", [ValueError(1), KeyError(2)])
except* ValueError:
    await ctx.run("a")
    log.append(shape(sys.exception()))
except* KeyError:
    log.append(shape(sys.exception()))
    await ctx.run("b")
log.append(sys.exception())

### except* with else and finally
for error in (None, ExceptionGroup("g", [ValueError(1)])):
    try:
        if error: raise error
    except* ValueError: log.append(await ctx.run("except"))
    else: log.append(await ctx.run("else"))
    finally: log.append(await ctx.run("finally"))

### except* of a group class is an error
try:
    try: raise ExceptionGroup("g", [ValueError(1)])
    except* ExceptionGroup: await ctx.run("never")
except TypeError as e:
    return str(e), await ctx.run("a")

### the name of an except* clause is gone behind it
try: raise ExceptionGroup("g", [ValueError(1)])
except* ValueError as g: await ctx.run("a")
try: return g
except NameError as n: return type(n).__name__

### a loop inside an except* clause may break and continue
try: raise ExceptionGroup("g", [ValueError(1), ValueError(2)])
except* ValueError as g:
    for i in range(4):
        if i == 1: continue
        if await ctx.run("a", i) == 2: break
return i
"""


@pytest.mark.parametrize("sample", samples_of(SAMPLES))
def test_except_star(sample):
    behaviour(comparison.PRELUDE + grammar_samples.PRELUDE + PRELUDE + program(sample))
