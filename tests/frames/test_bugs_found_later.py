"""Bugs that long campaigns of the differential tester found later. Each must stay fixed."""

from __future__ import annotations

import gc
import weakref

import pytest

from tests.frames.comparison import PRELUDE, same
from tests.frames.helpers import echo, module
from tests.frames.toy_engine import Ctx, Workflow, run
from weft_core.errors import SnapshotError
from weft_core.frames import durable, evict, restore, snapshot
from weft_core.model.operations import Sleep


def test_20_a_list_that_shrank_below_its_iterator_and_grew_again():
    assert same("""
        @durable
        async def wf(ctx):
            xs, out = [1, 2, 3, 4], []
            for x in xs:
                out.append(x)
                if x == 3:
                    del xs[1:]
                    await ctx.run("a")
                    xs += [7, 8, 9]
            return out
    """) == [1, 2, 3, 9]  # fmt: skip


def test_21_a_dict_iterator_inside_enumerate_whose_dict_has_another_size_is_refused():
    m = module("""
        @durable
        async def wf(ctx):
            d = {1: 2, 3: 4}
            for _, k in enumerate(d):
                d["more"] = 1
                await ctx.run("a")
                del d["more"]
    """)
    w = Workflow.start(Ctx(), m.wf)
    with pytest.raises(SnapshotError, match="iterate over list"):
        w.snapshot()


def test_22_zero_argument_super_in_resumed_code():
    assert same("""
        class A:
            def label(self, x): return "A", x
        @register
        class B(A):
            def label(self, x): return "B", x
            @durable
            async def go(self, ctx):
                a = super().label(await ctx.run("a", 1))
                await ctx.run("b")
                return a, super().label(2), self.label(3)
        @durable
        async def wf(ctx):
            return await B().go(ctx)
    """) == (("A", 1), ("A", 2), ("B", 3))  # fmt: skip


def test_26_an_unstarted_generator_expression_keeps_its_iterable():
    assert same("""
        @durable
        async def wf(ctx):
            m = 3
            g = (x * m for x in [1, 2])
            await ctx.run("a")
            await ctx.run("b")
            return list(g)
    """) == [3, 6]  # fmt: skip


def test_27_the_generator_of_a_loop_that_never_turns_again_is_closed_after_a_restore():
    assert same("""
        @durable
        async def wf(ctx):
            try:
                async for x in pages(ctx, 3):
                    await ctx.run("a", x)
                    raise ValueError
            except ValueError:
                pass
            await ctx.run("b")
            return 1
    """) == 1  # fmt: skip


def test_28_a_return_closes_the_loops_generator_before_an_outer_finally_runs():
    assert same("""
        @durable
        async def inner(ctx):
            try:
                for x in numbers(3):
                    await ctx.run("a", x)
                    return x
            finally:
                log.append("finally")
        @durable
        async def wf(ctx):
            await inner(ctx)
            return list(log)
    """) == [("closed", 3), "finally"]  # fmt: skip


def test_29_a_finished_generator_is_stored_twice():
    assert same("""
        @durable
        async def wf(ctx):
            g = numbers(1)
            out = list(g)
            await ctx.run("a")
            await ctx.run("b")
            return out, list(g)
    """) == ([0], [])  # fmt: skip


def test_30_an_exception_releases_the_iterator_of_a_comprehension():
    same("""
        @durable
        async def wf(ctx):
            try:
                return [1 // await ctx.run("a", x) for x in numbers(3)]
            except ZeroDivisionError:
                log.append("handler")
            await ctx.run("b")
            return list(log)
    """)  # fmt: skip


def test_31_a_chained_comparison_in_a_default_argument():
    assert same("""
        @durable
        async def wf(ctx):
            def f(a=(1 < await ctx.run("a", 2) < await ctx.run("b", 3))):
                return a
            await ctx.run("c")
            return f()
    """) is True  # fmt: skip


