"""A forged saved exception leads to the handler of the label, or nowhere; never into another block."""

from __future__ import annotations

import msgpack
import pytest

from tests.frames.hostile_audit import packed, places, unpacked, watch_positions
from tests.frames.toy_engine import Ctx, Workflow
from weft_core.codec import marks, register
from weft_core.errors import WeftError
from weft_core.frames import durable, evict, restore

RAN: list[str] = []
CTX = {"ctx": Ctx()}
FORGED = (
    "weft_core.errors:Evict", "weft_core.errors:RunCancelled", "builtins:GeneratorExit", "builtins:StopIteration",
    "builtins:StopAsyncIteration", "builtins:KeyboardInterrupt", "builtins:SystemExit", "builtins:BaseException",
    "builtins:ValueError", "builtins:KeyError", "builtins:TypeError", "builtins:OSError", "builtins:RecursionError",
    "builtins:RuntimeError", "builtins:MemoryError", "builtins:ExceptionGroup", "builtins:UnicodeDecodeError",
)  # fmt: skip


@durable
async def many_blocks(ctx):
    try:
        try:
            try:
                raise ValueError("v")
            except ValueError as error:
                RAN.append("value")
                await ctx.run("in value", str(error))
                try:
                    raise KeyError("k")
                except KeyError:
                    RAN.append("key")
                    await ctx.run("in key")
                    raise TypeError("t")
                except TypeError:
                    RAN.append("type")
                    await ctx.run("in type")
                except BaseException:
                    RAN.append("any")
                    await ctx.run("in any")
                finally:
                    RAN.append("inner finally")
                    await ctx.run("in inner finally")
            except KeyError:
                RAN.append("outer key")
                await ctx.run("in outer key")
        except TypeError as outer:
            RAN.append("outer type")
            await ctx.run("in outer type", str(outer))
            raise
        finally:
            RAN.append("middle finally")
            await ctx.run("in middle finally")
    except BaseException:
        RAN.append("outermost")
        await ctx.run("in outermost")
    finally:
        RAN.append("last")
    await ctx.run("after")


@durable
async def groups_of_errors(ctx):
    try:
        try:
            raise ExceptionGroup("g", [ValueError(1), KeyError(2), OSError(3)])
        except* ValueError:
            RAN.append("value")
            await ctx.run("in value")
        except* KeyError:
            RAN.append("key")
            await ctx.run("in key")
    except BaseException:
        RAN.append("rest")
        await ctx.run("in rest")
    finally:
        RAN.append("finally")
        await ctx.run("in finally")


@durable
def generator(ctx):
    try:
        raise ValueError(1)
    except ValueError:
        RAN.append("value")
        yield from ctx.run("in value")
        yield from ctx.run("more in value")
    except BaseException:
        RAN.append("any")
        yield from ctx.run("in any")
    finally:
        RAN.append("finally")
        yield from ctx.run("in finally")


@durable
async def helper(ctx, other):
    try:
        await ctx.run("in helper", other)
    except BaseException:
        RAN.append("helper failed")
        raise
    finally:
        RAN.append("helper finally")


@durable
async def awaits_helpers(ctx):
    unstarted = helper(ctx, None)
    other = several(ctx)
    await other.__anext__()
    try:
        await helper(ctx, [unstarted, other])
        async for _ in other:
            await ctx.run("in loop")
    except BaseException:
        RAN.append("failed")
    finally:
        RAN.append("finally")
        await ctx.run("in finally")
    await unstarted


@durable
async def several(ctx):
    try:
        yield 1
        RAN.append("asked")
        await ctx.run("in generator")
        yield 2
    except BaseException:
        RAN.append("generator failed")
        raise
    finally:
        RAN.append("generator finally")


@register(name="hostile:Block")
class Block:
    def __enter__(self):
        RAN.append("enter")

    def __exit__(self, *exc):
        RAN.append("exit")

    async def __aenter__(self):
        RAN.append("aenter")

    async def __aexit__(self, *exc):
        RAN.append("aexit")


@durable
async def in_with_blocks(ctx):
    try:
        with Block():
            async with Block():
                for i, x in enumerate({1: 2}.items()):
                    await ctx.run("in blocks", i, x)
    except BaseException:
        RAN.append("failed")
    finally:
        RAN.append("finally")


def snapshots(fn):
    w, out = Workflow.start(Ctx(), fn), []
    while not w.done:
        out.append(w.snapshot())
        w.step(lambda op: None)
    return out


def forged_exceptions(data):
    """Each exception in the bytes as each other class, and each value of a frame in the place of each exception."""
    for i, (at, key) in enumerate(places(unpacked(data))):
        if type(at) is not list or key != 1 or at[0] != msgpack.ExtType(1, bytes((marks.EXCEPTION,))):
            continue
        for name in FORGED:
            tree = unpacked(data)
            place, _ = places(tree)[i]
            place[1] = name
            yield packed(tree)
    for i, (at, key) in enumerate(places(unpacked(data))):
        value = at[key]
        if type(value) is not list or not value or value[0] != msgpack.ExtType(1, bytes((marks.EXCEPTION,))):
            continue
        for other in (None, 5, "x", [], msgpack.ExtType(2, b"\0"), msgpack.ExtType(4, b"\0")):
            tree = unpacked(data)
            place, _ = places(tree)[i]
            place[key] = other
            yield packed(tree)


def forged_parts(data):
    """Each part of the document in the place of each other, and nonsense: a frame then awaits what it never awaited."""
    count = len(places(unpacked(data)))
    references = [msgpack.ExtType(2, bytes((n,))) for n in range(9)]
    for i in range(count):
        for other in (None, 5, "x", [], {}, msgpack.ExtType(4, b"\0"), *references):
            tree = unpacked(data)
            at, key = places(tree)[i]
            if at is tree and key == 0:
                continue
            at[key] = other
            yield packed(tree)
    for name in ("coro", "gen", "agen"):
        for i in range(count):
            tree = unpacked(data)
            at, key = places(tree)[i]
            if type(at[key]) is list and at[key]:
                at[key] = [msgpack.ExtType(1, bytes((marks.CLOSED_FRAME,))), name]
                yield packed(tree)


@pytest.mark.filterwarnings("ignore")  # frames that never begin are dropped, and Python says so
@pytest.mark.parametrize(
    "fn", [many_blocks, groups_of_errors, generator, awaits_helpers, in_with_blocks], ids=lambda fn: fn.__name__
)
@pytest.mark.parametrize("forge", [forged_exceptions, forged_parts], ids=lambda f: f.__name__)
def test_a_forged_checkpoint_enters_no_other_block(fn, forge, monkeypatch):
    """Evict is what leaves a frame without running ``except`` and ``finally``: a resume that fails leaves by it."""
    cases = 0
    watch_positions(monkeypatch)
    for data in snapshots(fn):
        RAN.clear()
        for case in forge(data):
            cases += 1
            try:
                restored = restore(case, CTX)
            except WeftError:
                assert RAN == []
                continue
            evict(restored.root, CTX)
            restored = None
            assert RAN == [], case
        RAN.clear()
    assert cases > 30 or forge is forged_exceptions
