"""The rules of with.

What CPython's own tests check, in the form of workflows: each behaves as plain Python does, whatever crashes.
"""

from __future__ import annotations

import pytest

from tests.frames import comparison, grammar_samples
from tests.frames.comparison import behaviour, program, samples_of

PRELUDE = """
import dataclasses, sys

@dataclasses.dataclass
class Point:
    x: int
    y: list

class OnlyEnter:
    def __enter__(self): pass

@register
class M:
    def __init__(self, name, enter=None, exit=None, swallows=False, shows=False, names=False):
        self.name, self.enter, self.exit, self.swallows = name, enter, exit, swallows
        self.shows, self.names = shows, names
    def __enter__(self):
        log.append(("enter", self.name))
        if self.enter: raise self.enter
        return self
    def __exit__(self, kind, error, traceback):
        log.append(("exit", self.name, kind, repr(error)))
        if self.names:
            while traceback:
                log.append(traceback.tb_frame.f_code.co_name)
                traceback = traceback.tb_next
        if self.shows: log.append((repr(sys.exception()), traceback is None))
        if self.exit: raise self.exit
        return self.swallows
"""

SAMPLES = """
### the manager's methods are looked up on the class
m = CM("m")
m.__enter__ = lambda: log.append("never")
m.__exit__ = None
with m as x:
    await ctx.run("a")
return x

### something that is no manager
await ctx.run("a")
try:
    with 5: pass
except TypeError as e:
    return str(e)

### a manager without __exit__
await ctx.run("a")
try:
    with OnlyEnter(): await ctx.run("never")
except TypeError as e:
    return str(e)

### an error in the manager's expression
try:
    with CM(await ctx.run("fail", 1)): log.append("never")
except ValueError as e:
    return repr(e)

### an error in __enter__ leaves the body and __exit__ out
try:
    with M("m", enter=ValueError(1)): await ctx.run("never")
except ValueError as e:
    return repr(e), await ctx.run("a")

### an error in __enter__ of the second leaves the first
try:
    with M(1), M(2, enter=ValueError(1)), M(3): await ctx.run("never")
except ValueError as e:
    return repr(e), await ctx.run("a")

### an error in the body reaches __exit__ with type, value and traceback
try:
    with M("m", shows=True):
        await ctx.run("a")
        raise ValueError("body")
except ValueError as e:
    return e.args, await ctx.run("b")

### an error of the awaited operation reaches __exit__
try:
    with M("m", shows=True):
        await ctx.run("fail", "operation")
except ValueError as e:
    return e.args, repr(e.__context__)

### a true result swallows, and the code behind goes on
with M("m", swallows=True):
    await ctx.run("a")
    raise ValueError("body")
return await ctx.run("b", "after")

### a false result that is no bool does not swallow
try:
    with M("m", swallows=[]):
        await ctx.run("a")
        raise ValueError("body")
except ValueError as e:
    return e.args

### a true result without an error changes nothing
with M("m", swallows=True):
    x = await ctx.run("a", 1)
return x

### an error in __exit__ after a quiet body
try:
    with M("m", exit=KeyError("exit")):
        await ctx.run("a")
except KeyError as e:
    return repr(e), repr(e.__context__)

### an error in __exit__ replaces the body's, which is its context
try:
    with M("m", exit=KeyError("exit")):
        await ctx.run("a")
        raise ValueError("body")
except KeyError as e:
    return repr(e), repr(e.__context__), await ctx.run("b")

### inner managers swallow before outer ones see anything
with M(1), M(2, swallows=True), M(3):
    await ctx.run("a")
    raise ValueError("body")
return await ctx.run("b")

### an inner __exit__ raises, the outer one swallows that
with M(1, swallows=True, shows=True), M(2, exit=KeyError(2)):
    await ctx.run("a")
    raise ValueError("body")
return await ctx.run("b")

### return from the body runs __exit__ with no error
async def f():
    with M("m"):
        return await ctx.run("a", 1)
return await f()

### an error in __exit__ replaces a return
async def f():
    with M("m", exit=KeyError(1)):
        return await ctx.run("a", 1)
try:
    return await f()
except KeyError as e:
    return repr(e.__context__)

### break and continue run __exit__
for i in range(4):
    with M(i):
        await ctx.run("a", i)
        if i == 1: continue
        if i == 2: break
        log.append("end of body")
return i

### the target is assigned before the body and stays after it
with M("m") as target:
    await ctx.run("a")
await ctx.run("b")
return target.name

### targets of every form
d, c = {}, CM(0)
with CM((1, (2, 3))) as (a, [b, d["x"]]), CM(4) as c.attribute, CM([5, 6, 7]) as (*rest, last):
    await ctx.run("a")
return a, b, d, c.attribute, rest, last

### an error while the target is assigned reaches __exit__
try:
    with CM((1, 2, 3)) as (a, b):
        await ctx.run("never")
except ValueError as e:
    return await ctx.run("a", str(e))

### nested blocks in one function, with an await in each
with M(1):
    await ctx.run("a")
    with M(2):
        await ctx.run("b")
        with M(3): await ctx.run("c")
        await ctx.run("d")
    await ctx.run("e")

### one manager used twice, and inside itself
m = M("m")
with m:
    await ctx.run("a")
    with m:
        await ctx.run("b")
with m: await ctx.run("c")

### a manager that is made in the block before
with M(1) as m, M((m.name, 2)) as n:
    await ctx.run("a")
    return n.name

### yield inside with in a generator, closed in the middle
@durable
def g():
    with M("g"):
        yield 1
        yield 2
@durable
async def wf(ctx):
    x = g()
    next(x)
    await ctx.run("a")
    x.close()
    y = g()
    list(y)
    return await ctx.run("b")

### yield inside with in a generator that is dropped
@durable
def g():
    with M("g"):
        yield 1
        yield 2
@durable
async def wf(ctx):
    for x in g():
        await ctx.run("a")
        break
    return await ctx.run("b")

### throw into a generator inside its with
@durable
def g():
    with M("g", swallows=True):
        yield 1
    yield "after"
@durable
async def wf(ctx):
    x = g()
    next(x)
    await ctx.run("a")
    return x.throw(ValueError(1))

### sys.exception in __exit__ and behind the block
try:
    raise TypeError("handled")
except TypeError:
    with M("m", swallows=True, shows=True):
        await ctx.run("a")
        raise ValueError("body")
    log.append(repr(sys.exception()))
    await ctx.run("b")
    return repr(sys.exception())

### the traceback that __exit__ gets names this function
with M("m", swallows=True, names=True):
    await ctx.run("a")
    raise ValueError("body")

### with in a finally with an exception on its way
try:
    try:
        raise ValueError("pending")
    finally:
        with M("m", shows=True):
            await ctx.run("a")
except ValueError as e:
    return e.args

### with and async with in one another
with M(1):
    async with ACM(ctx, 2):
        with M(3, swallows=True):
            await ctx.run("a")
            raise ValueError("body")
    await ctx.run("b")

### with in an async generator
@durable
async def g(ctx):
    with M("g"):
        for i in range(2):
            yield await ctx.run("a", i)
@durable
async def wf(ctx):
    out = [x async for x in g(ctx)]
    h = g(ctx)
    await anext(h)
    await ctx.run("b")
    await h.aclose()
    return out
"""


@pytest.mark.parametrize("sample", samples_of(SAMPLES))
def test_with(sample):
    behaviour(comparison.PRELUDE + grammar_samples.PRELUDE + PRELUDE + program(sample))
