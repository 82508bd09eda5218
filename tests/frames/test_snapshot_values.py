"""What the variables of a suspended function may hold, and how little of it is written."""

from __future__ import annotations

import gc
import weakref

import pytest

from tests.codec import samples
from tests.frames.toy_engine import Ctx, Op, Workflow, run
from weft_core import codec
from weft_core.errors import NotSerializableError
from weft_core.frames import durable, evict, restore, snapshot

CTX = Ctx()


def suspended(fn, *args):
    frame = fn(CTX, *args)
    frame.send(None)
    return frame


def crash(frame, externals=None):
    """The frame as another process would find it."""
    ext = externals or {"ctx": CTX}
    data = snapshot(frame, ext)
    evict(frame, ext)
    return restore(data, ext).root


def finish(frame, value=None):
    with pytest.raises(StopIteration) as done:
        frame.send(value)
    return done.value.value


@durable
async def holds(ctx, value):
    before = id(value)
    await ctx.run("a")
    return value, before


@pytest.mark.parametrize("value", samples.PLAIN + samples.STDLIB, ids=samples.name_of)
def test_a_local_of_any_kind_comes_back(value):
    back, _ = finish(crash(suspended(holds, value)))
    assert type(back) is type(value) and back == value


@durable
async def shares(ctx):
    lines = [{"sku": 1}]
    order = {"lines": lines}
    first = lines[0]
    pair = (lines, order)
    await ctx.run("a")
    first["sku"] = 2
    lines.append(3)
    return order["lines"] is lines, order, pair[0] is lines and pair[1] is order


def test_locals_that_are_one_object_stay_one_object():
    assert finish(crash(suspended(shares))) == (True, {"lines": [{"sku": 2}, 3]}, True)


def test_identity_holds_over_all_frames_of_one_document():
    shared = [1]
    one, two = suspended(holds, shared), suspended(holds, shared)
    data = snapshot([one, two, shared], {"ctx": CTX})
    evict([one, two], {"ctx": CTX})
    a, b, third = restore(data, {"ctx": CTX}).root
    assert finish(a)[0] is finish(b)[0] is third


@durable
async def refers_to_itself(ctx, box):
    box.append(box)
    await ctx.run("a")
    return box


def test_a_frame_may_hold_what_holds_the_frame():
    box = []
    frame = suspended(refers_to_itself, box)
    box.append(frame)
    back = crash(frame)
    value = finish(back)
    assert value[0] is value and value[1] is back


def test_big_integers_and_lone_surrogates_in_locals_survive():
    """They take the careful way, frames and all."""
    frame = crash(suspended(holds, [2**200, "\ud800", {"k": -(2**70)}]))
    assert finish(frame)[0] == [2**200, "\ud800", {"k": -(2**70)}]


def test_externals_may_be_made_once_for_many_snapshots():
    made_once = codec.Externals({"ctx": CTX})
    frame = suspended(holds, 1)
    assert snapshot(frame, made_once) == snapshot(frame, {"ctx": CTX}) == snapshot(frame, made_once)
    assert finish(crash(frame, made_once))[0] == 1


@durable
async def large(ctx, rows):
    n = len(rows)
    rows = None
    await ctx.run("a")
    return n


def test_what_is_never_read_again_is_not_written():
    small = snapshot(suspended(large, []), {"ctx": CTX})
    big = snapshot(suspended(large, list(range(10_000))), {"ctx": CTX})
    assert len(big) - len(small) < 8


@durable
async def recursive(ctx, depth):
    here = depth
    got = await recursive(ctx, depth - 1) if depth else await ctx.run("leaf")
    return [here, got]


def test_a_stack_of_helpers_names_its_function_once():
    two = len(snapshot(suspended(recursive, 1), {"ctx": CTX}))
    fifty = len(snapshot(suspended(recursive, 49), {"ctx": CTX}))
    assert (fifty - two) / 48 < 16
    back = crash(suspended(recursive, 200))
    value, depth = finish(back, "x"), 0
    while value != "x":
        value, depth = value[1], depth + 1
    assert depth == 201


def test_a_snapshot_leaves_the_frame_as_it_was():
    frame = suspended(holds, [1])
    first = snapshot(frame, {"ctx": CTX})
    assert snapshot(frame, {"ctx": CTX}) == first
    assert finish(frame)[0] == [1]


class Tracked:
    pass


codec.register(Tracked, name="tests:Tracked")


def test_a_snapshot_keeps_nothing_alive():
    value = Tracked()
    gone = weakref.ref(value)
    frame = suspended(holds, [value])
    del value
    snapshot(frame, {"ctx": CTX})
    gc.disable()
    try:
        evict(frame, {"ctx": CTX})
        del frame
        assert gone() is None
    finally:
        gc.enable()


def test_a_failed_snapshot_can_be_repeated_when_the_cause_is_gone():
    box = [object()]
    frame = suspended(holds, box)
    with pytest.raises(NotSerializableError, match=r"value\[0\]"):
        snapshot(frame, {"ctx": CTX})
    box.clear()
    assert finish(crash(frame))[0] == []


class Mute:
    """Cannot be stored."""

    def method(self):
        return self


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"db": [1, {"conn": Mute()}]}, "value['db'][1]['conn']"),
        (samples.Order("1", [Mute()]), "value.lines[0]"),
        (samples.Basket((1, Mute())), "value.items[1]"),
        (samples.Pair(1, Mute()), "value.right"),
        (samples.ShopError(1, detail=Mute()), "value.detail"),
        ({Mute()}, "value (an element)"),
        ({Mute(): 1}, "value (a key)"),
        (Mute().method, "value.__self__"),
    ],
    ids=lambda v: str(v)[:40],
)
def test_the_way_to_a_value_that_cannot_be_stored_is_told(value, path):
    frame = suspended(holds, value)
    with pytest.raises(NotSerializableError) as caught:
        snapshot(frame, {"ctx": CTX})
    facts = caught.value.facts
    assert facts["path"] == path and facts["variable"] == "value" and facts["function"] == "holds"
    assert facts["line"] == holds.__wrapped_source__.__code__.co_firstlineno + 3
    assert facts["source"] == 'await ctx.run("a")' and facts["filename"].endswith("test_snapshot_values.py")
    evict(frame, {"ctx": CTX})


@durable
async def sees_values(ctx):
    captured = Mute()

    def use():
        return captured

    await ctx.run("a")
    return use()


def test_a_captured_variable_that_cannot_be_stored_is_named():
    frame = suspended(sees_values)
    with pytest.raises(NotSerializableError) as caught:
        snapshot(frame, {"ctx": CTX})
    assert caught.value.facts["function"] == "sees_values" and "captured" in caught.value.facts["where"]
    evict(frame, {"ctx": CTX})


@durable
async def keeps_errors(ctx):
    try:
        await ctx.run("fails")
    except samples.ShopError as error:
        kept = error
    await ctx.run("b", kept)
    return kept.code, kept.__notes__, type(kept.__cause__)


def test_a_caught_error_stays_that_error():
    def do(op):
        if op.name == "fails":
            error = samples.ShopError(7)
            error.add_note("seen")
            raise error from KeyError("k")

    assert run(keeps_errors, do=do, crash=lambda i: True) == (7, ["seen"], KeyError)


def test_a_run_holds_operations_as_data():
    w = Workflow.start(CTX, holds, 1)
    data = w.snapshot()
    w.evict()
    again = Workflow.restore(data, CTX)
    op = again.waiting[0].pending
    assert type(op) is Op and (op.kind, op.name) == ("run", "a")
    again.evict()
