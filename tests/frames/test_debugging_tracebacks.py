"""Tracebacks of durable code are those of plain code: same frames, lines and columns, before and after a restore."""

from __future__ import annotations

import logging
import sys
import textwrap
import traceback
import warnings

import pytest

from tests.frames.helpers import echo, module
from tests.frames.toy_engine import run

PROGRAMS = {
    "many helpers deep": """
        @DECORATOR
        async def down(ctx, n):
            if n == 0:
                await ctx.run("deep")
                raise KeyError("bottom")
            return 1 + await down(ctx, n - 1)

        @DECORATOR
        async def wf(ctx):
            return [await down(ctx, 12)]
    """,
    "in finally": """
        @DECORATOR
        async def wf(ctx):
            try:
                await ctx.run("a")
                raise ValueError("first")
            finally:
                await ctx.run("b")
                (await ctx.run("c")).missing
    """,
    "through finally": """
        @DECORATOR
        async def wf(ctx):
            try:
                try:
                    await ctx.run("a")
                    {}["nothing"]
                finally:
                    await ctx.run("b")
            finally:
                await ctx.run("c")
    """,
    "in except, with its context": """
        @DECORATOR
        async def wf(ctx):
            try:
                await ctx.run("a")
                int("x")
            except ValueError as error:
                await ctx.run("b")
                raise RuntimeError("second") from error
    """,
    "in except*": """
        @DECORATOR
        async def wf(ctx):
            try:
                raise ExceptionGroup("both", [ValueError(1), TypeError(2)])
            except* ValueError as group:
                await ctx.run("a", 1)
                group.exceptions[0].args[0] / (await ctx.run("zero", 0))
            except* TypeError:
                await ctx.run("c")
    """,
    "out of except*": """
        @DECORATOR
        async def wf(ctx):
            try:
                await ctx.run("a")
                raise ExceptionGroup("both", [ValueError(1), TypeError(2)])
            except* ValueError:
                await ctx.run("b")
    """,
    "in nested comprehensions": """
        @DECORATOR
        async def wf(ctx):
            return {
                n: [
                    100 / (n - k) + await ctx.run("x", 1)
                    for k in range(n + 1)
                ]
                for n in range(2)
                if await ctx.run("keep", 1)
            }
    """,
    "in a loop over an async generator": """
        @DECORATOR
        async def numbers(ctx):
            for i in range(3):
                yield await ctx.run("n", i)
                assert i < 1, "too far"

        @DECORATOR
        async def wf(ctx):
            async for n in numbers(ctx):
                await ctx.run("use", n)
    """,
    "from the operation itself": """
        @DECORATOR
        async def helper(ctx):
            return await ctx.run(
                "fails",
                1,
            )

        @DECORATOR
        async def wf(ctx):
            x = 1 + await ctx.run("ok", 1); y = await helper(ctx) + x
            return y
    """,
    "in a closure": """
        @DECORATOR
        async def wf(ctx):
            base = await ctx.run("base", 0)

            def divide(n):
                return n / base

            pick = lambda n: divide(n) + divide(n + 1)
            await ctx.run("x")
            return pick(3)
    """,
    "in with": """
        @DECORATOR
        async def wf(ctx):
            with manager() as m:
                await ctx.run("a")
                m.nothing
    """,
    "in a condition and a match": """
        @DECORATOR
        async def wf(ctx):
            match await ctx.run("a", 2):
                case 1:
                    pass
                case n if n > 1 and (await ctx.run("b", 1)) / (n - 2):
                    pass
    """,
}


INLINES_COMPREHENSIONS = sys.version_info >= (3, 12)
"""Plain comprehensions have no frame of their own any more; those of durable functions have one where they await."""


def does(op):
    if op.name == "fails":
        raise OSError("the operation failed")
    return echo(op)


class Manager:
    def __enter__(self):
        return 1

    def __exit__(self, *error):
        return None


