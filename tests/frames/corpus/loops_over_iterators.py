"""Loops that suspend over every kind of iterable, also while it changes."""
# ruff: noqa: F821  (durable, register and T, which traces, come from the loader)


@durable
def numbers(n):
    try:
        for i in range(n):
            yield i
    finally:
        T(("closed", n))


@durable
async def wf(ctx):
    d, xs, out = {1: 2, 3: 4}, [1, 2, 3], []
    sources = [
        xs,
        (1, 2),
        "ab",
        b"ab",
        range(2),
        d,
        d.keys(),
        d.values(),
        d.items(),
        {5},
        enumerate(xs),
        zip(xs, "ab"),
        reversed(xs),
        map(str, xs),
        filter(None, [0, 1]),
        numbers(2),
        (x for x in numbers(2)),
        iter([4, 5]),
        reversed(d),
        frozenset({6}),
    ]
    for source in sources:
        for x in source:
            out.append((x, await ctx.run("x", len(out))))
    for x in xs:
        out.append(await ctx.run("grow", x))
        if len(xs) < 6:
            xs.append(x + 1)
        elif x == 3:
            del xs[4:]
    try:
        for k in d:
            await ctx.run("changed", k)
            d[k + 10] = 1
    except RuntimeError as e:
        out.append(e.args)
    for x in numbers(5):
        if await ctx.run("leave", x) > 6:
            break
    await ctx.run("after", 1)
    return out, xs
