"""GeneratorExit that the author raises, throws and catches: an exception as any other."""
# ruff: noqa: F821  (durable, register and T, which traces, come from the loader)


@register
class Manager:
    def __enter__(self):
        return T("enter")

    def __exit__(self, kind, error, tb):
        T(("exit", kind and kind.__name__))


@register
class Countdown:
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return self

    def __next__(self):
        if not self.n:
            raise StopIteration("lift-off")
        self.n -= 1
        return self.n + 1


@durable
def counting(counts):
    yield (yield from counts)


@durable
async def lets_out(ctx, n):
    with Manager():
        try:
            await ctx.run("before", n)
            raise GeneratorExit(n)
        except ValueError:
            T("never")
        finally:
            T("finally")
            await ctx.run("in finally", n)


@durable
async def wf(ctx):
    out = []
    try:
        async with Slowly(ctx):
            await lets_out(ctx, 1)
    except GeneratorExit as e:
        out.append(e.args)
        await ctx.run("caught", 1)
    finally:
        T("outer finally")
    try:
        await ctx.run("g", 1)
        (x for x in ()).throw(GeneratorExit)
    except BaseException as e:
        out.append(type(e).__name__)
    for n in counting(Countdown(3)):
        out.append(await ctx.run("count", n))
    try:
        await lets_out(ctx, 2)
    finally:
        T(out)
        await ctx.run("last", 1)


@register
class Slowly:
    def __init__(self, ctx):
        self.ctx = ctx

    @durable
    async def __aenter__(self):
        await self.ctx.run("aenter", 1)

    @durable
    async def __aexit__(self, kind, error, tb):
        T(kind.__name__)
        await self.ctx.run("aexit", 1)
