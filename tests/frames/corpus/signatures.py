"""Parameters of every kind, with defaults that are mutable."""
# ruff: noqa: F821  (durable, register and T, which traces, come from the loader)

import functools


def logged(f):
    @functools.wraps(f)
    def wrapper(*a, **k):
        T(("call", f.__name__, len(a), sorted(k)))
        return f(*a, **k)

    return wrapper


@durable
async def many(ctx, a, /, b=2, *rest, c, d=[1], **more):
    """Its documentation stays."""
    first: list[int] = [await ctx.run("first", a)]
    d = [*d, b]
    rest = (*rest, await ctx.run("second", b))
    return first, a, b, rest, c, d, sorted(more.items()), await ctx.run("third", c)


@logged
@logged
@durable
async def wrapped(ctx, n, *, k=0):
    return await ctx.run("wrapped", n) + k


@durable
async def wf(ctx):
    more = {"x": 1, "y": await ctx.run("y", 1)}
    return [
        await many(ctx, 1, c=2),
        await many(ctx, 1, 5, 6, 7, c=2, d=[], **more),
        await many(ctx, *[1, await ctx.run("star", 2)], c=await ctx.run("c", 1)),
        await wrapped(ctx, 1),
        await wrapped(ctx, 2, k=await ctx.run("k", 1)),
        (many.__name__, many.__doc__, wrapped.__name__),
    ]
