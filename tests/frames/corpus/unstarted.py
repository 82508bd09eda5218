"""Coroutines, generators and operations that exist and have not begun, or have ended."""
# ruff: noqa: F821  (durable, register and T, which traces, come from the loader)


@durable
async def helper(ctx, n):
    return await ctx.run("helper", n) + 1


@durable
def numbers(n):
    yield from range(n)


@durable
async def pages(ctx, n):
    for i in range(n):
        yield await ctx.run("page", i)


@durable
async def wf(ctx):
    first, second = helper(ctx, 1), [helper(ctx, 2), helper(ctx, 3)]
    g, h, op = numbers(2), pages(ctx, 2), ctx.run("later", 1)
    local = (x + len(second) for x in (1, 2))

    async def inner(k):
        return k + await ctx.run("inner", k)

    third = inner(5)
    await ctx.run("one", 1)
    out = [await first, [await c for c in second], list(g), [x async for x in h], await op, list(local), await third]
    await ctx.run("two", 1)
    return out, list(g), [x async for x in h]
