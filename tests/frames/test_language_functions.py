"""Nested functions, closures, recursion, parameters and decorators."""

from __future__ import annotations

import pytest

from tests.frames import comparison, grammar_samples
from tests.frames.comparison import behaviour, program, samples_of
from tests.frames.helpers import module
from weft_core.errors import TransformError

PRELUDE = """
import functools

COUNT = 0

@durable
async def deep(ctx, n):
    mine = [n]
    below = await deep(ctx, n - 1) if n else await ctx.run("bottom", 0)
    return below + len(mine)

@durable
async def even(ctx, n): return True if n == 0 else await odd(ctx, await ctx.run("even", n - 1))

@durable
async def odd(ctx, n): return False if n == 0 else await even(ctx, await ctx.run("odd", n - 1))

@durable
async def helper(ctx, x): return x + await ctx.run("helper", 1)

def passing(f):
    @functools.wraps(f)
    def inner(*a, **k):
        log.append("called")
        return f(*a, **k)
    return inner

def twice(f):
    @functools.wraps(f)
    @durable
    async def inner(*a, **k): return [await f(*a, **k), await f(*a, **k)]
    return inner

logged = passing(twice(passing(helper)))

@register
class Calls:
    def __init__(self, f): self.f, self.n = f, 0
    def __call__(self, *a):
        self.n += 1
        return self.f(*a)
"""

SAMPLES = """
### closures share cells with functions, lambdas and comprehensions
n = 0
def bump(by=1):
    nonlocal n
    n += by
    return n
fs = [lambda k=i: (n, k) for i in range(2)]
async def nested():
    nonlocal n
    n += await ctx.run("a", 10)
    def inner():
        nonlocal n
        n *= 2
        return n
    await ctx.run("b")
    return inner()
bump()
await ctx.run("c")
out = await nested()
bump(await ctx.run("d", 5))
return n, out, [f() for f in fs], [bump() for _ in range(2)]

### a cell that is unbound when the checkpoint is taken
def show(): return later
await ctx.run("a")
try: show()
except NameError as e: log.append(str(e))
later = await ctx.run("b", 1)
await ctx.run("c")
return show()

### a deleted cell
x = 1
f = lambda: x
await ctx.run("a")
del x
await ctx.run("b")
try: f()
except NameError as e: return str(e)

### counters made by a factory are independent
def make():
    n = 0
    def count():
        nonlocal n
        n += 1
        return n
    return count
a, b = make(), make()
a()
await ctx.run("a")
a(), b()
await ctx.run("b")
return a(), b()

### nested durable functions three deep, each with locals of its own
async def one(x):
    y = await ctx.run("one", x)
    async def two(z):
        async def three(): return x, y, z, await ctx.run("three", x + y + z)
        return [await three(), await ctx.run("two", z)]
    return await two(y + 1)
return await one(1), await one(2)

### helpers a hundred deep
return await deep(ctx, 100)

### mutual recursion
return await even(ctx, 7), await even(ctx, 4)

### recursion of a nested function through its own cell
async def fact(n): return 1 if n < 2 else n * await fact(await ctx.run("n", n - 1))
return await fact(5)

### recursion in branches
async def tree(n): return n if n < 2 else await ctx.gather(tree(n - 1), tree(n - 2))
return await tree(4)

### parameters of every kind, and changes to them
@durable
async def f(ctx, a, b=2, /, c=3, *args, d, e=5, **kw):
    await ctx.run("in")
    a, args = a + 1, args + (9,)
    kw["new"] = await ctx.run("kw", d)
    return a, b, c, args, d, e, kw
@durable
async def wf(ctx):
    return [await f(ctx, 1, d=4), await f(ctx, 1, 2, 3, 4, 5, d=6, e=7, f=8), await f(ctx, 1, d=0, b=3)]

### wrong arguments are errors of the call
try: await deep(ctx)
except TypeError as e: return str(e), await ctx.run("a")

### mutable defaults are shared between calls, of nested functions too
def f(x, seen=[]):
    seen.append(x)
    return list(seen)
f(1)
await ctx.run("a")
return f(2)

### decorators outside durable with wraps
return await logged(ctx, 1), logged.__name__, logged.__wrapped__ is not None

### a decorator with state
c = Calls(helper)
log.append(await c(ctx, 1))
await ctx.run("a")
return await c(ctx, 2), c.n

### partial of a durable function
f = functools.partial(helper, ctx)
await ctx.run("a")
return await f(3)

### a durable function in a dict, chosen at run time
table = {"h": helper, "e": even}
await ctx.run("a")
return [await table[k](ctx, 2) for k in ("h", "e")]

### annotated locals of every form
x: int
y: "list[int]" = [await ctx.run("a", 1)]
z: list[undefined] = 5
(w): int = 6
y[0]: int = 7
log.append((y, z, w, "x" in dir()))

### globals are read anew, and written
global COUNT
COUNT = 1
COUNT += await ctx.run("a", 2)
def f():
    global COUNT
    COUNT += 1
    return COUNT
return f(), COUNT

### names that shadow builtins and runtime helpers
iter = set = slice = chain = "mine"
BaseException = len = 5
out = []
for x in [1, 2]:
    out.append(await ctx.run("a", x))
del iter
return out, set, slice, len

### imports inside a function
import json as j
from os import path
text = j.dumps([1])
del j, path
await ctx.run("a")
return text

### a lambda with defaults, stars and a walrus
f = lambda a, *b, c=await ctx.run("a", 1), **d: (a, b, c, d, (e := a + c), e)
await ctx.run("b")
return f(1, 2, x=3)

### functions keep their attributes, defaults and names
def f(a, b=[1], *, c={"k": 2}): return a, b, c
f.mark = [f.__name__]
f.mark.append(f.__defaults__[0])
await ctx.run("a")
f(0)[1].append(2)
return f(0), f.mark, f.mark[1] is f.__defaults__[0], f.__qualname__, f.__kwdefaults__

### locals, vars and dir show the author's variables only
a = 1
for b in [2]:
    with CM(3) as c:
        await ctx.run("a", a + b)
        log.append(sorted(set(locals()) - {"ctx"}))
        log.append(sorted(set(vars()) - {"ctx"}))
        log.append(sorted(set(dir()) - {"ctx"}))
f = lambda: a
await ctx.run("b")
return sorted(locals().items(), key=lambda p: p[0])[0], eval("a + b"), eval("a + z", {"z": 5, **locals()})
"""


@pytest.mark.parametrize("sample", samples_of(SAMPLES))
def test_functions(sample):
    behaviour(comparison.PRELUDE + grammar_samples.PRELUDE + PRELUDE + program(sample))


def test_exec_without_a_namespace_is_refused():
    with pytest.raises(TransformError, match="exec\\(code, names\\)") as caught:
        module("""
            @durable
            async def wf(ctx):
                exec("x = 1", {})
                exec("y = 1")
                await ctx.run("a")
        """)
    assert (caught.value.lineno, caught.value.offset) == (5, 5)
    assert caught.value.facts["reason"] == "exec-without-namespace"
