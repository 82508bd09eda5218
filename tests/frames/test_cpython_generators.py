"""Generators: send, return, yield from and generator expressions.

What CPython's own tests check, in the form of workflows: each behaves as plain Python does, whatever crashes.
"""

from __future__ import annotations

import pytest

from tests.frames import comparison, grammar_samples
from tests.frames.comparison import behaviour, program, samples_of

PRELUDE = """
import sys
"""

SAMPLES = """
### a generator function that is called does nothing yet
def g():
    log.append("begun")
    yield 1
x = g()
await ctx.run("a")
log.append("made")
return next(x)

### an exhausted generator stays exhausted
x = numbers(1)
out = [next(x), next(x, "end")]
await ctx.run("a")
return out, next(x, "end"), list(x)

### send reaches the yield that waits
def g():
    got = []
    while True:
        x = yield list(got)
        if x is None: return got
        got.append(x)
x = g()
next(x)
out = [x.send(1)]
await ctx.run("a")
out.append(x.send(await ctx.run("b", 2)))
try:
    x.send(None)
except StopIteration as e:
    return out, e.value

### send of a value to a generator that has not begun
x = numbers(2)
await ctx.run("a")
try:
    x.send(5)
except TypeError as e:
    return str(e), next(x)

### next of an empty iterator inside a generator becomes RuntimeError
def g():
    yield 1
    next(iter(()))
x = g()
next(x)
await ctx.run("a")
try:
    list(x)
except RuntimeError as e:
    return str(e), repr(e.__cause__)

### yield from delegates next, send, throw and close
def inner():
    try:
        while True:
            try:
                got = yield "inner"
                log.append(("got", got))
                if got == "stop": return "value"
            except ValueError as e:
                yield ("caught", repr(e))
    finally:
        log.append("closed")
def outer():
    yield "first"
    result = yield from inner()
    yield ("result", result)
x = outer()
out = [next(x), next(x)]
await ctx.run("a")
out += [x.send(1), x.throw(ValueError(2)), next(x)]
await ctx.run("b")
out.append(x.send("stop"))
y = outer()
next(y), next(y)
await ctx.run("c")
y.close()
return out

### yield from a list, a string, a range, a dict and an iterator
def outer():
    yield from [1, 2]
    yield from "ab"
    yield from range(2)
    yield from {"k": 1}
    yield from iter((5, 6))
    return "end"
x = outer()
out = []
for _ in range(9):
    out.append(next(x))
    await ctx.run("a")
try:
    next(x)
except StopIteration as e:
    return out, e.value

### yield from an iterator that has no send
def outer():
    yield from [1, 2]
x = outer()
next(x)
await ctx.run("a")
try:
    x.send(5)
except AttributeError as e:
    return str(e)

### throw into yield from an iterator that has no throw
def outer():
    try:
        yield from [1, 2]
    except ValueError as e:
        yield repr(e)
x = outer()
next(x)
await ctx.run("a")
return x.throw(ValueError(1)), list(x)

### yield from yield from yield from
def deep(n):
    if n == 0:
        got = yield "bottom"
        return [got]
    return [n] + (yield from deep(n - 1))
x = deep(5)
out = [next(x)]
await ctx.run("a")
try:
    x.send("got")
except StopIteration as e:
    return out, e.value

### a generator held by a name goes on after break
g = numbers(5)
for x in g:
    if await ctx.run("a", x) == 1: break
out = [y for y in g if await ctx.run("b", 1)]
return out

### generators feed one another
def double(g):
    for x in g:
        yield x * 2
x = double(double(numbers(3)))
out = [next(x)]
await ctx.run("a")
out.append(next(x))
await ctx.run("b")
return out + list(x)

### a generator has locals of its own and shares what it captures
total = 0
def g():
    nonlocal total
    for i in range(3):
        total += i
        yield total
x = g()
out = [next(x), next(x)]
await ctx.run("a")
total = 100
return out + list(x), total

### generators of one function are independent
x, y = numbers(3), numbers(3)
out = [next(x), next(x), next(y)]
await ctx.run("a")
return out + [next(y), next(x)], list(y)

### a generator refers to itself through its argument
def g(box):
    yield len(box)
    yield box[0] is me[0]
me = []
x = g(me)
me.append(x)
out = [next(x)]
await ctx.run("a")
return out + list(x)

### gi_frame and the state of a finished generator
x = numbers(1)
list(x)
await ctx.run("a")
return x.gi_frame, x.gi_running

### yield as an expression in arguments, in order
def g():
    log.append(((yield 1), (yield 2)))
    log.append(max((yield 3), (yield 4), key=lambda v: -v))
x = g()
out = [next(x)]
for v in (10, 20, 30, 40):
    await ctx.run("a")
    out.append(x.send(v) if v != 40 else next(x, "end"))
return out

### a generator expression evaluates its first iterable at once, the rest later
log.append("before")
def source(n):
    log.append(("source", n))
    return range(n)
g = (x + y for x in source(2) for y in source(2))
await ctx.run("a")
return list(g)
"""


@pytest.mark.parametrize("sample", samples_of(SAMPLES))
def test_generators(sample):
    behaviour(comparison.PRELUDE + grammar_samples.PRELUDE + PRELUDE + program(sample))
