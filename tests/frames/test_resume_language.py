"""Methods, generators, closures and newer syntax run the same with a crash at every suspension point."""

from __future__ import annotations

import inspect
import sys
import typing

from tests.frames.helpers import both, echo, every_single_crash, module
from tests.frames.toy_engine import run
from weft_core.codec import register
from weft_core.frames import durable

# ------------------------------------------------------------------ methods


class Base:
    @durable
    async def go(self, ctx, n):
        return await ctx.run("base", n)


@register
class Service(Base):
    def __init__(self):
        self.__secret = 3
        self.hits = 0

    @durable
    async def go(self, ctx, n):
        __tmp = await ctx.run("svc", n)
        self.hits += 1
        self.__secret += __tmp
        base = await super().go(ctx, 7)
        # in a comprehension super() needs 3.12: there it is inlined
        xs = [await super().go(ctx, i) for i in range(2)] if sys.version_info >= (3, 12) else [0, 1]
        return self.__secret, base, xs, self.hits, __class__.__name__

    @staticmethod
    @durable
    async def static(ctx):
        return await ctx.run("st", 1)

    @classmethod
    @durable
    async def of_class(cls, ctx):
        return cls.__name__, await ctx.run("st", 1)


@durable
async def uses_methods(ctx):
    s = Service()
    a = await s.go(ctx, 4)
    return a, s.hits, await Service.static(ctx), await s.of_class(ctx)


def test_methods_super_and_private_names():
    assert every_single_crash(uses_methods) == ((7, 7, [0, 1], 1, "Service"), 1, 1, ("Service", 1))


# ------------------------------------------------------------------ generators


@durable
def generator_style(ctx, n):
    total = 0
    for i in range(n):
        total += yield ctx.run("a", i)
    x = yield from generator_child(ctx, total)
    return x, total


@durable
def generator_child(ctx, v):
    try:
        r = yield ctx.run("b", v)
        raise ValueError(r)
    except ValueError as e:
        yield ctx.run("c", 1)
        return e.args


def test_generator_functions_that_yield_operations():
    assert every_single_crash(generator_style, 4) == ((6,), 6)


@durable
async def pages(ctx, n, log):
    try:
        for i in range(n):
            p = await ctx.run("page", i)
            got = yield p * 10
            log.append(got)
            if i == 3:
                return
    finally:
        await ctx.run("close", n)
        log.append("closed")


@durable
async def async_generators(ctx):
    out, log = [], []
    async for x in pages(ctx, 3, log):
        out.append(x + await ctx.run("in", x))
    out.append([y async for y in pages(ctx, 5, log) if await ctx.run("f", y)])
    g = pages(ctx, 2, log)
    a = await anext(g)
    await ctx.run("mid", 1)
    b = await g.asend(5)
    await ctx.run("mid", 2)
    try:
        await anext(g)
    except StopAsyncIteration:
        out.append("stop")
    ge = (await ctx.run("ge", k) + k async for k in pages(ctx, 2, log))
    out.append([z async for z in ge])
    return out, a, b, log


def test_async_generators():
    out, a, b, log = every_single_crash(async_generators)
    assert (out, a, b) == ([0, 20, 40, [10, 20, 30], "stop", [0, 20]], 0, 10)
    assert log.count("closed") == 4


@durable
async def generator_expressions(ctx):
    out, m = [], 2
    g = (i * m for i in range(4) if i != 1)
    out.append(next(g))
    await ctx.run("a", 1)
    m = 3
    for n, v in enumerate(x + m for x in [1, 2, 3]):
        out.append(v + await ctx.run("b", n))
    out += g
    return out


def test_generator_expressions_that_outlive_a_suspension():
    assert every_single_crash(generator_expressions) == [0, 4, 6, 8, 6, 9]


# ------------------------------------------------------------------ names


@durable
async def closures(ctx):
    n = 0

    def inc(by=1):
        nonlocal n
        n += by
        return n

    async def nested(k):
        nonlocal n
        n += await ctx.run("k", k)
        return inc()

    fs = [lambda q, j=j: q + j + n for j in range(3)]
    inc()
    await nested(5)
    await ctx.run("a", 1)
    inc(10)
    out = await ctx.gather(nested(1), nested(2))
    return n, out, [f(1) for f in fs]


def test_closures_share_their_variables_after_a_restore():
    assert every_single_crash(closures) == (20, [19, 20], [21, 22, 23])


def make_factory(k):
    @durable
    async def produced(ctx):
        a = await ctx.run("a", k)
        return a + k

    return produced


def test_a_durable_function_may_capture_variables_of_an_ordinary_one():
    assert both(make_factory(4)) == 8


def test_a_durable_function_inside_a_durable_function_may_be_decorated():
    m = module("""
        @durable
        async def outer(ctx):
            @durable
            async def helper(x):
                return [await ctx.run("h", i + x) for i in range(2)]
            return await helper(1), await helper(5)
    """)
    assert every_single_crash(m.outer) == ([1, 2], [5, 6])


def test_global_declarations():
    m = module("""
        N = 0
        @durable
        async def wf(ctx):
            global N
            N += await ctx.run("a", 2)
            N = N + await ctx.run("a", 3)
            return N
    """)
    assert run(m.wf, do=echo) == 5
    assert m.N == 5


def test_annotations_signature_and_attributes_stay():
    m = module("""
        def other(f): f.mark = 1; return f
        @durable
        @other
        async def wf(ctx, a: int, b: str = "x", *, c: "float" = 2) -> list[int]:
            '''the doc'''
            return [a, b, c, await ctx.run("a", 1)]
    """)
    f = m.wf
    assert inspect.iscoroutinefunction(f)
    assert (f.__doc__, f.mark, f.__name__, f.__qualname__, f.__module__) == ("the doc", 1, "wf", "wf", m.__name__)
    assert str(inspect.signature(f)) == "(ctx, a: int, b: str = 'x', *, c: 'float' = 2) -> list[int]"
    assert typing.get_type_hints(f)["c"] is float
    assert both(f, 1) == [1, "x", 2, 1]


def test_the_module_of_a_durable_function_gets_no_new_names():
    m = module("@durable\nasync def wf(ctx):\n    return [await ctx.run('a', x) for x in ctx.xs]\n")
    given = {"durable", "register", "wf", "__builtins__"}
    assert set(m.__dict__) - given <= {"__name__", "__doc__", "__package__", "__loader__", "__spec__"}


# ------------------------------------------------------------------ newer syntax

if sys.version_info >= (3, 12):

    def test_generic_functions_of_3_12():
        m = module("""
            @durable
            async def wf[T](ctx, x: T) -> list[T]:
                y: T = await ctx.run("a", x)
                def inner[U](u: U) -> U: return u
                return [inner(y), T.__name__]
        """)
        assert both(m.wf, 3) == [3, "T"]


if sys.version_info >= (3, 14):

    def test_template_strings_of_3_14():
        m = module("""
            @durable
            async def wf(ctx):
                a = 1
                t = t"x{a + 1}y{await ctx.run('v', 5)!r:>{await ctx.run('w', 7)}}z"
                return [i if isinstance(i, str) else (i.value, i.conversion, i.format_spec) for i in t]
        """)
        assert both(m.wf) == ["x", (2, None, ""), "y", (5, "r", ">7"), "z"]
