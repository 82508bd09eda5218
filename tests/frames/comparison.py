"""A workflow compared with the same function without @durable."""

from __future__ import annotations

from textwrap import dedent

from tests.frames.helpers import echo, module
from tests.frames.toy_engine import Ctx, Workflow, run

PRELUDE = """
@durable
def numbers(n):
    try:
        for i in range(n):
            yield i
    finally:
        log.append(("closed", n))

@durable
async def pages(ctx, n):
    try:
        for i in range(n):
            yield await ctx.run("page", i)
    finally:
        log.append(("closed", n))
"""


def same(body, *, prelude=PRELUDE):
    """The result of ``wf``; it must be that of the function without @durable, whatever crashes."""
    original = module(prelude + dedent(body), durable=lambda f: f, log=[])
    expected = (run(original.wf, do=echo), list(original.log))
    m = module(prelude + dedent(body), log=[])
    points = 0
    for crash in (None, lambda i: True):
        m.log.clear()
        assert (run(m.wf, do=echo, crash=crash), m.log) == expected
    w = Workflow.start(Ctx(), m.wf)
    while not w.done:
        w.step(echo)
        points += 1
    for k in range(points):
        m.log.clear()
        assert (run(m.wf, do=echo, crash=lambda i: i == k), m.log) == expected, f"crash at {k}"
    return expected[0]
