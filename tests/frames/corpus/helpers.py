"""Helpers many frames deep, recursion, mutual recursion, and what they share with their callers."""
# ruff: noqa: F821  (durable, register and T, which traces, come from the loader)


@durable
async def deep(ctx, n, shared):
    shared.append(n)
    if n == 0:
        return await ctx.run("bottom", len(shared))
    try:
        return 1 + await deep(ctx, n - 1, shared)
    finally:
        shared.append(await ctx.run("up", n))


@durable
async def even(ctx, n):
    return n == 0 or await odd(ctx, n - 1)


@durable
async def odd(ctx, n):
    await ctx.run("odd", n)
    return n != 0 and await even(ctx, n - 1)


@durable
async def tree(ctx, n):
    if n < 2:
        return await ctx.run("leaf", n)
    return [await tree(ctx, n - 1), await tree(ctx, n - 2)]


@durable
async def wf(ctx):
    shared = []
    out = [await deep(ctx, 12, shared), shared, await even(ctx, 4), await tree(ctx, 4)]
    return out