def tracebacks(source, decorator, crash):
    """Of the error and those it hangs on: (type, frames), a frame being (function, line, columns, text)."""
    import weft_core.codec

    m = module(textwrap.dedent(source).replace("DECORATOR", decorator), plain=lambda f: f, manager=Manager)
    weft_core.codec.register(Manager)
    with pytest.raises(Exception) as caught:
        run(m.wf, do=does, crash=crash)
    return list(_chain(caught.value, m.wf.__code__.co_filename))


def _chain(error, filename):
    while error is not None:
        frames = [
            (f.name, f.lineno, f.end_lineno, f.colno, f.end_colno, f.line)
            for f in traceback.extract_tb(error.__traceback__)
            if f.filename == filename
        ]
        yield type(error).__name__, frames
        for inner in getattr(error, "exceptions", ()):
            yield from _chain(inner, filename)
        error = error.__cause__ or error.__context__


def _without_columns_of(found, beginning):
    return [(kind, [f if not f[5].startswith(beginning) else (*f[:2], f[5]) for f in frames]) for kind, frames in found]


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("crash", [None, lambda i: True, lambda i: i == 0], ids=["live", "resumed", "resumed-once"])
def test_tracebacks_are_those_of_plain_code(name, crash):
    plain, durable = (tracebacks(PROGRAMS[name], d, c) for d, c in (("plain", None), ("durable", crash)))
    if name == "in a loop over an async generator":
        # CPython blames all of `async for`, and underlines its first line; here the iterator alone is underlined.
        plain, durable = _without_columns_of(plain, "async for"), _without_columns_of(durable, "async for")
    if name == "in nested comprehensions" and INLINES_COMPREHENSIONS:
        plain, durable = ([(kind, frames[-1][1:]) for kind, frames in found] for found in (plain, durable))
    assert durable == plain
    assert any(frames for _, frames in plain)


# ------------------------------------------------------------------ other tools that name a place


REPORTING = """
    import logging, warnings

    @DECORATOR
    async def helper(ctx, log):
        log.warning("before")
        warnings.warn("before", stacklevel=2)
        await ctx.run("a")
        log.warning("after")
        warnings.warn("after", stacklevel=2)

    @DECORATOR
    async def wf(ctx):
        log = logging.getLogger("shop")
        log.warning("begin")
        await helper(ctx, log); log.warning("between")
        warnings.warn("here")
        [log.warning(i) for i in range(1) if await ctx.run("b", 1)]
"""


class Keep(logging.Handler):
    def __init__(self):
        super().__init__()
        self.seen = []

    def emit(self, record):
        self.seen.append((record.funcName, record.lineno, record.filename[:9], record.getMessage()))


def reports(decorator, crash):
    """What logging and warnings say about where they were called."""
    m = module(textwrap.dedent(REPORTING).replace("DECORATOR", decorator), "weft_test_logs", plain=lambda f: f)
    handler, logger = Keep(), logging.getLogger("shop")
    logger.addHandler(handler)
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            run(m.wf, do=echo, crash=crash)
    finally:
        logger.removeHandler(handler)
    places = [(w.lineno, w.filename == m.wf.__code__.co_filename, str(w.message)) for w in warned]
    return handler.seen, places


@pytest.fixture
def loggers_stay():
    """A logger is written into checkpoints by its name."""
    import weft_core.codec

    weft_core.codec.register(
        logging.Logger, name="test:logger", get=lambda log: log.name, new=lambda name: logging.getLogger(name)
    )
    yield


@pytest.mark.parametrize("crash", [None, lambda i: True], ids=["live", "resumed"])
def test_logging_and_warnings_name_the_authors_lines(crash, loggers_stay):
    plain, durable = reports("plain", None), reports("durable", crash)
    if INLINES_COMPREHENSIONS:
        plain[0][-1] = (durable[0][-1][0], *plain[0][-1][1:])
    assert durable[0] == plain[0]
    assert durable[1] == plain[1]
    assert [p[0] for p in plain[1]] == [16, 16, 17]
