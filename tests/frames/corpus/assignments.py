"""Targets of every kind: their parts are evaluated once, in order, before and after suspensions."""
# ruff: noqa: F821  (durable, register and T, which traces, come from the loader)


class Box:
    def __init__(self):
        self.items = []

    def __getitem__(self, i):
        T(("get", i))
        return 10

    def __setitem__(self, i, v):
        T(("set", i, v))

    def __delitem__(self, i):
        T(("del", i))


register(Box)


@durable
async def wf(ctx):
    box, xs = Box(), [1, 2, 3, 4]
    box[T(1)] += await ctx.run("a", 1)
    box[await ctx.run("b", 1)] *= T(2)
    box.n = box[2 : T(3)] = await ctx.run("c", 1)
    box.n -= await ctx.run("d", 1)
    box.items += [await ctx.run("e", 1)]
    xs[T(0)], (box.m, *rest), xs[await ctx.run("f", 8) % 4] = T(7), [T(8), 9, await ctx.run("g", 1)], T(6)
    n: int = await ctx.run("h", 1)
    m: "Unknown"
    m = (k := await ctx.run("i", 1)) + n
    a = b = await ctx.run("j", 1)
    xs[1:2], c = [await ctx.run("k", 1)] * 2, a
    del box[await ctx.run("l", 1)], xs[0]
    if await ctx.run("m", 1):
        gone = 1
        del gone
    try:
        await ctx.run("n", 1)
        gone
    except UnboundLocalError as e:
        T(type(e).__name__)
    place = 1
    xs[place], place = T(3), await ctx.run("o", 1)
    return place, box.n, box.items, box.m, rest, xs, n, m, k, a, b, c
