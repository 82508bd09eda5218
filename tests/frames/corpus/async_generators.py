"""Asynchronous generators: iterated, left early, in each other, closed by an exception."""
# ruff: noqa: F821  (durable, register and T, which traces, come from the loader)


@durable
async def pages(ctx, n):
    T(("open", n))
    try:
        for i in range(n):
            yield await ctx.run("page", i)
    finally:
        T(("close", await ctx.run("close", n)))


@durable
async def flat(ctx, n):
    async for page in pages(ctx, n):
        for x in range(page % 3):
            yield page, x
        yield await ctx.run("between", page)


@durable
async def wf(ctx):
    out = []
    async for x in flat(ctx, 3):
        out.append(x)
    else:
        out.append(await ctx.run("else", 1))
    g = pages(ctx, 3)
    async for x in g:
        out.append(await ctx.run("body", x))
        break
    await ctx.run("held", 1)
    async for x in g:
        out.append(("rest", x))
    waiting = pages(ctx, 2)
    await ctx.run("not begun", 1)
    out += [x async for x in waiting if x != await ctx.run("if", 5)]
    out += [y async for y in (x * 2 async for x in pages(ctx, 2))]
    try:
        async for x in flat(ctx, 2):
            if x == await ctx.run("stop", 1):
                raise ValueError(x)
    except ValueError as e:
        out.append(e.args)
    return out
