"""yield from: other generators, ordinary iterators, values sent and thrown through."""
# ruff: noqa: F821  (durable, register and T, which traces, come from the loader)


@durable
def inner(n):
    try:
        got = yield n
        T(("got", got))
        yield from [n + 1, n + 2]
        yield from {"a": 1, "b": 2}
    except ValueError as e:
        yield e.args
    finally:
        T("inner ends")
    return "inner"


@durable
def outer(n):
    result = yield from inner(n)
    yield result
    yield from (x * 2 for x in range(3))


@durable
async def wf(ctx):
    out = []
    g = outer(1)
    out.append(next(g))
    await ctx.run("a", 1)
    out.append(g.send("sent"))
    await ctx.run("b", 1)
    out.append(next(g))
    await ctx.run("c", 1)
    for x in g:
        out.append(x)
        out.append(await ctx.run("d", len(out)))
    h = outer(5)
    next(h)
    await ctx.run("e", 1)
    out.append(h.throw(ValueError("thrown")))
    await ctx.run("f", 1)
    h.close()
    return out
