"""The part of the prelude that is about values: imports, exceptions, and classes of every kind."""

from __future__ import annotations

CLASSES = '''
import enum, itertools, math, re, sys
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from contextlib import AsyncExitStack, ExitStack, aclosing, asynccontextmanager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from functools import partial, wraps
from pathlib import PurePosixPath
from types import SimpleNamespace
from typing import NamedTuple
from uuid import UUID

G0 = 3
G1 = [7]
G2 = 1

class E1(Exception): pass
class E2(E1): pass
class E3(Exception):
    def __init__(self, a, b):
        super().__init__(f"{a}-{b}")
        self.a, self.b = a, b

Pair = namedtuple("Pair", "p q")

class Color(enum.Enum):
    RED = 1
    BLUE = 2

class Perm(enum.Flag):
    R = 1
    W = 2

@dataclass(frozen=True)
class Frozen:
    a: int
    b: tuple = ()

@dataclass(slots=True)
class Slotted:
    a: int
    b: int = field(init=False)

@dataclass
class Mat:
    n: int
    def __rmatmul__(self, other):
        T(("rmatmul", other))
        return other * 2 + self.n
    def __imatmul__(self, other):
        self.n += other
        return self

class Sink:
    def write(self, text): T(text)

@dataclass
class Obj:
    x: int = 1
    y: int = 2
    items: list = field(default_factory=list)
    def meth(self, *a, **k):
        T(("meth", self.x, a, sorted(k.items())))
        self.y += len(a)
        return self.y
    @property
    def prop(self):
        T(("prop", self.x))
        return self.x + 100
    def __getitem__(self, i):
        T(("getitem", i if not isinstance(i, slice) else (i.start, i.stop, i.step)))
        return self.x
    def __setitem__(self, i, v):
        T(("setitem", i if not isinstance(i, slice) else (i.start, i.stop, i.step), v)); self.items.append(v)
    def __delitem__(self, i):
        T(("delitem", i))

class Base:
    @durable
    $def deposit(self, n):
        T(("base", n))
        self.__log = n
        return «self.ctx.run("base", n)» + self.__log
    def describe(self):
        return "base"

@register
class Account(Base):
    """methods of every kind: they suspend, call super() and use private names"""
    limit = 3
    def __init__(self, ctx, total):
        self.ctx, self.total, self.other, self.__secret = ctx, total, None, 1
    @durable
    $def deposit(self, n):
        before = super().describe()
        got = «super().deposit(n)»
        self.__secret += 1
        self.total += got
        return self.total + self.__secret + len(before + super().describe())
    @durable
    $def twice(self, n, /, *, by=2):
        for _ in range(2):
            self.total += «self.deposit(n)» % 7 + by
        return self.total
    @durable
    $def many(self, *amounts):
        for x in amounts[:2]:
            self.total += «self.ctx.run("many", x)»
        return self.total
    @durable
    @classmethod
    $def open(cls, ctx, n):
        made = cls(ctx, n)
        made.total += «ctx.run("open", cls.limit)»
        return made
    @durable
    @staticmethod
    $def check(ctx, n):
        return «ctx.run("check", n)» > n

'''
