"""Iterators of itertools in variables and under loops."""
# ruff: noqa: F821  (durable, register and T, which traces, come from the loader)

import itertools


@durable
async def wf(ctx):
    held = [
        itertools.count(3, 2),
        itertools.chain([1], (2, 3)),
        itertools.islice(range(9), 1, None, 2),
        itertools.cycle([1, 2]),
        itertools.repeat(5, 3),
        itertools.accumulate([1, 2, 3]),
        itertools.takewhile(lambda x: x < 3, [1, 2, 3]),
        itertools.pairwise([1, 2, 3]),
        itertools.zip_longest([1, 2], [3]),
        itertools.product([1, 2], [3, 4]),
        itertools.combinations([1, 2, 3], 2),
        itertools.permutations([1, 2, 3], 2),
        itertools.compress("abc", [1, 0, 1]),
        itertools.starmap(pow, [(2, 3), (3, 2)]),
        itertools.filterfalse(None, [0, 1, 0]),
    ]
    out = [[next(i)] for i in held]
    await ctx.run("one", 1)
    for i, seen in zip(held, out):
        seen.append(next(i, None))
    await ctx.run("two", 1)
    for i, seen in zip(held, out):
        seen += itertools.islice(i, 4)
    for x in itertools.chain([1, 2], itertools.islice(itertools.count(), 2)):
        out.append(await ctx.run("loop", x))
    return out
