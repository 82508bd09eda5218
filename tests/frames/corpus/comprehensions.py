"""Comprehensions of every kind that suspend in every part."""
# ruff: noqa: F821  (durable, register and T, which traces, come from the loader)


@durable
async def numbers(ctx, n):
    for i in range(n):
        yield await ctx.run("n", i)


@durable
async def wf(ctx):
    base = 10
    a = [await ctx.run("e", x) for x in range(3) if await ctx.run("i", x) != 4]
    b = {await ctx.run("s", x) for x in a}
    c = {await ctx.run("k", x): await ctx.run("v", x) for x in a}
    d = [(x, y) for x in [1, 2] for y in range(await ctx.run("second", x)) if y < base]
    e = [await ctx.run("e", y) async for y in numbers(ctx, 2)]
    f = [[await ctx.run("in", x + y) for y in (1, 2)] for x in (1, 2)]
    g = [x async for x in (await ctx.run("g", y) for y in range(2))]
    h = [(last := x) for x in range(3) if await ctx.run("w", x)]
    i = [f() for f in [lambda x=x: x + base for x in a]]
    j = sum(x for x in [await ctx.run("first", 1), 2])
    try:
        k = [1 // await ctx.run("zero", x) for x in (8, 2, 3)]
    except ZeroDivisionError:
        k = await ctx.run("handled", 1)
    return a, sorted(b), c, d, e, f, g, h, last, i, j, k
