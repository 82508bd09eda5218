"""Dataclasses, enums, flags, named tuples, slots and registered classes."""
# ruff: noqa: F821  (durable, register and T, which traces, come from the loader)

import enum
from collections import namedtuple
from dataclasses import dataclass, field
from typing import NamedTuple


class Color(enum.Enum):
    RED = 1
    BLUE = "b"


class Perm(enum.IntFlag):
    R = 1
    W = 2


class Name(enum.StrEnum):
    A = "a"


Pair = namedtuple("Pair", "p q")


class Row(NamedTuple):
    key: str
    value: int = 0


@dataclass
class Point:
    x: int
    y: int = 0
    tags: list = field(default_factory=list)


@dataclass(frozen=True)
class Frozen:
    point: Point
    more: tuple = ()


@dataclass(slots=True)
class Slotted:
    a: int
    b: int = field(init=False)


@register
class Own:
    __slots__ = ("x", "__dict__")


@durable
async def wf(ctx):
    point = Point(1)
    frozen, slotted, own = Frozen(point, (point,)), Slotted(1), Own()
    own.x, own.y = point, own
    held = [Color.RED, Color("b"), Perm.R | Perm.W, Name.A, Pair(1, point), Row("k"), {Color.RED: 1, Row("a"): 2}]
    await ctx.run("one", 1)
    point.tags.append(await ctx.run("two", 1))
    slotted.b = 5
    await ctx.run("three", 1)
    return (
        point,
        frozen.point is point,
        frozen.more[0] is point,
        slotted.a,
        slotted.b,
        own.x is point,
        own.y is own,
        held[0] is Color.RED,
        held[1] is Color.BLUE,
        Perm.W in held[2],
        held[3] == "a",
        held[4].q is point,
        held[5]._asdict(),
        held[6][Color.RED],
        held[6][("a", 0)],
    )
