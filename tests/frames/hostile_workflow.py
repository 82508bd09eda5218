"""A run that is suspended inside everything at once, and that notices when any of its code runs."""

from __future__ import annotations

from tests.codec import samples
from tests.frames.toy_engine import Ctx, Workflow
from weft_core.codec import register
from weft_core.frames import durable

RAN: list[str] = []


@register(name="hostile:Manager")
class Manager:
    def __enter__(self):
        RAN.append("enter")
        return self

    def __exit__(self, *exc):
        RAN.append("exit")


def noticed(value):
    RAN.append("call")
    return value


@durable
async def child(ctx, n, box):
    RAN.append("child")
    try:
        async with ctx.group() as group:
            task = await group.start(grandchild(ctx, box))
            for k, v in {"a": 1, "b": 2}.items():
                box.append([k, v, await ctx.run("inner", n)])
            await task
    finally:
        RAN.append("finally")
        await ctx.run("close", n)
    return n


@durable
async def grandchild(ctx, box):
    RAN.append("grandchild")
    got = [noticed(await ctx.run("leaf", x)) for x in {1, 2}]
    return got, box


@durable
def numbers(n):
    try:
        for i in range(n):
            yield noticed(i)
    finally:
        RAN.append("closed")


@durable
async def whole(ctx):
    RAN.append("whole")
    total, box, graph = 0, [], samples.everything()
    pair = samples.Pair(box, graph)
    step = lambda x: noticed(x) + total
    unstarted = child(ctx, 7, box)
    gen = numbers(3)
    next(gen)

    def bump(by=1):
        nonlocal total
        total += by

    try:
        raise samples.ShopError(4, detail=box)
    except samples.ShopError as error:
        with Manager() as manager:
            for i, x in enumerate(zip([1, 2, 3], "abc")):
                try:
                    value = noticed(i) + await ctx.run("first", 1) + len(box)
                    a, b = await ctx.gather(child(ctx, i, box), grandchild(ctx, box))
                    bump(step(value))
                except ValueError:
                    noticed("handler")
                except (KeyError, TypeError):
                    noticed("other")
                else:
                    RAN.append("else")
                finally:
                    RAN.append("finally")
                    await ctx.run("log", i, error, manager, pair)
    return total, await unstarted, list(gen), a, b


def suspended_at(steps):
    """The run after some steps."""
    w = Workflow.start(Ctx(), whole)
    for n in range(steps):
        w.step(lambda op: n)
    return w
