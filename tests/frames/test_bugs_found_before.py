"""Bugs of the first versions, most of them found by the differential tester. Each must stay fixed."""

from __future__ import annotations

import gc

import pytest

from tests.frames.comparison import PRELUDE, same
from tests.frames.helpers import echo, module
from tests.frames.toy_engine import Cancelled, Ctx, Workflow


def test_01_a_durable_function_that_calls_itself_by_its_global_name():
    assert same("""
        @durable
        async def wf(ctx, n=3):
            return n + await wf(ctx, n - 1) if n else await ctx.run("end", 0)
    """) == 6  # fmt: skip


def test_02_and_18_an_annotated_assignment_to_a_captured_local():
    assert same("""
        @durable
        async def wf(ctx):
            x: int = await ctx.run("a", 1)
            try:
                y: int = 5
            finally:
                pass
            f = lambda: (x, y)
            await ctx.run("b", 2)
            return f()
    """) == (1, 5)  # fmt: skip


def test_03_and_05_the_exceptions_of_a_group_are_a_tuple_after_a_restore():
    assert same("""
        @durable
        async def wf(ctx):
            out = []
            for error in (ValueError(1), ExceptionGroup("g", (ValueError(2),)), ExceptionGroup("g", [ValueError(3)])):
                try:
                    await ctx.run("a")
                    raise error
                except* ValueError as group:
                    await ctx.run("b")
                    out.append(type(group.args[1]).__name__)
            return out
    """)[0] == "tuple"  # fmt: skip


def test_06_cancelling_runs_finally_blocks_and_eviction_does_not():
    m = module(
        """
        @durable
        async def wf(ctx):
            try:
                await ctx.run("a")
            finally:
                log.append("finally")
                await ctx.run("cleanup")
        """,
        log=[],
    )
    w = Workflow.start(Ctx(), m.wf).crash()
    assert m.log == []
    w.fail(w.waiting[0], Cancelled())
    assert m.log == ["finally"]
    assert w.waiting[0].pending.name == "cleanup"


def test_07_a_coroutine_that_has_not_started_is_stored_twice():
    assert same("""
        @durable
        async def later(ctx, n):
            f = lambda: n
            return f() + await ctx.run("l", n)
        @durable
        async def wf(ctx):
            c = later(ctx, 5)
            await ctx.run("a", 1)
            await ctx.run("b", 1)
            return await c
    """) == 10  # fmt: skip


def test_08_generators_inside_zip_run_no_finally_at_eviction():
    m = module(
        PRELUDE
        + """
@durable
async def wf(ctx):
    kept = zip(numbers(2), numbers(3))
    next(kept)
    await ctx.run("a")
    return list(kept)
""",
        log=[],
    )
    w = Workflow.start(Ctx(), m.wf)
    data = w.snapshot()
    w.evict()
    del w
    gc.collect()
    assert m.log == []
    w = Workflow.restore(data, Ctx())
    w.step(echo)
    assert w.result() == [(1, 1)]


def test_09_eviction_passes_through_try_except_star_finally():
    m = module(
        """
        @durable
        async def wf(ctx):
            try:
                await ctx.run("a")
            except* ValueError:
                log.append("handler")
            finally:
                log.append("finally")
        """,
        log=[],
    )
    w = Workflow.start(Ctx(), m.wf)
    w.evict()
    assert m.log == []


def test_10_names_in_a_comprehension_whose_first_iterable_awaits():
    assert same("""
        @durable
        async def wf(ctx):
            a, b = 2, 1
            return [x * a for x in await ctx.run("xs", [1, 2]) if x > b]
    """) == [4]  # fmt: skip


def test_11_a_generator_is_closed_when_an_exception_leaves_its_loop():
    assert same("""
        @durable
        async def wf(ctx):
            try:
                for x in numbers(3):
                    await ctx.run("a", x)
                    raise ValueError
            except ValueError:
                log.append("handler")
            await ctx.run("b", 1)
            return list(log)
    """) == [("closed", 3), "handler"]  # fmt: skip


def test_12_a_dict_that_has_another_size_only_while_a_checkpoint_is_taken():
    assert same("""
        @durable
        async def wf(ctx):
            d, out = {1: 2, 3: 4}, []
            for k, v in d.items():
                d["more"] = 1
                await ctx.run("a")
                del d["more"]
                out.append((k, v))
            return out
    """) == [(1, 2), (3, 4)]  # fmt: skip


def test_12_a_dict_that_grows_for_good_is_still_noticed():
    assert same("""
        @durable
        async def wf(ctx):
            d = {1: 2, 3: 4}
            try:
                for k in d:
                    await ctx.run("a")
                    d[k + 10] = 1
            except RuntimeError as e:
                return str(e)
    """) == "dictionary changed size during iteration"  # fmt: skip


def test_13_and_19_a_clause_of_except_star_that_does_not_match_leaves_the_group():
    same("""
        @durable
        async def wf(ctx):
            try:
                try:
                    await ctx.run("a")
                    raise ExceptionGroup("g", [KeyError(1)])
                except* ValueError:
                    await ctx.run("never")
                except* TypeError:
                    pass
            except ExceptionGroup as e:
                return repr(e), e.__suppress_context__, e.__context__
    """)  # fmt: skip


@pytest.mark.parametrize("what", ["snapshot", "restored"])
def test_14_and_15_a_checkpoint_keeps_no_value_alive(what):
    m = module(
        """
        import weakref
        class Thing: pass
        register(Thing)
        @durable
        async def wf(ctx):
            thing = Thing()
            try:
                raise ValueError(thing)
            except ValueError as e:
                await ctx.run("a")
                watch.append(weakref.ref(thing))
            del thing
            watch.append([r() for r in watch])
            await ctx.run("b")
        """,
        watch=[],
    )
    gc.collect()
    gc.disable()
    try:
        w = Workflow.start(Ctx(), m.wf)
        if what == "restored":
            w = w.crash()
        else:
            w.snapshot()
        w.step(echo)
        assert m.watch[1] == [None]
    finally:
        gc.enable()


def test_16_and_34_a_return_through_two_finally_blocks_that_await():
    assert same("""
        @durable
        async def wf(ctx):
            for i in range(2):
                try:
                    try:
                        if i == 0:
                            continue
                        return await ctx.run("value", i)
                    finally:
                        log.append(await ctx.run("inner", ("inner", i)))
                finally:
                    log.append(await ctx.run("outer", ("outer", i)))
    """) == 1  # fmt: skip


def test_17_except_star_tells_a_raise_of_the_same_group_from_a_new_one():
    same("""
        @durable
        async def wf(ctx):
            try:
                try:
                    raise ExceptionGroup("g", [ValueError(1), KeyError(2), TypeError(3)])
                except* ValueError:
                    await ctx.run("a")
                    raise
                except* KeyError as e:
                    await ctx.run("b")
                    raise e
            except ExceptionGroup as e:
                return repr(e)
    """)  # fmt: skip
