"""Context managers: those of contextlib around awaits, and patterns that authors write with their own."""

from __future__ import annotations

import pytest

from tests.frames import comparison, grammar_samples
from tests.frames.comparison import behaviour, program, samples_of

PRELUDE = """
import contextlib, sys
def note(*a, **k): log.append((a, k))
def swallow(*e):
    log.append(repr(e[1])); return True
@durable
async def aswallow(*e):
    log.append(repr(e[1])); return True
@durable
async def undo(ctx, n, why=None):
    log.append(("undo", await ctx.run("undo", n), why))
@durable
async def failing(ctx, n):
    await ctx.run("f", n)
    raise KeyError(n)
@contextlib.asynccontextmanager
@durable
async def empty(ctx):
    await ctx.run("a")
    if ctx is None: yield
@contextlib.asynccontextmanager
@durable
async def two(ctx):
    try: yield 1
    except ValueError: pass
    await ctx.run("a")
    try: yield 2
    finally: log.append(await ctx.run("b"))
@contextlib.asynccontextmanager
@durable
async def other(ctx):
    try: yield 1
    except ValueError as e:
        await ctx.run("a")
        raise KeyError(5) from e
@contextlib.asynccontextmanager
@durable
async def scope(ctx, n):
    await ctx.run("enter", n)
    try:
        yield n
    except ValueError as e:
        log.append(("caught", await ctx.run("handle", repr(e))))
    finally:
        log.append(("left", await ctx.run("exit", n)))
@contextlib.contextmanager
@durable
def sscope(n):
    log.append(("enter", n))
    try:
        yield n
    except ValueError as e:
        log.append(("caught", repr(e)))
    finally:
        log.append(("left", n))
@register
class Own(contextlib.AsyncExitStack):
    @durable
    async def __aexit__(self, *e):
        log.append("own")
        return await super().__aexit__(*e)
@register
class Stack(contextlib.AsyncExitStack):
    pass
"""

SAMPLES = """
### suppress around awaits
with contextlib.suppress(ValueError):
    await ctx.run("fail", 1)
    log.append("never")
await ctx.run("b")
with contextlib.suppress(KeyError):
    await ctx.run("c")
return "end"

### nullcontext, both ways
with contextlib.nullcontext(5) as x:
    await ctx.run("b")
async with contextlib.nullcontext(6) as y:
    await ctx.run("b")
return x, y

### closing a durable generator that is partly consumed
with contextlib.closing(numbers(3)) as g:
    a = next(g)
    await ctx.run("b")
return a, list(g)

### aclosing a durable async generator
async with contextlib.aclosing(pages(ctx, 3)) as g:
    async for x in g:
        await ctx.run("b")
        break
return [x async for x in g]

### asynccontextmanager over a durable async generator
async with scope(ctx, 1) as a:
    await ctx.run("b")
    async with scope(ctx, 2) as b:
        await ctx.run("c")
        raise ValueError(3)
return a, b

### an ExitStack that awaits stand inside of, with a callback and a function that swallows
with contextlib.ExitStack() as stack:
    a = stack.enter_context(CM(1))
    await ctx.run("b")
    b = stack.enter_context(CM(2))
    stack.callback(note, "callback", k=1)
    stack.push(swallow)
    await ctx.run("c")
    if a: raise ValueError(5)
return a, b

### an AsyncExitStack with every kind of callback
async with contextlib.AsyncExitStack() as stack:
    a = await stack.enter_async_context(ACM(ctx, 1))
    await ctx.run("b")
    b = await stack.enter_async_context(ACM(ctx, 2))
    stack.callback(note, "callback")
    stack.push_async_callback(undo, ctx, 5, why="w")
    stack.push_async_exit(ACM(ctx, 7))
    stack.push_async_exit(aswallow)
    stack.enter_context(CM(9))
    await ctx.run("c")
    if a: raise ValueError(3)
return a, b

### errors of an AsyncExitStack get the context of nested with blocks
try:
    raise TypeError("outer")
except TypeError:
  async with contextlib.AsyncExitStack() as stack:
    stack.push_async_callback(failing, ctx, "1")
    stack.push_async_callback(undo, ctx, 5)
    stack.push_async_callback(failing, ctx, "2")
    await ctx.run("c")
    raise ValueError("body")

### pop_all and aclose of an AsyncExitStack
stack = contextlib.AsyncExitStack()
await stack.enter_async_context(ACM(ctx, 1))
await ctx.run("z")
other = stack.pop_all()
await stack.aclose()
await ctx.run("y")
await other.aclose()

### stacks and generators' managers inside a stack
async with contextlib.AsyncExitStack() as a:
    b = await a.enter_async_context(contextlib.AsyncExitStack())
    await b.enter_async_context(scope(ctx, 1))
    g = await a.enter_async_context(contextlib.aclosing(pages(ctx, 3)))
    log.append(await anext(g))
    with contextlib.suppress(KeyError):
        await ctx.run("fail key", 3)
    raise ValueError(5)

### an asynccontextmanager whose generator does not yield
async with empty(ctx):
    await ctx.run("never")

### an asynccontextmanager whose generator does not stop
async with two(ctx):
    await ctx.run("body")

### an asynccontextmanager whose generator does not stop after an error
async with two(ctx):
    await ctx.run("fail", "body")

### an asynccontextmanager that raises another error
async with other(ctx):
    await ctx.run("fail", "body")

### a StopAsyncIteration passes through an asynccontextmanager
try:
    async with scope(ctx, 1):
        await ctx.run("q")
        raise StopAsyncIteration(5)
except StopAsyncIteration as e:
    return repr(e), repr(e.__cause__), repr(e.__context__)

### continue and return out of an asynccontextmanager
for i in range(3):
    async with scope(ctx, i) as x:
        if i == 0: continue
        if i == 1: return await ctx.run("r", x)

### contextmanager over a durable generator
with sscope(1) as a:
    await ctx.run("b")
    with sscope(2) as b:
        await ctx.run("c")
        raise ValueError(3)
return a, b

### asynccontextmanager in concurrent branches
async def branch(n):
    async with scope(ctx, n) as x:
        await ctx.run("in", x)
        return x
return await ctx.gather(branch(1), branch(2))

### a registered subclass of AsyncExitStack
async with Stack() as s:
    await s.enter_async_context(ACM(ctx, 1))
    s.push_async_callback(undo, ctx, 5)

### the methods of managers awaited by hand
m = scope(ctx, 1)
x = await m.__aenter__()
await ctx.run("mid")
e = ValueError(5)
y = await m.__aexit__(ValueError, e, None)
s = contextlib.AsyncExitStack()
await s.__aenter__()
s.push_async_callback(undo, ctx, 5)
return x, y, await s.__aexit__(None, None, None)

### a subclass of AsyncExitStack that overrides and calls super
async with Own() as s:
    s.push_async_callback(undo, ctx, 5)

"""


@pytest.mark.parametrize("sample", samples_of(SAMPLES))
def test_contextlib(sample):
    behaviour(comparison.PRELUDE + grammar_samples.PRELUDE + PRELUDE + program(sample))
