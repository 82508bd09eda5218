"""Generators: throw, close and what is raised in them.

What CPython's own tests check, in the form of workflows: each behaves as plain Python does, whatever crashes.
"""

from __future__ import annotations

import pytest

from tests.frames import comparison, grammar_samples
from tests.frames.comparison import behaviour, program, samples_of

PRELUDE = """
import sys
"""

SAMPLES = """
### a return value is in StopIteration
def g():
    yield 1
    return 5
x = g()
next(x)
await ctx.run("a")
try:
    next(x)
except StopIteration as e:
    return e.value

### throw into a generator that handles it
def g():
    while True:
        try:
            yield "waiting"
        except ValueError as e:
            yield repr(e)
x = g()
out = [next(x)]
await ctx.run("a")
out += [x.throw(ValueError(1)), next(x)]
await ctx.run("b")
return out, x.throw(ValueError(2))

### throw into a generator that does not handle it ends it
x = numbers(3)
next(x)
await ctx.run("a")
try:
    x.throw(KeyError(1))
except KeyError as e:
    await ctx.run("b")
    return repr(e), list(x)

### throw into a generator that has not begun
x = numbers(3)
await ctx.run("a")
try:
    x.throw(KeyError(1))
except KeyError as e:
    return repr(e), list(x)

### throw of an exception with a context of its own
def g():
    try:
        yield
    except ValueError as e:
        raise KeyError(2) from e
x = g()
next(x)
await ctx.run("a")
try:
    x.throw(ValueError(1))
except KeyError as e:
    await ctx.run("b")
    return repr(e.__cause__), repr(e.__context__)

### close runs finally and is silent
x = numbers(3)
next(x)
await ctx.run("a")
x.close()
await ctx.run("b")
x.close()
return list(x)

### close of a generator that has not begun runs nothing
x = numbers(3)
await ctx.run("a")
x.close()
return list(x)

### a generator that yields when it is closed
def g():
    try:
        yield 1
    finally:
        yield 2
x = g()
next(x)
await ctx.run("a")
try:
    x.close()
except RuntimeError as e:
    return str(e)

### a generator that catches GeneratorExit and returns
def g():
    try:
        yield 1
    except GeneratorExit:
        log.append("caught")
        return
x = g()
next(x)
await ctx.run("a")
x.close()
return await ctx.run("b", 1)

### a generator that raises another error when it is closed
def g():
    try:
        yield 1
    finally:
        raise KeyError(1)
x = g()
next(x)
await ctx.run("a")
try:
    x.close()
except KeyError as e:
    return repr(e.__context__), await ctx.run("b")

### yield in a finally while an exception waits
def g():
    try:
        yield 1
        raise ValueError("pending")
    finally:
        yield 2
        log.append("end")
x = g()
out = [next(x), next(x)]
await ctx.run("a")
try:
    next(x)
except ValueError as e:
    return out, e.args, await ctx.run("b")

### yield in an except block: sys.exception belongs to the generator
def g():
    try:
        raise ValueError("inner")
    except ValueError:
        yield repr(sys.exception())
        yield repr(sys.exception())
x = g()
out = [next(x), repr(sys.exception())]
await ctx.run("a")
try:
    raise KeyError("outer")
except KeyError:
    out += [next(x), repr(sys.exception())]
    await ctx.run("b")
return out

### a bare raise in a generator raises what it handles
def g():
    try:
        raise ValueError("inner")
    except ValueError:
        yield 1
        raise
x = g()
next(x)
await ctx.run("a")
try:
    try:
        raise KeyError("outer")
    except KeyError:
        next(x)
except ValueError as e:
    return repr(e.__context__), await ctx.run("b")

### StopIteration raised inside a generator becomes RuntimeError
def g():
    yield 1
    raise StopIteration(5)
x = g()
next(x)
await ctx.run("a")
try:
    next(x)
except RuntimeError as e:
    return str(e), repr(e.__cause__)

### a generator in a for with break is closed when it is dropped
for x in numbers(5):
    await ctx.run("a")
    if x == 1: break
await ctx.run("b")
return x

### a generator with a return in try and a yield in finally
def g():
    try:
        return "try"
    finally:
        yield "finally"
x = g()
out = [next(x)]
await ctx.run("a")
try:
    next(x)
except StopIteration as e:
    return out, e.value

### return in a finally swallows what was thrown
def g():
    try:
        yield 1
    finally:
        return "swallowed"
x = g()
next(x)
await ctx.run("a")
try:
    x.throw(ValueError(1))
except StopIteration as e:
    return e.value

### a generator expression is closed with its source
g = (x for x in numbers(3))
next(g)
await ctx.run("a")
g.close()
return list(g)
"""


@pytest.mark.parametrize("sample", samples_of(SAMPLES))
def test_generator_errors(sample):
    behaviour(comparison.PRELUDE + grammar_samples.PRELUDE + PRELUDE + program(sample))
