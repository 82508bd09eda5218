"""What cannot be stored is refused with the place, the value and what to do instead."""

from __future__ import annotations

import csv
import linecache
import textwrap
import threading

import pytest

from tests.frames.helpers import both, module
from tests.frames.toy_engine import Ctx, Op, Workflow
from weft_core.errors import (
    DefinitionError,
    ForeignAwaitError,
    NotSerializableError,
    SourceUnavailableError,
    TransformError,
)
from weft_core.frames import durable


def refusal_of_snapshot(fn):
    w = Workflow.start(Ctx(), fn)
    with pytest.raises((ForeignAwaitError, NotSerializableError)) as caught:
        w.snapshot()
    w.evict()
    return caught.value


# ------------------------------------------------------------------ when a checkpoint is taken


async def plain_helper(ctx):
    await ctx.run("a", 1)


@durable
async def awaits_plain_coroutine(ctx):
    await plain_helper(ctx)


def test_awaiting_a_coroutine_that_is_not_durable():
    error = refusal_of_snapshot(awaits_plain_coroutine)
    assert isinstance(error, ForeignAwaitError)
    assert error.facts["function"] == "awaits_plain_coroutine"
    for text in ("plain_helper", "test_refusals.py", "await plain_helper(ctx)", "@durable"):
        assert text in str(error)


class Weird:
    def __await__(self):
        yield Op("run", "w", ())


@durable
async def awaits_something_else(ctx):
    await Weird()


def test_awaiting_an_object_of_the_authors():
    assert isinstance(refusal_of_snapshot(awaits_something_else), ForeignAwaitError)


@durable
async def holds_a_lock(ctx):
    config = {"db": [1, {"guard": threading.Lock()}]}
    x = 1
    await ctx.run("charge", x)
    return config


def test_a_live_object_deep_in_a_local_is_found_with_the_path_to_it():
    error = refusal_of_snapshot(holds_a_lock)
    assert isinstance(error, NotSerializableError)
    for text in ("holds_a_lock", "config['db'][1]['guard']", 'ctx.run("charge", x)', "test_refusals.py:", "fix:"):
        assert text in str(error)


@durable
async def closes_its_file(ctx):
    f = open(__file__)
    n = len(f.read())
    f.close()
    return (await ctx.run("a", 1)) + n * 0


def test_a_local_that_is_never_read_again_may_hold_anything():
    assert both(closes_its_file) == 1


@durable
async def loops_over_rows(ctx):
    for x in csv.reader(["a,b", "c,d"]):
        await ctx.run("a", x)


def test_an_iterator_that_cannot_be_stored_is_named_as_that_of_the_loop():
    error = refusal_of_snapshot(loops_over_rows)
    assert "for loop" in str(error)
    assert "_csv.reader" in str(error)


# ------------------------------------------------------------------ when a function is decorated


def test_an_ordinary_function():
    with pytest.raises(TransformError, match="ordinary function") as caught:
        module("@durable\ndef f(ctx):\n    return 1\n")
    assert caught.value.filename.startswith("/weft_test/")
    assert caught.value.lineno == 2
    assert isinstance(caught.value, SyntaxError)


@pytest.mark.parametrize("clause", ["except", "except*"])
def test_an_await_in_the_type_of_a_handler_points_at_the_expression(clause):
    with pytest.raises(TransformError, match="evaluate it before the try") as caught:
        module(f"""
            @durable
            async def f(ctx):
                try:
                    await ctx.run('b')
                {clause} (await ctx.run('a')):
                    pass
        """)
    error = caught.value
    assert (error.lineno, error.text.strip()) == (6, f"{clause} (await ctx.run('a')):")
    assert error.text[error.offset - 1 :].startswith("await ctx.run('a')")
    assert error.facts["reason"] == "await-in-except-type"
    assert error.to_json()["code"] == "TransformError"


def nested_loops(n):
    lines = ["@durable", "async def f(ctx):"]
    lines += ["    " * (i + 1) + f"for x{i} in ctx.xs:" for i in range(n)]
    return "\n".join([*lines, "    " * (n + 1) + "await ctx.run('a')"]) + "\n"


def nested_tries(n):
    lines = ["@durable", "async def f(ctx):"]
    lines += ["    " * (i + 1) + "try:" for i in range(n)]
    lines.append("    " * (n + 1) + "await ctx.run('a')")
    for i in reversed(range(n)):
        ind = "    " * (i + 1)
        lines += [f"{ind}except ValueError:", f"{ind}    pass", f"{ind}finally:", f"{ind}    pass"]
    return "\n".join(lines) + "\n"


def test_loops_too_deep_for_cpython_are_refused_with_a_way_out():
    deepest = 0
    with pytest.raises(TransformError, match="helper that is durable") as caught:
        for n in range(1, 21):
            module(nested_loops(n))
            deepest = n
    assert caught.value.facts["reason"] == "nested-too-deeply"
    assert caught.value.lineno == 2
    assert deepest >= 5


def test_tries_may_be_nested_as_deep_as_cpython_allows():
    with pytest.raises(SyntaxError, match="nested blocks") as caught:
        for n in range(1, 21):
            module(nested_tries(n))
    assert not isinstance(caught.value, TransformError)


def test_something_that_is_no_function():
    with pytest.raises(DefinitionError, match="needs a function"):
        durable(3)


def test_a_decorator_inside_durable_that_wraps_the_function():
    with pytest.raises(DefinitionError, match="innermost"):
        module("""
            import functools
            def logged(f):
                @functools.wraps(f)
                async def wrapper(*a): return await f(*a)
                return wrapper
            @durable
            @logged
            async def f(ctx): await ctx.run("a")
        """)


# ------------------------------------------------------------------ source


def load(source, filename):
    names = {"durable": durable, "__name__": "weft_test_source"}
    exec(compile(textwrap.dedent(source), filename, "exec"), names)
    return names


def test_a_function_without_source():
    with pytest.raises(SourceUnavailableError, match="linecache") as caught:
        load("@durable\nasync def f(ctx): await ctx.run('a')\n", "<nowhere>")
    assert caught.value.facts["function"] == "f"


def test_source_that_was_edited_since_it_was_loaded():
    for new in ("\n\n\n", "@durable\nasync def f(other, args): await other.run('a')\n"):
        linecache.cache["/weft_test/edited.py"] = (1, None, new.splitlines(True), "/weft_test/edited.py")
        with pytest.raises(SourceUnavailableError, match="restart"):
            load("@durable\nasync def f(ctx): await ctx.run('a')\n", "/weft_test/edited.py")
