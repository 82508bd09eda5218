"""Eviction drops frames from memory without running any of the author's code; so does garbage collection."""

from __future__ import annotations

import gc

from tests.frames.helpers import module
from tests.frames.toy_engine import Ctx, Workflow

EVERYTHING = """
    class CM:
        def __enter__(self): return self
        def __exit__(self, *a): ran.append("exit")

    class ACM:
        @durable
        async def __aenter__(self): return self
        @durable
        async def __aexit__(self, *a): ran.append("aexit")

    @durable
    def numbers():
        try:
            yield 1
            yield 2
        finally:
            ran.append("generator")

    @durable
    async def pages(ctx):
        try:
            yield await ctx.run("page")
            yield await ctx.run("page")
        finally:
            ran.append("async generator")

    @durable
    async def helper(ctx):
        try:
            await ctx.run("helper")
        finally:
            ran.append("helper")

    @durable
    async def star(ctx):
        try:
            await ctx.gather(helper(ctx), helper(ctx))
            raise ExceptionGroup("g", [ValueError()])
        except* ValueError:
            await ctx.run("star")
        except* BaseException:
            ran.append("except*")
        finally:
            ran.append("finally of except*")

    @durable
    async def wf(ctx):
        kept = numbers()
        next(kept)
        try:
            with CM():
                async with ACM():
                    for _ in zip(numbers(), [1, 2]):
                        async for _ in pages(ctx):
                            await star(ctx)
        except BaseException:
            ran.append("except")
            raise
        finally:
            ran.append("finally")
            await ctx.run("finally")
            ran.append("after")
        return kept
"""


def program():
    m = module(EVERYTHING, ran=[])
    from weft_core.codec import register

    register(m.CM)
    register(m.ACM)
    return m


def test_eviction_runs_nothing_at_any_suspension_point():
    m = program()
    w, points = Workflow.start(Ctx(), m.wf), 0
    while not w.done:
        before = list(m.ran)
        data = w.snapshot()
        w.evict()
        del w
        gc.collect()
        assert m.ran == before
        w = Workflow.restore(data, Ctx())
        assert m.ran == before
        w.step(lambda op: 1)
        points += 1
    assert points > 10
    assert {"exit", "aexit", "generator", "async generator", "helper", "after"} <= set(m.ran)
    assert "except" not in m.ran and "except*" not in m.ran


def test_a_restored_run_that_is_dropped_runs_nothing_of_its_coroutines():
    m = program()
    w = Workflow.start(Ctx(), m.wf)
    w.step(lambda op: 1)
    w = w.crash()
    w.step(lambda op: 1)
    before = list(m.ran)
    del w
    gc.collect()
    # generators may be closed by their author's code, so the collector closes them as it does in plain Python
    assert set(m.ran[len(before) :]) <= {"generator", "async generator"}


def test_eviction_reaches_generators_in_dead_variables_and_in_tracebacks():
    m = module(
        """
        @durable
        def numbers(n):
            try:
                yield n
                yield n
            finally:
                ran.append(n)

        @durable
        async def wf(ctx):
            dead = numbers("dead variable")
            next(dead)
            def inner():
                held = numbers("frame of a traceback")
                next(held)
                raise ValueError
            try:
                inner()
            except ValueError as e:
                await ctx.run("a")
            return 1
        """,
        ran=[],
    )
    w = Workflow.start(Ctx(), m.wf)
    w.evict()
    del w
    gc.collect()
    assert m.ran == []