@pytest.mark.parametrize("jump", ["return 1", "break"])
def test_32_a_jump_that_swallows_an_exception_in_a_finally_drops_it(jump):
    m = module(
        f"""
        import weakref
        class Boom(Exception): pass
        @durable
        async def inner(ctx):
            for _ in range(1):
                try:
                    error = Boom()
                    watch.append(weakref.ref(error))
                    try:
                        raise error
                    finally:
                        del error
                finally:
                    await ctx.run("a")
                    {jump}
            await ctx.run("b")
        @durable
        async def wf(ctx):
            await inner(ctx)
            watch.append(watch[0]())
        """,
        watch=[],
    )
    gc.collect()
    gc.disable()
    try:
        run(m.wf, do=echo)
        assert m.watch[1] is None
    finally:
        gc.enable()


def test_35_a_finished_restore_keeps_no_generator_alive_in_a_cycle():
    """The decoder's put-off parts referred to it: a generator was closed only when the collector came."""
    m = module(
        PRELUDE
        + """
@durable
async def wf(ctx):
    for i, j in zip(range(3), numbers(2)):
        await ctx.run("a")
        break
    log.append("after")
    await ctx.run("b")
""",
        log=[],
    )
    gc.collect()
    gc.disable()
    try:
        w = Workflow.start(Ctx(), m.wf).crash()
        w.step(echo)
        assert m.log == [("closed", 2), "after"]
    finally:
        gc.enable()


def test_36_a_reversed_dict_iteration_is_stored_twice_and_notices_growth():
    assert same("""
        @durable
        async def wf(ctx):
            out, d = [], {1: 2, 3: 4, 5: 6}
            for k in reversed(d):
                out.append(k)
                for i, (a, b) in enumerate({5: 6, 7: 8}.items()):
                    out.append(await ctx.run("a", (i, a)))
            try:
                for k in reversed(d):
                    await ctx.run("b")
                    d[k + 10] = 1
            except RuntimeError as e:
                out.append(str(e))
            return out
    """)[-1] == "dictionary changed size during iteration"  # fmt: skip


def test_an_iterator_that_is_shared_by_two_variables_stays_shared():
    a = iter([1, 2, 3])
    next(a)
    b, c = restore(snapshot([a, a])).root
    assert b is c and next(b) == 2


def test_cpythons_own_iterators_keep_their_position():
    made = [
        lambda: iter([1, 2, 3]),
        lambda: iter((1, 2, 3)),
        lambda: iter("abc"),
        lambda: iter("aé"),
        lambda: iter(b"abc"),
        lambda: iter(range(5)),
        lambda: iter(range(5, 0, -2)),
        lambda: iter(range(10**30, 10**30 + 3)),
        lambda: iter({1: 2, 3: 4}),
        lambda: iter({1: 2, 3: 4}.items()),
        lambda: iter({1: 2, 3: 4}.values()),
        lambda: iter({7}),
        lambda: enumerate("abc", 5),
        lambda: zip([1, 2], "ab"),
        lambda: map(str, [1, 2, 3]),
        lambda: filter(None, [0, 1, 2]),
        lambda: reversed([1, 2, 3]),
        lambda: reversed(range(4)),
        lambda: reversed({1: 2, 3: 4}),
        lambda: reversed({1: 2, 3: 4}.items()),
        lambda: zip(enumerate([5, 6]), reversed("ab"), strict=True),
    ]
    for make in made:
        for n in range(5):
            one, two = make(), make()
            for _ in range(n):
                next(one, None), next(two, None)
            once = restore(snapshot(one)).root
            twice = restore(snapshot(once)).root
            assert list(twice) == list(two), (make(), n)


def test_37_an_operation_that_failed_leaves_no_cycle():
    class Failed(Exception):
        pass

    @durable
    async def wf(op):
        try:
            await op
        except Failed:
            pass
        await op

    c = wf(Sleep(delay_ms=1))
    c.send(None)
    gc.collect()
    gc.disable()
    try:
        error = Failed()
        watch = weakref.ref(error)
        c.throw(error)
        del error
        assert watch() is None
    finally:
        gc.enable()
    evict(c)
