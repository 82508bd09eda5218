"""Async generators: asend, athrow, aclose and anext.

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
### an async generator is not closed by being finished
g = pages(ctx, 2)
out = [x async for x in g]
await g.aclose()
return out, [x async for x in g]

### an async generator handles GeneratorExit with an await
@durable
async def more(ctx):
    try:
        yield 1
    except GeneratorExit:
        log.append(await ctx.run("cleanup"))
        raise
@durable
async def wf(ctx):
    g = more(ctx)
    await anext(g)
    await ctx.run("a")
    await g.aclose()
    return await ctx.run("b", 1)

### two async generators in step
out = []
g, h = pages(ctx, 3), pages(ctx, 2)
async for x in g:
    out.append((x, await anext(h, None)))
return out

### athrow into an async generator that has not begun
g = pages(ctx, 2)
await ctx.run("a")
try:
    await g.athrow(KeyError(1))
except KeyError as e:
    return repr(e), [x async for x in g]

### asend of a value to an async generator that has not begun
g = pages(ctx, 2)
await ctx.run("a")
try:
    await g.asend(1)
except TypeError as e:
    return str(e), [x async for x in g]

### athrow, aclose and what they leave behind
@durable
async def more(ctx):
    try:
        yield await ctx.run("a", 1)
    except ValueError as e:
        log.append(repr(e))
        await ctx.run("b")
        yield 5
    finally:
        log.append(await ctx.run("fin"))
@durable
async def wf(ctx):
    g = more(ctx)
    x = await anext(g)
    await ctx.run("c")
    y = await g.athrow(ValueError(7))
    await ctx.run("d")
    await g.aclose()
    log.append("closed")
    try:
        await anext(g)
    except StopAsyncIteration:
        return x, y

### a generator that ignores aclose
@durable
async def more(ctx):
    try:
        yield 1
    finally:
        await ctx.run("fin")
        await ctx.run("fin2")
        yield 2
@durable
async def wf(ctx):
    g = more(ctx)
    await anext(g)
    try:
        await g.aclose()
    except RuntimeError as e:
        return str(e), repr(e.__context__)

### a finally that fails while the generator is closed
@durable
async def more(ctx):
    try:
        yield 1
    finally:
        await ctx.run("fin")
        await ctx.run("fail", 5)
@durable
async def wf(ctx):
    g = more(ctx)
    await anext(g)
    await g.aclose()

### athrow that nobody catches
@durable
async def more(ctx):
    try:
        yield 1
    finally:
        await ctx.run("fin")
@durable
async def wf(ctx):
    g = more(ctx)
    await anext(g)
    await g.athrow(ValueError(5))

### anext with a default
g = pages(ctx, 1)
return await anext(g, "d"), await anext(g, "d"), await anext(g, await ctx.run("z", "e"))

### anext with a default when the generator fails
@durable
async def more(ctx):
    yield 1
    await ctx.run("fail", 3)
@durable
async def wf(ctx):
    g = more(ctx)
    return await anext(g, "d"), await anext(g, "d")

### an iterator class whose __anext__ is durable
@register
class It:
    def __init__(self, ctx): self.ctx, self.n = ctx, 0
    def __aiter__(self): return self
    @durable
    async def __anext__(self):
        self.n += await self.ctx.run("n", 1)
        if self.n > 2: raise StopAsyncIteration
        return self.n
@durable
async def wf(ctx):
    it = It(ctx)
    out = []
    while (x := await anext(it, None)) is not None:
        out.append(x)
    async for y in It(ctx): out.append(y)
    return out

### a return in the finally of a generator
@durable
async def more(ctx):
    for i in range(3):
        try:
            yield i
        finally:
            await ctx.run("fin")
            if i == 1: return
@durable
async def wf(ctx):
    return [x async for x in more(ctx)]

### asend
@durable
async def more(ctx):
    total = 0
    while True:
        got = yield total
        if got is None: return
        total += await ctx.run("add", got)
@durable
async def wf(ctx):
    g = more(ctx)
    await g.asend(None)
    out = [await g.asend(3), await g.asend(await ctx.run("x", 4))]
    try:
        await g.asend(None)
    except StopAsyncIteration:
        return out

### a generator that goes over another one
@durable
async def outer(ctx):
    async for x in pages(ctx, 3):
        yield x
        yield await ctx.run("more", x * 10)
@durable
async def wf(ctx):
    out = []
    async for x in outer(ctx):
        out.append(x)
        if x == 10:
            await ctx.run("stop")
            break
    await ctx.run("end")
    return out

### aiter and anext by hand
g = aiter(pages(ctx, 2))
out = []
while (x := await anext(g, None)) is not None:
    out.append(x)
return out

### a partly consumed generator is passed to a helper
@durable
async def rest(ctx, g):
    out = []
    async for x in g:
        out.append(x + await ctx.run("r", 1))
    return out
@durable
async def wf(ctx):
    g = pages(ctx, 4)
    a = await anext(g)
    async for b in g:
        break
    await ctx.run("z")
    return a, b, await rest(ctx, g)

### aclose between two items
g = pages(ctx, 2)
await anext(g)
await ctx.run("m")
await g.aclose()
await ctx.run("n")
return [x async for x in g]
"""


@pytest.mark.parametrize("sample", samples_of(SAMPLES))
def test_async_generators(sample):
    behaviour(comparison.PRELUDE + grammar_samples.PRELUDE + PRELUDE + program(sample))
