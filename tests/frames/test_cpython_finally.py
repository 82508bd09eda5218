"""The rules of finally.

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
### else runs only without an error, finally always
for name in ("fine", "fail"):
    try:
        await ctx.run(name, 1)
    except ValueError: log.append("except")
    else: log.append("else")
    finally: log.append(await ctx.run("finally", "finally"))

### sys.exception in a finally
try:
    try: await ctx.run("fail", 1)
    finally:
        log.append(repr(sys.exception()))
        await ctx.run("a")
        log.append(repr(sys.exception()))
except ValueError: pass
try: pass
finally:
    await ctx.run("b")
    log.append(repr(sys.exception()))

### finally runs on return, and the value was computed before
x = [1]
try: return list(x)
finally:
    x.append(await ctx.run("a", 2))
    log.append(x)

### return in finally replaces return in try
try: return await ctx.run("a", 1)
finally: return await ctx.run("b", 2)

### return in finally swallows an error
try: await ctx.run("fail", 1)
finally: return await ctx.run("b", sys.exception() is not None)

### break in finally swallows an error
for i in range(3):
    try: await ctx.run("fail", i)
    finally:
        await ctx.run("a")
        break
return i, sys.exception()

### continue in finally swallows an error and a return
for i in range(3):
    try:
        if i == 1: return "never"
        await ctx.run("fail", i)
    finally:
        await ctx.run("a")
        continue
return i, sys.exception()

### an error in finally replaces the pending one, which is its context
try:
    try: await ctx.run("fail", 1)
    finally: await ctx.run("fail key", 2)
except KeyError as e:
    return repr(e.__context__)

### an error in finally replaces a return
async def f():
    try: return await ctx.run("a", 1)
    finally: await ctx.run("fail", 2)
try: return await f()
except ValueError as e: return repr(e), e.__context__

### finally in finally in finally
try:
    try:
        try: return await ctx.run("a", 1)
        finally: log.append(await ctx.run("b", 1))
    finally: log.append(await ctx.run("c", 2))
finally: log.append(await ctx.run("d", 3))

### a try inside a finally handles its own errors only
try:
    try: await ctx.run("fail", 1)
    finally:
        try: await ctx.run("fail key", 2)
        except KeyError as e:
            await ctx.run("a")
            log.append((repr(e.__context__), repr(sys.exception())))
        await ctx.run("b")
        log.append(repr(sys.exception()))
except ValueError as e:
    return repr(e.__context__)

### a loop in a finally, left by break, keeps what is pending
try:
    try: await ctx.run("fail", 1)
    finally:
        for i in range(3):
            if await ctx.run("a", i) == 1: break
        while await ctx.run("b", 0): pass
except ValueError as e:
    return repr(e), i
"""


@pytest.mark.parametrize("sample", samples_of(SAMPLES))
def test_finally(sample):
    behaviour(comparison.PRELUDE + grammar_samples.PRELUDE + PRELUDE + program(sample))
