"""Half-evaluated expressions: what was computed before a suspension is computed once."""
# ruff: noqa: F821  (durable, register and T, which traces, come from the loader)


def show(*a, **k):
    T((a, sorted(k.items())))
    return sum(a) + len(k)


@durable
async def wf(ctx):
    xs, d = [1, 2, 3], {1: 2}
    out = [
        T(1) + await ctx.run("a", 1) * T(2) - await ctx.run("b", T(3)),
        show(T(1), await ctx.run("c", 1), *[T(2), await ctx.run("d", 1)], k=T(3), **{"m": await ctx.run("e", 1)}),
        T(1) < await ctx.run("f", 2) < T(9) != await ctx.run("g", 1),
        T(0) or await ctx.run("h", 8) and T(5) or await ctx.run("i", 1),
        (await ctx.run("j", 1) if await ctx.run("k", 2) > T(3) else await ctx.run("l", 1)),
        f"{T(1)!r:>{await ctx.run('m', 2) % 7}}|{await ctx.run('n', 1)}|{T('x')=}",
        xs[await ctx.run("o", 8) % 3 : T(3)],
        [*xs, await ctx.run("p", 1), *[T(4)]],
        {T(1): await ctx.run("q", 1), **d, await ctx.run("r", 1): T(2)},
        (lambda a, b=await ctx.run("s", 1): a + b)(await ctx.run("t", 1)),
        -(await ctx.run("u", 1) ** T(2)),
        not await ctx.run("v", 1),
        T(2) in [await ctx.run("w", 1), 2],
        (await ctx.run("x", 1), T(1), await ctx.run("y", 1))[await ctx.run("z", 8) % 3],
    ]
    assert await ctx.run("assert", 1), T("not shown")
    return out
