"""Classes made inside the workflow, used between its suspensions."""
# ruff: noqa: F821  (durable, register and T, which traces, come from the loader)


class Base:
    def greet(self, n):
        return "base", n


@durable
async def choose(ctx, cls):
    await ctx.run("choose", 1)
    return cls


@durable
async def wf(ctx):
    n = await ctx.run("n", 1)

    class Local(await choose(ctx, Base)):
        kind = n

        def greet(self, m):
            return super().greet(m), self.kind, n

    out = [Local().greet(2), Local.__name__]
    del Local
    await ctx.run("after", 1)
    return out
