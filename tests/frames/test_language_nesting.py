"""How deep blocks that suspend may be nested, and that the form for deep functions behaves as the usual one does."""

from __future__ import annotations

import pytest

from tests.frames import comparison
from tests.frames.comparison import behaviour, program
from tests.frames.grammar_samples import PRELUDE, STATEMENTS
from tests.frames.helpers import module
from weft_core.errors import TransformError
from weft_core.frames.emit import table as emit
from weft_core.frames.variants import resume_code

HEADS = {
    "for": ("for x{i} in ctx.xs:", ()),
    "async for": ("async for x{i} in ctx.xs:", ()),
    "while": ("while ctx:", ()),
    "with": ("with ctx:", ()),
    "async with": ("async with ctx:", ()),
    "try finally": ("try:", ("finally:", "    pass")),
    "try finally await": ("try:", ("finally:", "    await ctx")),
    "try except": ("try:", ("except ValueError:", "    await ctx")),
}


def nested(kind, n):
    head, tail = HEADS[kind]
    lines = ["    " * (i + 1) + head.format(i=i) for i in range(n)]
    lines.append("    " * (n + 1) + "await ctx.run('a')")
    lines += ["    " * (i + 1) + line for i in reversed(range(n)) for line in tail]
    return "\n".join(["@durable", "async def f(ctx):", *lines]) + "\n"


@pytest.mark.parametrize(
    ("kind", "deepest"),
    [
        *(("for", 10), ("async for", 9), ("while", 20), ("with", 20), ("async with", 6)),
        *(("try finally", 20), ("try finally await", 9), ("try except", 19)),
    ],
)
def test_blocks_may_be_nested_this_deep(kind, deepest):
    made = module(nested(kind, deepest))
    resume_code(made.f.__durable__.plan)
    if deepest < 19:  # there plain Python's own limit comes first
        with pytest.raises(TransformError, match="CPython allows 20") as caught:
            module(nested(kind, deepest + 1))
        error = caught.value
        assert error.facts["reason"] == "nested-too-deeply"
        assert error.lineno == 2
    else:
        with pytest.raises(SyntaxError) as caught:
            module(nested(kind, deepest + 1))
        assert type(caught.value) is SyntaxError


def test_loops_ten_deep_resume_exactly():
    lines = ["    " * i + f"for x{i} in iter([0, 1][: 1 + (9 - {i} < 3)]):" for i in range(10)]
    ind = "    " * 10
    lines += [
        ind + "log.append(await ctx.run('a', (x7, x8, x9)))",
        ind + "if x8 and x9: break",
        ind + "if x7 and x9: raise ValueError(x9)",
        "        " + "else: log.append(await ctx.run('else', x0))",
    ]
    kind, text = behaviour(program("\n".join(lines)))
    assert (kind, text.split()[0]) == ("raised", "<ValueError")


@pytest.mark.parametrize("place", STATEMENTS)
def test_every_statement_in_the_form_for_deep_functions(place, monkeypatch):
    monkeypatch.setattr(emit, "ROOM", -1)
    behaviour(comparison.PRELUDE + PRELUDE + program(STATEMENTS[place]))


def test_a_caller_that_handles_generator_exit_does_not_evict_what_it_awaits(monkeypatch):
    monkeypatch.setattr(emit, "ROOM", -1)
    kind, value = behaviour(
        program("""
            async def tidy():
                try:
                    await ctx.run("a")
                finally:
                    log.append("tidied")
            async def items():
                try:
                    yield 1
                except GeneratorExit:
                    await tidy()
                    raise
            g = items()
            await anext(g)
            await g.aclose()
            return "closed"
        """)
    )
    assert (kind, value) == ("returned", "closed")
