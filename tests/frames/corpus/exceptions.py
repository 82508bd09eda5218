"""Exceptions in variables: arguments, cause, context, suppression, notes, groups, and where they were raised."""
# ruff: noqa: F821  (durable, register and T, which traces, come from the loader)


class Refused(Exception):
    def __init__(self, order, *, why):
        super().__init__(order)
        self.why = why


def lines(e):
    out, tb = [], e.__traceback__
    while tb is not None:
        out.append(tb.tb_frame.f_code.co_name)
        tb = tb.tb_next
    return out


@durable
async def fail(ctx, n):
    await ctx.run("fail", n)
    raise Refused(n, why=[n])


@durable
async def wf(ctx):
    kept = []
    try:
        await fail(ctx, 1)
    except Refused as e:
        e.add_note("noted")
        await ctx.run("in handler", 1)
        kept.append(e)
        try:
            await ctx.run("again", 1)
            raise ValueError("while handling")
        except ValueError as f:
            T((f.__context__ is e, f))
            kept.append(f)
            await ctx.run("deeper", 1)
            try:
                raise KeyError("caused") from e
            except KeyError as g:
                await ctx.run("deepest", 1)
                T(g)
                kept.append(g)
    T((kept[0].why, kept[0].__notes__, kept[2].__cause__ is kept[0], "fail" in lines(kept[0])))
    await ctx.run("held", 1)
    kept.append(ExceptionGroup("all", kept[:]))
    await ctx.run("grouped", 1)
    try:
        raise kept[3] from None
    except ExceptionGroup as eg:
        T((eg.exceptions[0] is kept[0], eg.__suppress_context__))
        await ctx.run("last", 1)
        one, two = eg.split(ValueError)
        T((one, two))
    try:
        try:
            raise kept[0]
        finally:
            await ctx.run("finally", 1)
    except Refused as e:
        await ctx.run("same", 1)
        return e is kept[0]
