"""anext, asend, athrow and aclose of a durable asynchronous generator."""
# ruff: noqa: F821  (durable, register and T, which traces, come from the loader)


@durable
async def talk(ctx, n):
    try:
        for i in range(n):
            try:
                got = yield i
                T(("got", got, await ctx.run("got", i)))
            except ValueError as e:
                T(("caught", e.args))
                yield await ctx.run("caught", i)
    finally:
        T(("end", await ctx.run("end", n)))


@durable
async def wf(ctx):
    g = talk(ctx, 4)
    out = [await anext(g), await g.asend("one"), await g.__anext__()]
    await ctx.run("between", 1)
    out.append(await g.athrow(ValueError("in")))
    out.append(await ctx.run("after throw", 1))
    out.append(await anext(g, "default"))
    await g.aclose()
    out.append(await ctx.run("closed", 1))
    try:
        await anext(g)
    except StopAsyncIteration:
        out.append("stopped")
    out.append(await anext(talk(ctx, 0), "none"))
    return out
