"""match: patterns of every kind, guards and subjects that suspend."""
# ruff: noqa: F821  (durable, register and T, which traces, come from the loader)

import enum
from dataclasses import dataclass


@dataclass
class Point:
    x: int
    y: int


class Color(enum.Enum):
    RED = 1
    BLUE = 2


@durable
async def told(ctx, value):
    match value:
        case 0 | 1 if await ctx.run("guard", value) > 5:
            return "small"
        case int(n) if (doubled := n * 2) > await ctx.run("guard", n):
            return n, doubled
        case [Point(x, 0), *rest]:
            return await ctx.run("rest", x), rest
        case Point(x=1, y=y) as p:
            return p, y
        case {"k": (1 | 2) as k, **more}:
            return k, await ctx.run("map", k), more
        case Color.RED:
            return "red"
        case [a, [b, *_]] | (a, b, _):
            return a, b
        case str() | None:
            return await ctx.run("text", 1)
        case _:
            return "other", await ctx.run("other", 1)


@durable
async def wf(ctx):
    values = [
        0,
        1,
        7,
        [Point(3, 0), 4],
        Point(1, 2),
        Point(2, 2),
        {"k": 2, "z": 3},
        Color.RED,
        Color.BLUE,
        [1, [2, 3]],
        (4, 5, 6),
        "t",
        None,
        2.5,
    ]
    out = [await told(ctx, v) for v in values]
    match await ctx.run("subject", 4), out:
        case n, [*_, last]:
            out.append((n, await ctx.run("last", 1), last))
    return out
