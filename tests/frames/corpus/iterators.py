"""Iterators of the built-in kinds, held in variables across suspensions and then finished."""
# ruff: noqa: F821  (durable, register and T, which traces, come from the loader)


def seven():
    T("seven")
    return 7


@durable
def durable_generator(n):
    for i in range(n):
        yield i * 2


@durable
async def wf(ctx):
    d, n = {1: 2, 3: 4, 5: 6}, 3
    held = [
        iter([1, 2, 3]),
        iter((1, 2, 3)),
        iter("abc"),
        iter("aé"),
        iter(b"ab"),
        iter(range(1, 9, 3)),
        iter(range(10**20, 10**20 + 3)),
        iter(d),
        iter(d.items()),
        iter(d.values()),
        reversed(d),
        reversed([1, 2, 3]),
        reversed(range(4)),
        iter({7}),
        enumerate("ab", 5),
        zip([1, 2], "ab", strict=True),
        map(lambda a, b: a + b + n, [1, 2], [3, 4]),
        filter(None, [0, 1, 2]),
        filter(lambda x: x < n, [1, 5, 2]),
        iter(seven, 8),
        durable_generator(4),
        (x * n for x in [1, 2, 3] if x != 2),
        zip(enumerate([5, 6]), durable_generator(3)),
    ]
    out = [[next(i)] for i in held]
    await ctx.run("one", 1)
    for i, seen in zip(held, out):
        seen.append(next(i, None))
    await ctx.run("two", 1)
    for i, seen in zip(held, out):
        for x in i:
            seen.append(x)
            if len(seen) > 4:
                break
    await ctx.run("three", 1)
    return out, [next(i, None) for i in held]
