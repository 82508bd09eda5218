"""Context managers of both kinds, several at once, that swallow or fail."""
# ruff: noqa: F821  (durable, register and T, which traces, come from the loader)


class Plain:
    def __init__(self, name, swallow=False):
        self.name, self.swallow = name, swallow

    def __enter__(self):
        T(("enter", self.name))
        return self

    def __exit__(self, kind, error, tb):
        T(("exit", self.name, error))
        return self.swallow


register(Plain)


class Durable(Plain):
    def __init__(self, ctx, name, swallow=False, fails=False):
        super().__init__(name, swallow)
        self.ctx, self.fails = ctx, fails

    @durable
    async def __aenter__(self):
        return await self.ctx.run("aenter", len(self.name))

    @durable
    async def __aexit__(self, kind, error, tb):
        T(("aexit", self.name, error, await self.ctx.run("aexit", 1)))
        if self.fails:
            raise OSError("exit failed")
        return self.swallow


register(Durable)


@durable
async def wf(ctx):
    out = []
    with Plain("a") as a, Plain("b", True):
        async with Durable(ctx, "c") as c, Durable(ctx, "d", True) as d:
            out += [a.name, c, d, await ctx.run("in", 1)]
            raise ValueError("swallowed by d")
        out.append(await ctx.run("after d", 1))
        raise KeyError("swallowed by b")
    try:
        async with Durable(ctx, "e", fails=True):
            await ctx.run("in e", 1)
            raise ValueError("first")
    except OSError as e:
        out.append(repr(e.__context__))
    for i in range(3):
        with Plain(f"loop{i}"):
            if await ctx.run("loop", i) > 4:
                break
            with Plain("inner"):
                continue
    return out
