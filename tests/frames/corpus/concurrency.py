"""Branches of one run: gathered, spawned, in groups, failing and cancelled."""
# ruff: noqa: F821  (durable, register and T, which traces, come from the loader)


@durable
async def branch(ctx, n, shared):
    try:
        for i in range(2):
            shared.append((n, i, await ctx.run("branch", n + i)))
        if n == 3:
            raise ValueError(n)
        return n
    finally:
        shared.append((n, await ctx.run("finally", n)))


@durable
async def wf(ctx):
    shared = []
    out = [
        await ctx.gather(branch(ctx, 1, shared), branch(ctx, 2, shared)),
        await ctx.all([ctx.run("a", 1), ctx.run("b", 2)]),
    ]
    task = await ctx.spawn(branch(ctx, 4, shared))
    out.append(await ctx.run("meanwhile", 1))
    out.append(await task)
    try:
        await ctx.gather(branch(ctx, 3, shared), branch(ctx, 5, shared))
    except ValueError as e:
        out.append(e.args)
    async with ctx.group() as group:
        await group.start(branch(ctx, 6, shared))
        await group.start(branch(ctx, 7, shared))
        out.append(await ctx.run("in group", 1))
    return out, len(shared)
