"""Operations without end: the run is stopped in one, and waits on its way out."""
# ruff: noqa: F821  (durable comes from the loader)


@durable
async def wf(ctx):
    done = []
    try:
        while True:
            done.append(await ctx.run("turn", len(done)))
    except ValueError:
        return "no operation of that name fails"
    finally:
        try:
            await ctx.run("clean up", len(done))
        except Exception as e:
            done.append(repr(e))
            raise KeyError("left", len(done)) from e
