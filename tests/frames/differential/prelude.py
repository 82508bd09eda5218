"""What every generated program begins with: classes, context managers, iterators and helpers that print a trace."""

PRELUDE = '''
import math, itertools
from dataclasses import dataclass, field

G0 = 3
G1 = [7]

class E1(Exception): pass
class E2(E1): pass
class E3(Exception):
    def __init__(self, a, b):
        super().__init__(f"{a}-{b}")
        self.a, self.b = a, b

@dataclass
class Obj:
    x: int = 1
    y: int = 2
    items: list = field(default_factory=list)
    def meth(self, *a, **k):
        T(("meth", self.x, a, sorted(k.items())))
        self.y += len(a)
        return self.y
    @property
    def prop(self):
        T(("prop", self.x))
        return self.x + 100
    def __getitem__(self, i):
        T(("getitem", i if not isinstance(i, slice) else (i.start, i.stop, i.step)))
        return self.x
    def __setitem__(self, i, v):
        T(("setitem", i, v)); self.items.append(v)
    def __delitem__(self, i):
        T(("delitem", i))

@dataclass
class CM:
    name: str
    supp: int = 0
    def __enter__(self):
        T(("enter", self.name)); return len(self.name)
    def __exit__(self, t, v, tb):
        T(("exit", self.name, t and t.__name__))
        return bool(self.supp) and t is not None and issubclass(t, Exception)

@dataclass
class ACM:
    ctx: object
    name: str
    supp: int = 0
    @durable
    async def __aenter__(self):
        T(("aenter", self.name))
        r = await self.ctx.run("aenter", len(self.name))
        return r
    @durable
    async def __aexit__(self, t, v, tb):
        T(("aexit", self.name, t and t.__name__))
        r = await self.ctx.run("aexit", 1 if t is None else 2)
        if self.supp == 3:
            raise E2("aexit")
        return bool(self.supp) and t is not None and issubclass(t, Exception)

@dataclass
class AIter:
    ctx: object
    n: int
    i: int = 0
    def __aiter__(self):
        return self
    @durable
    async def __anext__(self):
        if self.i >= self.n:
            raise StopAsyncIteration
        self.i += 1
        if self.i % 2:
            return await self.ctx.run("anext", self.i)
        return self.i

@durable
async def agen(ctx, n):
    T(("agen", n))
    try:
        for i in range(n):
            x = await ctx.run("agen", i)
            if x == 3:
                return
            got = yield x
            if got: T(("got", got))
        if n == 3:
            yield await rec(ctx, 1)
    except ValueError as e:
        T(("agen err", e.args))
        yield 77
    finally:
        T(("agen end", n))

@durable
def dgen(n):
    T(("dgen", n))
    try:
        for i in range(n):
            got = yield i * 2
            if got: T(("got", got))
    finally:
        T(("dgen end", n))
    return n

def bump(x, *a, k=1, **kw):
    T(("bump", x, a, k, sorted(kw.items())))
    return x + k + len(a)

@durable
async def h1(ctx, a, b=2, *rest, k=0, **kw):
    try:
        r = await ctx.run("h1", a)
        if r % 5 == 4:
            raise E2("h1", r)
        return r + b + len(rest) + k + len(kw)
    finally:
        T(("h1 fin", a))

@durable
async def h2(ctx, xs):
    """mutates a list shared with its caller"""
    for i in range(2):
        xs.append(await ctx.run("h2", i))
        if len(xs) > 12:
            xs.clear()
    return len(xs)

@durable
async def rec(ctx, n):
    if n <= 0:
        return await ctx.run("rec0", n)
    return n + await rec(ctx, n - 1)
'''
