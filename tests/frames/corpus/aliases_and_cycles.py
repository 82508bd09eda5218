"""What is one object stays one object; what leads back to itself still does."""
# ruff: noqa: F821  (durable, register and T, which traces, come from the loader)

from dataclasses import dataclass


@dataclass
class Node:
    name: str
    next: object = None


@durable
async def change(ctx, xs, d):
    xs.append(await ctx.run("change", len(xs)))
    d["xs"] = xs
    return xs


@durable
async def wf(ctx):
    xs = [1]
    xs.append(xs)
    d = {"me": None, "xs": None}
    d["me"] = d
    a, b = Node("a"), Node("b")
    a.next, b.next = b, a
    t = ([], xs)
    f = lambda: (xs, f)
    error = ValueError(xs)
    error.self = error
    await ctx.run("one", 1)
    same = await change(ctx, xs, d)
    await ctx.run("two", 1)
    return (
        xs[1] is xs,
        d["me"] is d,
        d["xs"] is xs,
        same is xs,
        a.next.next is a,
        t[1] is xs,
        f()[0] is xs,
        f()[1] is f,
        error.args[0] is xs,
        error.self is error,
        len(xs),
    )
