"""Functions in variables share their cells with the workflow and with each other."""
# ruff: noqa: F821  (durable, register and T, which traces, come from the loader)


def tag(n):
    def decorate(f):
        def tagged(*a):
            return n, f(*a)

        return tagged

    return decorate


@durable
async def wf(ctx):
    n, out, seen = 1, [], []

    def add(k, *, by=await ctx.run("default", 2)):
        nonlocal n
        n += k * by
        return n

    peek = lambda: (n, len(seen))
    makers = [lambda k=k: k + n for k in range(3)]
    late = []
    for k in range(3):
        late.append(lambda: k)
        await ctx.run("loop", k)

    def counter():
        count = 0

        def up():
            nonlocal count
            count += 1
            return count

        return up, lambda: count

    up, show = counter()
    up()
    await ctx.run("held", 1)
    seen.append(add(2))
    out += [peek(), [f() for f in makers], [f() for f in late], up(), show()]

    async def inner(m):
        nonlocal n
        for f in (add, lambda x: x + m):
            n += f(await ctx.run("inner", m))
        return peek()

    out += [await inner(1), await inner(2)]

    @tag(await ctx.run("tag", 1))
    def tagged(x):
        return x + n

    out.append(tagged(1))
    del tagged

    def fact(k):
        return 1 if k < 2 else k * fact(k - 1)

    await ctx.run("recursive", 1)
    fact.note = "kept"
    await ctx.run("attribute", 1)
    return out, fact(5), fact.note, add.__kwdefaults__
