"""Values of the standard library, held and changed across suspensions."""
# ruff: noqa: F821  (durable, register and T, which traces, come from the loader)

import re
from collections import Counter, OrderedDict, defaultdict, deque
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from functools import partial
from pathlib import PurePosixPath
from uuid import UUID


@durable
async def wf(ctx):
    ints = [0, -1, 2**31, 2**63, -(2**63), 2**64, 10**40, True]
    texts = ["", "é", "\ud83d", "a" * 300, b"", bytes(range(256)), bytearray(b"xy")]
    floats = [0.0, -0.0, float("inf"), 1e-300, 1 + 2j, Decimal("1.50"), Fraction(1, 3)]
    times = [
        date(2020, 2, 29),
        datetime(2020, 1, 2, 3, 4, 5, 6, timezone.utc),
        time(1, 2),
        timedelta(days=-1, microseconds=5),
        timezone(timedelta(hours=2)),
    ]
    many = [
        (1, (2,)),
        {3, 1},
        frozenset({1}),
        range(3, 9, 2),
        slice(1, None, 2),
        deque([1, 2], 3),
        Counter("aab"),
        OrderedDict(b=1, a=2),
        defaultdict(list, {1: [2]}),
        partial(pow, 2),
        UUID(int=5),
        PurePosixPath("a/b"),
        re.compile("a+", re.I),
    ]
    odd = [None, ..., NotImplemented, int, dict, ValueError, len]
    await ctx.run("one", 1)
    many[5].append(3)
    many[6]["b"] += 1
    many[7].move_to_end("b")
    many[8][2].append(1)
    texts[6].append(1)
    await ctx.run("two", 1)
    return (
        ints,
        texts,
        floats,
        times,
        [type(x).__name__ for x in many],
        list(many[7]),
        list(many[8].items()),
        many[9](5),
        many[12].findall("aAb"),
        many[5].maxlen,
        [o is p for o, p in zip(odd, (None, ..., NotImplemented, int, dict, ValueError, len))],
    )
