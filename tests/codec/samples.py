"""Values of every kind that can be stored."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import functools
import pathlib
import re
import uuid
import zoneinfo
from typing import Any, NamedTuple

from weft_core import codec

codec.allow_module(__name__)


def name_of(value: Any) -> str:
    """The name of a value's test: the same in every process, so without addresses, and without a set's order."""
    told = f"{{{', '.join(sorted(map(repr, value)))}}}" if isinstance(value, (set, frozenset)) else repr(value)
    return f"{type(value).__name__} {told:.30}".partition(" at 0x")[0]


try:
    ZONE: Any = zoneinfo.ZoneInfo("UTC")
except zoneinfo.ZoneInfoNotFoundError:  # a machine without the time zone database
    ZONE = dt.timezone.utc


class Color(enum.Enum):
    RED = 1
    BLUE = "b"


class Permission(enum.Flag):
    READ = 1
    WRITE = 2


class Level(enum.IntEnum):
    HIGH = 5


@dataclasses.dataclass
class Order:
    id: str
    lines: Any = None
    tags: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, slots=True)
class Price:
    amount: int
    currency: Any


class Pair(NamedTuple):
    left: Any
    right: Any = "none"


class ShopError(Exception):
    def __init__(self, code: int, *, detail: Any = None) -> None:
        super().__init__(f"code {code}")
        self.code, self.detail = code, detail


@codec.register(name="samples:Basket")
class Basket:
    def __init__(self, items: Any) -> None:
        self.items = items


@codec.register(name="samples:Node")
class Node:
    __slots__ = ("__secret", "next")

    def __init__(self, next: Any = None) -> None:
        self.next, self.__secret = next, 7

    def secret(self) -> int:
        return self.__secret

    def walk(self) -> Any:
        return self.next


class Immutable:
    def __init__(self, text: str) -> None:
        self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Immutable) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


codec.register(Immutable, name="samples:Immutable", get=lambda v: v.text, new=Immutable)


def double(x: int) -> int:
    return 2 * x


PLAIN: list[Any] = [
    None, True, False, 0, 1, -1, 127, 128, 255, 256, 65535, 65536, -32, -33, -128, -129, 2**31, -(2**31) - 1, 2**63,
    2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 10**50, -(10**50), 0.0, 1.5, float("inf"), -float("inf"), "", "a",
    "é" * 40, "x" * 300, "y" * 70_000, "\ud800", "a\udfffb", b"", b"abc" * 100, b"z" * 70_000, [], [1, [2, [3]]], (),
    (1,), (1, (2,)), {}, {1: 2, "a": [1]}, {(1, 2): 3}, {None: 0, True: 1, 2.5: 2, b"k": 3}, set(), {1, 2},
    frozenset({1, "a"}), {frozenset({(1, 2)}): "deep key"}, bytearray(b"x"), list(range(70_000)),
]  # fmt: skip

STDLIB: list[Any] = [
    3 + 4j, range(3), range(10, 0, -2), range(10**30), slice(1, None, 2), ..., NotImplemented,
    dt.datetime(2024, 1, 2, 3, 4, 5, 6), dt.datetime(2024, 1, 2, tzinfo=dt.timezone.utc),
    dt.datetime(2024, 11, 3, 1, 30, fold=1, tzinfo=dt.timezone(dt.timedelta(hours=-5), "EST")),
    dt.datetime(2024, 7, 1, tzinfo=ZONE), dt.date(2024, 2, 29), dt.time(1, 2, 3, fold=1),
    dt.time(1, tzinfo=dt.timezone.utc), dt.timedelta(days=-1, microseconds=5), ZONE,
    dt.timezone.utc, decimal.Decimal("1.10"), decimal.Decimal("-Infinity"), decimal.Decimal("1E+999"),
    fractions.Fraction(-1, 3), fractions.Fraction(2**80, 3), uuid.UUID(int=5), pathlib.PurePosixPath("/a/b"),
    pathlib.PureWindowsPath("C:/a"), re.compile("a+", re.I), re.compile(b"x"), collections.deque([1, 2], maxlen=5),
    collections.OrderedDict(b=1, a=2), collections.Counter("aab"), collections.defaultdict(list, {1: [2]}),
]  # fmt: skip

OBJECTS: list[Any] = [
    Color.RED, Color.BLUE, Permission.READ | Permission.WRITE, Permission(0), Level.HIGH, Order("1", [2]),
    Price(1, (2,)), Pair(1), Pair(1, 2), Immutable("x"), len, double, Order, dict.fromkeys, ValueError, re,
    functools.partial(int, "11", base=2),
]  # fmt: skip


def everything() -> list[Any]:
    """One graph with most kinds in it, aliases and a cycle."""
    shared = [1, {"deep": (2, [3])}]
    order = Order("o-1", shared)
    order.lines = [order, shared]
    basket = Basket({"order": order, "shared": shared})
    error = ShopError(3, detail=shared)
    error.__cause__ = KeyError("inner")
    graph: list[Any] = [shared, order, basket, error, Node(Node()), 2**100, {(1, 2): Color.RED, 10**30: "big"}]
    graph += [*STDLIB[:30], *OBJECTS, shared.append, iter(())]
    graph.pop()
    graph.append(graph)
    return graph
