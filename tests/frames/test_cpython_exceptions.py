"""Handlers, raise, contexts and tracebacks.

What CPython's own tests check, in the form of workflows: each behaves as plain Python does, whatever crashes.
"""

from __future__ import annotations

import pytest

from tests.frames import comparison, grammar_samples
from tests.frames.comparison import behaviour, program, samples_of

PRELUDE = """
import sys

class Coded(Exception):
    def __init__(self, message, *, code):
        super().__init__(message)
        self.code = code

class Stop(BaseException): pass
"""

SAMPLES = """
### an error in else is not caught by the handlers beside it
try:
    try: await ctx.run("a")
    except ValueError: log.append("never")
    else: await ctx.run("fail", 1)
    finally: log.append("finally")
except ValueError as e:
    return repr(e)

### the first handler that fits is taken
out = []
for name in ("fail", "fail key", "fail type"):
    try: await ctx.run(name, 1)
    except (KeyError, IndexError): out.append(("lookup", await ctx.run("a")))
    except LookupError: out.append("never")
    except (ValueError, TypeError): out.append(("value", await ctx.run("b")))
return out

### a handler's type that is no exception class
try:
    try: await ctx.run("fail", 1)
    except 5: log.append("never")
except TypeError as e:
    return str(e), repr(e.__context__), await ctx.run("a")

### the type of a later handler is not evaluated
def boom(): raise AssertionError
try: await ctx.run("fail", 1)
except ValueError: return await ctx.run("a", 1)
except boom(): pass

### the name of a handler is gone behind it, whatever was there before
e = "before"
try: await ctx.run("fail", 1)
except ValueError as e: await ctx.run("a")
try: return e
except NameError as n: return type(n).__name__, await ctx.run("b")

### the name of a handler is gone also when the handler raises, returns or jumps
async def f(how):
    for _ in range(1):
        try:
            try: await ctx.run("fail", 1)
            except ValueError as e:
                await ctx.run("a")
                if how == "raise": raise KeyError(2)
                if how == "continue": continue
                if how == "break": break
        except KeyError: pass
    return "e" in vars()
return [await f(h) for h in ("raise", "continue", "break", "end")]

### the name of a handler may be captured and rebound
try: await ctx.run("fail", 1)
except ValueError as e:
    show = lambda: e
    await ctx.run("a")
    log.append(repr(show()))
    e = 5
    log.append(await ctx.run("b", show()))
try: show()
except NameError as n: return type(n).__name__

### context of an error in a handler
try:
    try: await ctx.run("fail", 1)
    except ValueError:
        await ctx.run("a")
        await ctx.run("fail key", 2)
except KeyError as e:
    return repr(e.__context__), e.__cause__, e.__suppress_context__

### cause, and cause None
for cause in (IndexError(3), None):
    try:
        try: await ctx.run("fail", 1)
        except ValueError:
            raise KeyError(await ctx.run("a", 2)) from cause
    except KeyError as e:
        log.append((repr(e.__cause__), repr(e.__context__), e.__suppress_context__))

### a cause that is no exception
try:
    raise ValueError(1) from await ctx.run("a", 5)
except TypeError as e:
    return str(e)

### raise of a class makes an instance
try: raise (await ctx.run("a"), KeyError)[1]
except KeyError as e: return e.args

### raise of something else
try: raise await ctx.run("a", 5)
except TypeError as e: return str(e)

### a bare raise without an exception
await ctx.run("a")
try: raise
except RuntimeError as e: return str(e)

### a bare raise keeps the exception and its context
try:
    try:
        try: await ctx.run("fail", 1)
        except ValueError: raise KeyError(2)
    except KeyError:
        await ctx.run("a")
        raise
except KeyError as e:
    return repr(e.__context__)

### a bare raise in a nested function raises what the caller handles
async def again():
    await ctx.run("in")
    raise
try:
    try: await ctx.run("fail", 1)
    except ValueError: await again()
except ValueError as e:
    return repr(e), e.__context__

### contexts do not form a cycle
try:
    try: await ctx.run("fail", 1)
    except ValueError as e:
        await ctx.run("a")
        try: raise KeyError(2)
        except KeyError as k:
            await ctx.run("b")
            raise e
except ValueError as e:
    return repr(e.__context__), e.__context__.__context__

### sys.exception in handlers, between them and behind them
log.append(sys.exception())
try: await ctx.run("fail", 1)
except ValueError:
    try: await ctx.run("fail key", 2)
    except KeyError:
        await ctx.run("a")
        log.append(repr(sys.exception()))
    await ctx.run("b")
    log.append(repr(sys.exception()))
await ctx.run("c")
log.append(sys.exception())

### sys.exc_info in a helper is the caller's
async def helper():
    await ctx.run("in")
    return sys.exc_info()[0], repr(sys.exc_info()[1])
try: await ctx.run("fail", 1)
except ValueError: return await helper()

### notes are kept
try:
    try: await ctx.run("fail", 1)
    except ValueError as e:
        e.add_note("one")
        await ctx.run("a")
        e.add_note("two")
        raise
except ValueError as e:
    await ctx.run("b")
    return e.__notes__

### attributes of exceptions are kept
try: raise Coded("message", code=5)
except Coded as e:
    e.more = [e]
    await ctx.run("a")
    return e.args, e.code, e.more[0] is e

### an exception held outside its handler keeps its links
try:
    try: await ctx.run("fail", 1)
    except ValueError: raise KeyError(2)
except KeyError as e:
    kept = e
await ctx.run("a")
try: raise kept
except KeyError as e:
    await ctx.run("b")
    return e is kept, repr(e.__context__)

### one exception raised in two places has the context of the second
error = ValueError(1)
for other in (KeyError(1), TypeError(2)):
    try:
        try: raise other
        except Exception:
            await ctx.run("a")
            raise error
    except ValueError as e: log.append(repr(e.__context__))

### the lines of a traceback after a restore
try:
    await ctx.run("a")
    raise ValueError(
        await ctx.run("b"),
    )
except ValueError as e:
    first = e.__traceback__.tb_lineno
    await ctx.run("c")
    return first == e.__traceback__.tb_lineno

### the traceback grows by one place a function
async def f(n):
    await ctx.run("in", n)
    if n == 0: raise ValueError
    await f(n - 1)
try: await f(3)
except ValueError as e:
    tb, n = e.__traceback__, 0
    await ctx.run("a")
    while tb: tb, n = tb.tb_next, n + 1
    return n

### assert is off the path when it holds
assert await ctx.run("a", 1), log.append("never")
try: assert await ctx.run("b", []), (await ctx.run("c", "m"), 1)
except AssertionError as e: return e.args, e.__context__

### a handler that returns from a loop in a try in a loop
for i in range(3):
    try:
        for j in range(3):
            try: await ctx.run("fail", j)
            except ValueError:
                if i == 1 and j == 1: return i, j, await ctx.run("a")
                continue
    finally: log.append(("left", i, await ctx.run("b")))

### an exception is stored in a list and raised from there
errors = []
for name in ("fail", "fail key"):
    try: await ctx.run(name, 1)
    except Exception as e: errors.append(e)
await ctx.run("a")
raise ExceptionGroup("all", errors)

### BaseException subclasses of the author pass except Exception
try:
    try:
        await ctx.run("a")
        raise Stop("stop")
    except Exception: log.append("never")
    finally: log.append(await ctx.run("b"))
except BaseException as e:
    return repr(e), await ctx.run("c")

### UnboundLocalError and NameError name the variable
try:
    if not ctx: x = 1
    await ctx.run("a")
    x
except UnboundLocalError as e: log.append((str(e), e.name))
try: undefined_name
except NameError as e:
    await ctx.run("b")
    return str(e), e.name

### del makes a local unbound across an await
x = 1
await ctx.run("a")
del x
await ctx.run("b")
try: x
except UnboundLocalError: return "unbound"

### recursion that is too deep raises RecursionError that can be handled
def deep(n): return deep(n + 1)
try: deep(0)
except RecursionError: return await ctx.run("a", "too deep")

### a KeyError of a dict subscript in an expression that awaits
d = {}
try: return d[await ctx.run("a", "k")] + await ctx.run("never")
except KeyError as e: return e.args, await ctx.run("b")
"""


@pytest.mark.parametrize("sample", samples_of(SAMPLES))
def test_exceptions(sample):
    behaviour(comparison.PRELUDE + grammar_samples.PRELUDE + PRELUDE + program(sample))
