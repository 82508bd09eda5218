"""Every part of a try statement suspends; jumps and exceptions wait behind a finally."""
# ruff: noqa: F821  (durable, register and T, which traces, come from the loader)


@durable
async def jumps(ctx, how):
    for i in range(3):
        try:
            try:
                await ctx.run("body", i)
                if how == "break":
                    break
                if how == "continue":
                    continue
                if how == "return":
                    return await ctx.run("value", i)
                if how == "raise":
                    raise ValueError(i)
            finally:
                T(("inner", await ctx.run("inner", i)))
        except ValueError as e:
            T(await ctx.run("handler", 1))
            if i == 1:
                raise KeyError("second") from e
        else:
            T(await ctx.run("else", i))
        finally:
            T(("outer", await ctx.run("outer", i)))
            if how == "swallow" and i == 2:
                return "swallowed"
    return "end"


@durable
async def wf(ctx):
    out = []
    for how in ("break", "continue", "return", "raise", "swallow", ""):
        try:
            out.append(await jumps(ctx, how))
        except KeyError as e:
            out.append((e.args, repr(e.__cause__), e.__context__ is e.__cause__))
    return out
