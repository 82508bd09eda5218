"""Durable methods: of instances, classes and none, with super, private names and instances in the checkpoint."""

from __future__ import annotations

import pytest

from tests.frames import comparison, grammar_samples
from tests.frames.comparison import behaviour, program, samples_of

PRELUDE = """
import dataclasses

class Parent:
    label = "parent"
    @durable
    async def go(self, ctx, n):
        return self.label, await ctx.run("parent", n)
    @classmethod
    @durable
    async def made(cls, ctx, n):
        return cls.__name__, await ctx.run("made", n)
    @staticmethod
    @durable
    async def static(ctx, n):
        return await ctx.run("static", n)

@register
class Child(Parent):
    label = "child"
    def __init__(self, n):
        self.__n = n
    def show(self): return self.__n, sorted(vars(self))
    @durable
    async def go(self, ctx, n):
        self.__n += await ctx.run("child", n)
        __local = self.__n
        above = await super().go(ctx, __local)
        return above, await super(Child, self).go(ctx, 0), self.__helper(), await self.__later(ctx), __class__.__name__
    def __helper(self): return self.__n * 10
    @durable
    async def __later(self, ctx): return await ctx.run("later", self.__n)
    @classmethod
    @durable
    async def made(cls, ctx, n):
        return await super().made(ctx, n), cls.label, await ctx.run("own", n)
    @durable
    async def chain(self, ctx):
        async def inner(): return self.__n, await ctx.run("inner", self.label)
        return await inner(), [await super(Child, self).go(ctx, i) for i in range(2)]
    @durable
    def items(self):
        for i in range(self.__n):
            yield self.label, i
    @durable
    async def pages(self, ctx):
        for i in range(self.__n):
            yield await ctx.run("page", i), super().label

@dataclasses.dataclass
class Saga:
    done: list
    @durable
    async def step(self, ctx, name):
        self.done.append(await ctx.run("step", name))
    @durable
    async def undo(self, ctx):
        return [await ctx.run("undo", self.done.pop()) for _ in range(len(self.done))]

@register
class Slotted:
    __slots__ = ("x",)
    def __init__(self, x): self.x = x
    @property
    def double(self): return self.x * 2
"""

SAMPLES = """
### private names, super and class attributes in methods of every kind
@durable
async def wf(ctx):
    c = Child(2)
    out = [await c.go(ctx, 3), await Child.made(ctx, 4), await Child.static(ctx, 5), await c.chain(ctx)]
    await ctx.run("z")
    return out, c.show()

### a method with private names uses its own class and its module by name
c = Child(2)
return [await c.chain(ctx), (await c.go(ctx, 1))[1]]

### a bound method is stored and called later
c = Child(2)
go = c.go
await ctx.run("a")
return await go(ctx, 1), go.__self__ is c

### a method that is a durable generator
c = Child(3)
g = c.items()
out = [next(g)]
await ctx.run("a")
return out + list(g)

### a method that is a durable async generator
c = Child(3)
return [x async for x in c.pages(ctx)]

### a dataclass whose instance lives in the checkpoint and changes under its own method
s = Saga([])
await s.step(ctx, "one")
t = s
await s.step(ctx, "two")
return s.done, t is s, await s.undo(ctx)

### properties, slots and class bodies that use comprehension and lambda
p = Slotted(1)
await ctx.run("a")
p.x += await ctx.run("b", p.double)
class Local:
    n = [i * 2 for i in range(3)]
    f = staticmethod(lambda v: v + 1)
log.append((Local.n, Local.f(p.x)))
"""


@pytest.mark.parametrize("sample", samples_of(SAMPLES))
def test_methods(sample):
    behaviour(comparison.PRELUDE + grammar_samples.PRELUDE + PRELUDE + program(sample))
