"""Bugs that the differential tester found since it crashes into fresh worlds. Each must stay fixed."""

from __future__ import annotations

from tests.frames.comparison import same, same_error
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


def test_44_yield_from_a_registered_iterator_loses_no_item_at_a_restore():
    """Registered types were taken for operations, which answer once more with what they wait for."""
    assert same("""
        @register
        class Countdown:
            def __init__(self, n):
                self.n = n
            def __iter__(self):
                return self
            def __next__(self):
                if not self.n:
                    raise StopIteration("lift-off")
                self.n -= 1
                return self.n + 1
            def send(self, value):
                return value
        @durable
        def g(counts):
            out = yield from counts
            return (yield out)
        @durable
        async def wf(ctx):
            counts = Countdown(5)
            it = g(counts)
            out = [next(it)]
            await ctx.run("a")
            out.append(it.send("sent"))
            await ctx.run("b")
            out.append(next(counts))
            for x in it:
                out.append(x)
                await ctx.run("c")
            return out
    """) == [5, "sent", 4, 3, 2, 1, "lift-off"]  # fmt: skip


def test_45_a_generator_exit_of_the_authors_is_no_eviction():
    """It passed every handler, ``finally`` and ``__exit__`` of a coroutine."""
    assert same("""
        class Manager:
            def __enter__(self):
                log.append("enter")
            def __exit__(self, kind, error, tb):
                log.append(("exit", kind.__name__))
        register(Manager)
        class Slow(Manager):
            @durable
            async def __aenter__(self):
                await op("aenter")
            @durable
            async def __aexit__(self, kind, error, tb):
                log.append(("aexit", kind.__name__))
                await op("aexit")
        register(Slow)
        @durable
        async def lets_out(ctx):
            with Manager():
                try:
                    await ctx.run("a")
                    raise GeneratorExit("mine")
                except ValueError:
                    await ctx.run("not this")
                else:
                    await ctx.run("nor this")
                finally:
                    log.append("finally")
        @durable
        async def wf(ctx):
            global op
            op = ctx.run
            out = []
            try:
                async with Slow():
                    try:
                        await lets_out(ctx)
                    finally:
                        await ctx.run("b")
                        log.append("outer finally")
            except GeneratorExit as e:
                out.append(str(e))
                await ctx.run("c")
            try:
                await ctx.run("d")
                raise GeneratorExit
            except* GeneratorExit as e:
                await ctx.run("e")
                out.append(type(e).__name__)
            g = (x for x in [1])
            try:
                await ctx.run("f")
                g.throw(GeneratorExit)
            except GeneratorExit:
                out.append("thrown")
            return out
    """) == ["mine", "BaseExceptionGroup", "thrown"]  # fmt: skip


def test_45_a_generator_exit_that_leaves_the_workflow_is_its_failure():
    assert "GeneratorExit ('mine')" in same_error("""
        @durable
        async def wf(ctx):
            try:
                await ctx.run("a")
                raise GeneratorExit("mine")
            finally:
                log.append("finally")
                await ctx.run("b")
    """)  # fmt: skip


def test_45_collecting_and_closing_a_coroutine_still_evict_it():
    source = """
        class Manager:
            def __enter__(self): pass
            def __exit__(self, *error): log.append("exit")
        register(Manager)
        @durable
        async def inner(ctx):
            try:
                with Manager():
                    await ctx.run("a")
            except BaseException:
                log.append("except")
            finally:
                log.append("finally")
        @durable
        async def wf(ctx):
            try:
                await inner(ctx)
            finally:
                await ctx.run("b")
                log.append("outer finally")
    """
    m = module(source, log=[])
    for restored in (False, True):
        for drop in (lambda coro: coro.close(), lambda coro: None):
            w = Workflow.start(Ctx(), m.wf)
            if restored:
                w = w.crash()
            coro, w.root.coro = w.root.coro, None
            drop(coro)
            del coro, w
            assert m.log == []


def test_46_a_group_keeps_its_exceptions_when_the_list_it_was_made_of_changes():
    """It was made anew of the list: of other exceptions, or not at all if it lies in that list."""
    assert same("""
        @durable
        async def wf(ctx):
            out, errors = [], [ValueError(1), KeyError(2)]
            try:
                raise ExceptionGroup("g", errors)
            except* Exception as part:
                errors.append(OSError(3))
                out.append(len(part.exceptions))
                await ctx.run("a")
            group = ExceptionGroup("h", errors)
            errors.pop()
            await ctx.run("b")
            out.append((len(group.exceptions), len(group.args[1]), group.args[1] is errors))
            errors.clear()
            await ctx.run("c")
            held = [ValueError(4)]
            held[0].group = ExceptionGroup("i", held)
            await ctx.run("d")
            out.append(held[0].group.exceptions[0] is held[0])
            return out, len(group.exceptions), group.args[1] is errors
    """, prelude="") == ([2, (3, 2, True), True], 3, True)  # fmt: skip


def test_46_a_group_is_restored_however_deep_it_lies():
    """The list of its exceptions was written later than the group, at some depths (seed 1795394277)."""
    assert same("""
        @durable
        async def wf(ctx):
            held = []
            for depth in range(80):
                x = ExceptionGroup("deep", [ValueError(depth)])
                for _ in range(depth):
                    x = [x]
                held.append(x)
            await ctx.run("a")
            out = []
            for x in held:
                while type(x) is list:
                    x = x[0]
                out.append(x.exceptions[0].args[0])
            return out
    """, prelude="") == list(range(80))  # fmt: skip
