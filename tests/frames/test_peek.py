"""A parked run can be looked into without the code that made it (G9)."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from tests.codec import samples
from tests.frames import hostile_workflow
from tests.frames.toy_engine import Ctx, Workflow
from weft_core.errors import CorruptRecordError
from weft_core.frames import Opaque, durable, evict, peek, snapshot

CTX = Ctx()


@durable
async def inner(ctx, item):
    note = {"item": item}
    await ctx.run("inner", item)
    return note


@durable
async def outer(ctx, order):
    count = 0
    later = inner(ctx, 9)
    f = lambda x: x + count
    for line in ["a", "b"]:
        count += 1
        got = await inner(ctx, line)
    return count, got, order, await later, f


def parked(fn, *args):
    w = Workflow.start(CTX, fn, *args)
    data = w.snapshot()
    w.evict()
    return data


def test_frames_come_outermost_first_with_lines_labels_and_variables():
    stacks = peek(parked(outer, samples.Order("o-1", [1, 2])))
    first, second = stacks[0]
    assert (first.function, second.function) == ("outer", "inner")
    assert first.filename == "test_peek.py" and first.label == "inner(ctx)"
    assert first.lineno == outer.__wrapped_source__.__code__.co_firstlineno + 7
    assert second.locals == {"note": {"item": "a"}}
    assert first.locals["count"] == 1


def test_externals_and_hidden_variables_are_left_out():
    (first, _), *_ = peek(parked(outer, 1))
    assert "ctx" not in first.locals and not any(n.startswith(".") for n in first.locals)


def test_values_of_the_authors_types_are_opaque():
    (first, _), *_ = peek(parked(outer, samples.Order("o-1", samples.Basket([1]))))
    order = first.locals["order"]
    assert isinstance(order, Opaque) and order.type_name == "tests.codec.samples:Order"
    assert order.state["id"] == "o-1" and order.state["lines"].state == {"items": [1]}
    assert repr(order).startswith("<Order {'id': 'o-1'")
    assert "lambda" in first.locals["f"].type_name


def test_a_coroutine_that_has_not_started_is_its_own_stack():
    stacks = peek(parked(outer, 1))
    assert [[f.function for f in s] for s in stacks] == [["outer", "inner"], ["inner"]]
    assert stacks[1][0].label == "start" and stacks[1][0].lineno is None and stacks[1][0].locals == {"item": 9}


def test_every_kind_of_value_can_be_looked_at():
    for steps in range(9):
        w = hostile_workflow.suspended_at(steps)
        data = w.snapshot()
        w.evict()
        stacks = peek(data)
        assert stacks[0][0].function == "whole" and repr(stacks)


def test_aliases_are_seen_as_aliases():
    frame = outer(CTX, 1)
    frame.send(None)
    shared = [1]
    (stack, *_) = peek(snapshot([frame, shared, shared], {"ctx": CTX}))
    evict(frame, {"ctx": CTX})
    assert stack[0].function == "outer"


def test_neither_the_code_nor_the_classes_are_needed(tmp_path):
    """Another process that never saw the workflow."""
    path = tmp_path / "snapshot"
    path.write_bytes(parked(outer, samples.everything()))
    script = """
        import sys
        from weft_core.frames import REGISTRY
        from weft_core.frames import peek
        stacks = peek(open(sys.argv[1], "rb").read())
        assert not any(key.startswith("tests") for key in REGISTRY)
        print([f.function for f in stacks[0]], stacks[0][0].locals["count"], len(repr(stacks)) > 500)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(path)], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "['outer', 'inner'] 1 True", done.stderr


def test_damaged_bytes_are_refused():
    with pytest.raises(CorruptRecordError):
        peek(b"")
    with pytest.raises(CorruptRecordError):
        peek(parked(outer, 1)[:-1])
