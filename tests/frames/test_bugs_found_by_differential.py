"""Bugs that the differential tester found since it crashes into fresh worlds. Each must stay fixed."""

from __future__ import annotations

from tests.frames.comparison import same
from tests.frames.helpers import module
from tests.frames.toy_engine import Ctx, Workflow


def test_40_yield_from_an_ordinary_iterator_loses_no_item_at_a_restore():
    """The prologue asked the iterator for its next item, and dropped it."""
    assert same("""
        @durable
        def g():
            yield from [1, 2, 3]
            yield from {4: 5}
            return (yield from zip("ab", [6, 7]))
        @durable
        async def wf(ctx):
            it = g()
            out = [next(it)]
            for x in it:
                out.append(x)
                await ctx.run("a")
                await ctx.run("b")
            return out
    """) == [1, 2, 3, 4, ("a", 6), ("b", 7)]  # fmt: skip


def test_40_a_restored_yield_from_finds_send_and_throw_only_where_its_iterator_has_them():
    assert same("""
        @durable
        def g():
            while True:
                try:
                    yield from iter([1, 2])
                except (AttributeError, ValueError) as e:
                    yield type(e).__name__
        @durable
        async def wf(ctx):
            it = g()
            out = [next(it)]
            await ctx.run("a")
            try:
                out.append(it.send("no list iterator takes this"))
            except AttributeError:
                out.append("refused")
            await ctx.run("b")
            out.append(next(it))
            await ctx.run("c")
            out.append(it.throw(ValueError))
            return out
    """) == [1, "AttributeError", 1, "ValueError"]  # fmt: skip


def test_41_what_was_awaited_dies_with_the_await():
    """A hidden local kept it: a generator was closed late, and its finally ran at eviction."""
    source = """
        @durable
        async def pages(ctx):
            try:
                yield 1
                yield 2
            finally:
                log.append("closed")
        @durable
        async def wf(ctx):
            x = await anext(pages(ctx), await ctx.run("a", 0))
            log.append("after")
            await ctx.run("b")
            return x
    """
    m = module(source, log=[])
    w = Workflow.start(Ctx(), m.wf)
    w.step(lambda op: 0)
    assert m.log == ["closed", "after"]
    w.evict()
    assert m.log == ["closed", "after"]


def test_42_a_part_of_a_group_with_notes_is_merged_again():
    assert same("""
        @durable
        async def part(ctx):
            group = ExceptionGroup("g", [ValueError(1), KeyError(2), OSError(3)])
            group.add_note("noted")
            try:
                raise group
            except* ValueError:
                await ctx.run("a")
                raise
            except* KeyError:
                await ctx.run("b")
                raise RuntimeError
        @durable
        async def wf(ctx):
            try:
                await part(ctx)
            except ExceptionGroup as e:
                parts = e.exceptions
            return [(type(x).__name__, [type(y).__name__ for y in getattr(x, "exceptions", ())]) for x in parts]
    """) == [("RuntimeError", []), ("ExceptionGroup", ["ValueError", "OSError"])]  # fmt: skip


def test_43_a_variable_that_an_earlier_target_reads_is_alive_though_a_later_one_assigns_to_it():
    """Liveness looked at the targets in the wrong order: the variable was not stored."""
    assert same("""
        @durable
        async def wf(ctx):
            i, xs = 1, [0, 0, 0]
            xs[i], i = 5, await ctx.run("a", 2)
            [xs[i], (i, xs[i])] = 6, (0, await ctx.run("b", 7))
            return i, xs
    """) == (0, [7, 5, 6])  # fmt: skip
