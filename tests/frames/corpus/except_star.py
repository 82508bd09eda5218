"""Groups are split, handled, raised again and nested, with operations everywhere."""
# ruff: noqa: F821  (durable, register and T, which traces, come from the loader)


@durable
async def split(ctx, error, again):
    try:
        await ctx.run("body", 1)
        raise error
    except* ValueError as eg:
        T(eg)
        await ctx.run("values", len(eg.exceptions))
        if again:
            raise
    except* (KeyError, TypeError) as eg:
        T(await ctx.run("keys", len(eg.exceptions)))
        raise RuntimeError("made") from eg
    else:
        T("else")
    finally:
        T(await ctx.run("finally", 1))
    return "handled"


@durable
async def wf(ctx):
    out = []
    deep = ExceptionGroup("deep", [ValueError(1), ExceptionGroup("in", [KeyError(2), OSError(3)])])
    deep.add_note("noted")
    for error in (deep, ExceptionGroup("one", [ValueError(4)]), ValueError(5), TypeError(6)):
        for again in (False, True):
            try:
                out.append(await split(ctx, error, again))
            except BaseException as e:
                T(e)
                out.append(type(e).__name__)
    return out
