"""Coroutines, async for and async comprehensions.

What CPython's own tests check, in the form of workflows: each behaves as plain Python does, whatever crashes.
"""

from __future__ import annotations

import pytest

from tests.frames import comparison, grammar_samples
from tests.frames.comparison import behaviour, program, samples_of

PRELUDE = """
import sys

class BadIter:
    def __aiter__(self): return 5

class BadNext:
    def __aiter__(self): return self
    def __anext__(self): return 5

class RaisingIter:
    def __aiter__(self): 1 / 0

@register
class Counting:
    def __init__(self, ctx, n, fails=False): self.ctx, self.n, self.fails, self.i = ctx, n, fails, -1
    def __aiter__(self): return self
    @durable
    async def __anext__(self):
        self.i += await self.ctx.run("next", 1)
        if self.i >= self.n:
            if self.fails: 1 / 0
            raise StopAsyncIteration
        return self.i

@durable
async def pairs(ctx, n):
    for i in range(n):
        yield i, await ctx.run("pair", i * 10)
"""

SAMPLES = """
### a coroutine that returns nothing gives None
async def f(): await ctx.run("a")
return await f()

### a chain of coroutines passes its value up
async def f(n): return await ctx.run("end", n) if n == 0 else 1 + await f(n - 1)
return await f(5)

### an awaited coroutine cannot be awaited again
async def f(): return await ctx.run("a", 1)
c = f()
await c
await ctx.run("b")
try:
    await c
except RuntimeError as e:
    return str(e)

### a coroutine that raised cannot be awaited again
async def f(): await ctx.run("fail", 1)
c = f()
try:
    await c
except ValueError:
    await ctx.run("b")
try:
    await c
except RuntimeError as e:
    return str(e)

### a closed coroutine that never started cannot be awaited
async def f(): return await ctx.run("a", 1)
c = f()
await ctx.run("b")
c.close()
await ctx.run("c")
try:
    await c
except RuntimeError as e:
    return str(e)

### await has a higher precedence than power and unary minus
return -await ctx.run("a", 2) ** 2, await ctx.run("b", 2) ** await ctx.run("c", 3), not await ctx.run("d", 0)

### await of a number is a TypeError where it stands
await ctx.run("a")
try:
    await 1
except TypeError as e:
    return str(e)

### await in a lambda's argument, not in the lambda
f = lambda x: x * 2
return f(await ctx.run("a", 4))

### StopIteration out of a coroutine becomes RuntimeError
async def f():
    await ctx.run("a")
    raise StopIteration(1)
try:
    await f()
except RuntimeError as e:
    await ctx.run("b")
    return str(e), repr(e.__cause__), repr(e.__context__)

### StopAsyncIteration passes through a coroutine
async def f():
    await ctx.run("a")
    raise StopAsyncIteration(99)
try:
    await f()
except StopAsyncIteration as e:
    return e.args

### StopIteration out of an async generator becomes RuntimeError
async def f():
    yield await ctx.run("a")
    raise StopIteration(1)
try:
    async for _ in f(): pass
except RuntimeError as e:
    return str(e), repr(e.__cause__)

### StopAsyncIteration out of an async generator becomes RuntimeError
async def f():
    yield await ctx.run("a")
    raise StopAsyncIteration(1)
try:
    async for _ in f(): pass
except RuntimeError as e:
    return str(e), repr(e.__cause__)

### async for over something without __aiter__
try:
    async for x in [await ctx.run("a", 1)]: pass
except TypeError as e:
    return str(e)

### async for over something whose __aiter__ gives no iterator
await ctx.run("a")
try:
    async for x in BadIter(): pass
except TypeError as e:
    return str(e)

### async for over something whose __anext__ gives no awaitable
try:
    async for x in BadNext(): pass
except TypeError as e:
    await ctx.run("a")
    return str(e)

### an error in __aiter__ is raised as it is
try:
    async for x in RaisingIter(): pass
except ZeroDivisionError as e:
    await ctx.run("a")
    return repr(e), repr(e.__context__)

### an error in __anext__ is raised as it is and the else does not run
try:
    async for x in Counting(ctx, 2, fails=True): log.append(x)
    else: log.append("else")
except ZeroDivisionError as e:
    await ctx.run("a")
    return repr(e)

### async for with else after exhaustion
async for x in Counting(ctx, 2): log.append(await ctx.run("in", x))
else: return await ctx.run("else", "else"), x

### async for with else skipped by break
async for x in Counting(ctx, 3):
    if x == 1: break
else: log.append("else")
return await ctx.run("a", x)

### async for in async for, with continue to the inner one
async for x in Counting(ctx, 2):
    async for y in Counting(ctx, 3):
        if y == 1: continue
        log.append((x, y))
    else:
        log.append(await ctx.run("else", x))

### the target of async for keeps its last value
async for x, y in pairs(ctx, 2): pass
return x, y

### async for with a starred target and a subscript
d = {}
async for d["k"], *rest in pairs(ctx, 2): log.append((dict(d), rest, await ctx.run("a")))

### async comprehensions of every kind
return (
    [x async for x in Counting(ctx, 3)],
    sorted({x async for x in Counting(ctx, 3)}),
    {x: y async for x, y in pairs(ctx, 2)},
    [x + y async for x in Counting(ctx, 2) for y in range(2) if await ctx.run("if", y)],
    [[y async for y in Counting(ctx, x)] async for x in Counting(ctx, 3)],
)

### a comprehension in an async generator expression in a comprehension
g = ([y async for y in Counting(ctx, x)] async for x in Counting(ctx, 3) if await ctx.run("c", x))
return [len(z) async for z in g], [z async for z in g]

### an error in an async comprehension leaves the target alone
x = "outer"
try:
    [1 // (x - 1) async for x in Counting(ctx, 3)]
except ZeroDivisionError:
    return x, await ctx.run("a")

### walrus in an async comprehension binds outside
out = [last := x async for x in Counting(ctx, 3)]
return out, last, await ctx.run("a", last)

### awaits in subscripts, calls and attributes of one statement are in order
d = {}
def t(x):
    log.append(x)
    return x
d[t(await ctx.run("a", 1))], d[t(await ctx.run("b", 2))] = t(await ctx.run("c", 3)), t(await ctx.run("d", 4))
return d

### a coroutine can be stored in a container and awaited later by another function
async def f(n): return await ctx.run("f", n)
async def drain(cs): return [await c for c in cs]
waiting = [f(1), f(2)]
await ctx.run("a")
waiting.append(f(3))
return await drain(waiting)

### a coroutine awaits one that it was given as a keyword
async def inner(): return await ctx.run("i", 1)
async def outer(*, c, n=2): return n + await ctx.run("o", 1) + await c
return await outer(c=inner())

### a task of coroutines may share one list
out = []
async def f(n):
    for i in range(2):
        out.append((n, await ctx.run("f", i)))
await ctx.gather(f(1), f(2), f(3))
return out

### the name of a coroutine's frame in its traceback
async def f():
    await ctx.run("a")
    raise ValueError(1)
try:
    await f()
except ValueError as e:
    tb, names = e.__traceback__, []
    while tb:
        names.append(tb.tb_frame.f_code.co_name)
        tb = tb.tb_next
    return names

### await in a default of a nested def and its name afterwards
def f(a, b=await ctx.run("a", 1)): return a + b
return f.__name__, f.__defaults__, f(2)

### a function is called before its awaited argument's exception
def f(*a): log.append("called")
try:
    f(1, await ctx.run("fail", 2), log.append("never"))
except ValueError:
    return "not called", await ctx.run("a")

### a coroutine's local generator is consumed across awaits
g = (i * i for i in range(4))
out = [next(g), await ctx.run("a", 1), next(g)]
return out, [x + await ctx.run("b", 1) for x in g]

### recursion through an async generator
async def walk(tree):
    for x in tree:
        if isinstance(x, list):
            async for y in walk(x):
                yield y
        else:
            yield await ctx.run("leaf", x)
return [x async for x in walk([1, [2, [3, 4], []], 5])]
"""


@pytest.mark.parametrize("sample", samples_of(SAMPLES))
def test_coroutines(sample):
    behaviour(comparison.PRELUDE + grammar_samples.PRELUDE + PRELUDE + program(sample))
