"""The rules of async with.

What CPython's own tests check, in the form of workflows: each behaves as plain Python does, whatever crashes.
"""

from __future__ import annotations

import pytest

from tests.frames import comparison, grammar_samples
from tests.frames.comparison import behaviour, program, samples_of

PRELUDE = """
import sys

class NoExit:
    async def __aenter__(self): pass

@register
class BadEnter:
    def __aenter__(self): return 5
    async def __aexit__(self, *e): pass

@register
class BadExit:
    @durable
    async def __aenter__(self): pass
    def __aexit__(self, *e): return 5

@register
class AM:
    def __init__(self, ctx, name, enter=None, exit=None, swallows=False, shows=False):
        self.ctx, self.name, self.enter, self.exit, self.swallows, self.shows = ctx, name, enter, exit, swallows, shows
    @durable
    async def __aenter__(self):
        log.append(("enter", await self.ctx.run("enter", self.name)))
        if self.enter: raise self.enter
        return self
    @durable
    async def __aexit__(self, kind, error, traceback):
        log.append(("exit", await self.ctx.run("exit", self.name), kind, repr(error), traceback is not None))
        if self.shows: log.append(repr(sys.exception()))
        if self.exit: raise self.exit
        return self.swallows
"""

SAMPLES = """
### async with over something that is no manager
await ctx.run("a")
try:
    async with 5: pass
except TypeError as e:
    return str(e)

### async with over something without __aexit__
try:
    async with NoExit(): pass
except TypeError as e:
    await ctx.run("a")
    return str(e)

### async with whose __aenter__ gives no awaitable
try:
    async with BadEnter(): pass
except TypeError as e:
    await ctx.run("a")
    return str(e)

### async with whose __aexit__ gives no awaitable
try:
    async with BadExit(): log.append("body")
except TypeError as e:
    await ctx.run("a")
    return str(e)

### async with whose __aexit__ gives no awaitable keeps the body's error as context
try:
    async with BadExit(): raise KeyError(1)
except TypeError as e:
    await ctx.run("a")
    return str(e), repr(e.__context__)

### async with: errors in __aenter__ leave the body and __aexit__ out
try:
    async with AM(ctx, "m", enter=ValueError("enter")): log.append("never")
except ValueError as e:
    return e.args, repr(e.__context__)

### async with: an error in __aexit__ replaces the body's, which is its context
try:
    async with AM(ctx, "m", exit=KeyError("exit")):
        raise ValueError("body")
except KeyError as e:
    return repr(e), repr(e.__context__)

### async with: a true result of __aexit__ swallows the body's error
async with AM(ctx, "m", swallows=True):
    raise ValueError("body")
return await ctx.run("a", "after")

### async with: return goes through __aexit__
async def f():
    async with AM(ctx, "m"):
        return await ctx.run("a", 1)
return await f()

### async with: an error in __aexit__ replaces a return
async def f():
    async with AM(ctx, "m", exit=KeyError("exit")):
        return await ctx.run("a", 1)
try:
    return await f()
except KeyError as e:
    return repr(e), repr(e.__context__)

### async with: break and continue go through __aexit__
for i in range(4):
    async with AM(ctx, i):
        if i == 0: continue
        if i == 2: break
    log.append(await ctx.run("after", i))

### async with: managers are left in reverse, each told of what its inner one let through
async with AM(ctx, 1, swallows=True), AM(ctx, 2), AM(ctx, 3, exit=KeyError(3)):
    raise ValueError("body")
return await ctx.run("a", "after")

### async with: __aexit__ sees the exception that is handled
async with AM(ctx, 1, swallows=True, shows=True):
    raise ValueError("body")
return sys.exception()

### async with inside an except clause keeps the handled exception
try:
    raise KeyError(1)
except KeyError:
    async with AM(ctx, 1, swallows=True, shows=True):
        raise ValueError("body")
    return repr(sys.exception()), await ctx.run("a"), repr(sys.exception())
"""


@pytest.mark.parametrize("sample", samples_of(SAMPLES))
def test_async_with(sample):
    behaviour(comparison.PRELUDE + grammar_samples.PRELUDE + PRELUDE + program(sample))
