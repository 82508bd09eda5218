"""Names of enclosing scopes, assigned and deleted on both sides of suspensions."""
# ruff: noqa: F821  (durable, register and T, which traces, come from the loader)

G2 = 1


@durable
async def bump(ctx, n):
    global G2
    G2 += await ctx.run("bump", n)
    return G2


@durable
async def wf(ctx):
    global G2
    total, out = 0, []

    async def add(n):
        nonlocal total
        total += await ctx.run("add", n)

        def twice():
            nonlocal total, n
            total, n = total * 2, n + 1
            return n

        return twice() + await ctx.run("after", twice())

    for i in range(2):
        out.append((await add(i), total))
    G2 = await ctx.run("g", 1)
    out.append((await bump(ctx, 1), G2))
    total = 5

    def drop():
        nonlocal total
        del total

    await ctx.run("before", 1)
    drop()
    await ctx.run("between", 1)
    try:
        total
    except NameError:
        out.append("gone")
    return out
