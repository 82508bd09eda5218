"""Loops with else, break and continue, in each other."""
# ruff: noqa: F821  (durable, register and T, which traces, come from the loader)


@durable
async def wf(ctx):
    out = []
    for i in range(4):
        n = 0
        while n < 3:
            n += 1
            if await ctx.run("skip", n) % 3 == 0:
                continue
            for c in "ab":
                if await ctx.run(c, i) > 6:
                    break
                out.append((i, n, c))
            else:
                out.append("else")
                if i == 2:
                    break
        else:
            out.append(await ctx.run("while else", i))
        if i == 3:
            break
    else:
        out.append("never")
    for k, (a, b) in enumerate({1: 2, 3: 4}.items()):
        for x in reversed([a, b]):
            out.append((k, x, await ctx.run("r", x)))
    return out
