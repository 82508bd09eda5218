"""Durable functions run the same with a crash at every suspension point."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import warnings

import pytest

from tests.frames.helpers import every_single_crash, module
from tests.frames.toy_engine import Ctx, Workflow
from weft_core.errors import RestoreError, SnapshotError
from weft_core.frames import durable, evict, restore, snapshot


@durable
async def child(ctx, a, log):
    log.append(("c", a))
    b = await ctx.run("x", a * 10)
    log.append(("c2", b))
    return b


@durable
async def parent(ctx):
    log = []
    r = [await child(ctx, i, log) for i in range(3)]
    s = await ctx.gather(child(ctx, 5, log), child(ctx, 6, log))
    return r, s, log


def test_helpers_and_branches_are_resumed_and_share_their_values():
    assert every_single_crash(parent) == (
        [0, 10, 20],
        [50, 60],
        [("c", 0), ("c2", 0), ("c", 1), ("c2", 10), ("c", 2), ("c2", 20), ("c", 5), ("c", 6), ("c2", 50), ("c2", 60)],
    )


def test_a_run_is_resumed_by_another_process(tmp_path):
    (tmp_path / "errands.py").write_text(
        textwrap.dedent("""
            from weft_core.frames import durable

            @durable
            async def fetch(ctx, things, n):
                for i in range(n):
                    things.add(await ctx.run("fetch", f"thing {i}"))
                return len(things)

            @durable
            async def errands(ctx):
                things = set()
                numbers = {await fetch(ctx, things, n) for n in (1, 2)}
                return sorted(things), numbers, await ctx.run("pay", 5)
        """)
    )
    one_step = """
        import pathlib, sys
        from errands import errands
        from tests.frames.toy_engine import Ctx, Workflow
        file = pathlib.Path("run.bin")
        w = Workflow.restore(file.read_bytes(), Ctx()) if file.exists() else Workflow.start(Ctx(), errands)
        w.step(lambda op: op.args[0])
        if w.done:
            print(w.result())
        else:
            file.write_bytes(w.snapshot())
    """
    paths = [str(tmp_path), *[p for p in sys.path if p], str(__import__("pathlib").Path(__file__).parents[2])]
    steps, out = 0, ""
    while not out:
        done = subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}\n{textwrap.dedent(one_step)}"],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={"PYTHONHASHSEED": "random"},
        )
        assert done.returncode == 0, done.stderr
        out, steps = done.stdout, steps + 1
    assert out.strip() == "(['thing 0', 'thing 1'], {1, 2}, 5)"
    assert steps == 4


# ------------------------------------------------------------------ concurrency


@durable
async def groups(ctx):
    log = []

    async def child(i):
        x = await ctx.run("a", i)
        log.append(i)
        return x + await ctx.run("b", i)

    async with ctx.group() as g:
        await g.start(child(1))
        t2 = await g.start(child(2))
        mid = await ctx.run("mid", 9)
        r2 = await t2
    try:
        async with ctx.group() as g:
            await g.start(child(3))
            await g.start(child(4))
            raise KeyError(await ctx.run("k", 5))
    except KeyError as e:
        log.append(repr(e))
    t = await ctx.spawn(child(7))
    return mid, r2, await t, log


def test_spawned_tasks_and_groups():
    assert every_single_crash(groups)[:3] == (9, 4, 14)


@durable
async def unstarted(ctx):
    c = child(ctx, 1, [])
    d = child(ctx, 2, [])
    await ctx.run("a", 1)
    x = await d
    await ctx.run("a", 2)
    return x + await c


def test_coroutines_that_have_not_started():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert every_single_crash(unstarted) == 30


# ------------------------------------------------------------------ what a snapshot is


@durable
async def many_steps(ctx, n):
    total = 0
    for _ in range(n):
        total += await ctx.run("a", 1)
    return total


def test_a_snapshot_does_not_grow_with_history():
    def size_after(n):
        w = Workflow.start(Ctx(), many_steps, 10**7)
        for _ in range(n):
            w.complete(w.waiting[0], 1)
        return len(w.snapshot())

    assert abs(size_after(1) - size_after(20_000)) < 12


def test_externals_are_named_and_not_stored():
    class Database:
        pass

    db, ctx = Database(), Ctx()
    m = module("""
        @durable
        async def wf(ctx, db):
            x = db
            await ctx.run("a", 1)
            return x is db
    """)
    c = m.wf(ctx, db)
    c.send(None)
    data = snapshot(c, {"ctx": ctx, "db": db})
    evict(c)
    with pytest.raises(StopIteration) as stop:
        restore(data, {"ctx": ctx, "db": db}).root.send(1)
    assert stop.value.value is True
    with pytest.raises(RestoreError, match="'db'"):
        restore(data, {"ctx": ctx})


def test_a_running_function_cannot_be_stored():
    @durable
    async def wf(box):
        with pytest.raises(SnapshotError, match="is running"):
            snapshot(box[0])

    box = []
    box.append(wf(box))
    with pytest.raises(StopIteration):
        box[0].send(None)
