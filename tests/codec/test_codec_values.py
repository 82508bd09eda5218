"""Every kind of value comes back equal, of the same type, with its aliases and cycles."""

from __future__ import annotations

import collections
import decimal
import errno
import functools
import itertools
import math
import re
import sys
import traceback
import types

import pytest

from tests.codec import samples
from tests.codec.samples import (
    OBJECTS,
    PLAIN,
    STDLIB,
    Basket,
    Node,
    Order,
    Pair,
    ShopError,
    name_of,
)  # fmt: skip
from weft_core import codec, errors
from weft_core.errors import NotSerializableError, RestoreError, UnknownTypeError


def again(value, **externals):
    return codec.loads(codec.dumps(value, externals=externals), externals=externals)


@pytest.mark.parametrize("value", PLAIN + STDLIB, ids=name_of)
def test_a_value_comes_back_equal_and_of_the_same_type(value):
    back = again(value)
    assert type(back) is type(value) and back == value
    assert again([value, {"k": value}]) == [value, {"k": value}]


@pytest.mark.parametrize(
    "value", [v for v in OBJECTS if not isinstance(v, (BaseException, functools.partial))], ids=name_of
)
def test_an_object_of_an_allowed_class_comes_back(value):
    back = again(value)
    assert type(back) is type(value) and back == value


def test_nan_and_negative_zero_keep_their_bits():
    nan, zero = again([float("nan"), -0.0])
    assert math.isnan(nan) and math.copysign(1, zero) == -1


def test_a_time_zone_is_the_same_object_as_everywhere():
    assert again(samples.ZONE) is samples.ZONE


def test_a_default_dict_keeps_its_factory():
    back = again(collections.defaultdict(list, {1: [2]}))
    assert back[5] == [] and back == {1: [2], 5: []}


def test_partial_and_bound_methods_can_be_called():
    assert again(functools.partial(int, "11", base=2))() == 3
    node = Node("next")
    method, owner = again([node.walk, node])
    assert method() == "next" and method.__self__ is owner
    items = []
    append, back = again([items.append, items])
    append(7)
    assert back == [7]


def test_plain_values_are_plain_msgpack():
    """Anyone can read a document of plain values."""
    import msgpack

    assert msgpack.unpackb(codec.dumps({"a": [1, None, "x"]})) == [1, {"a": [1, None, "x"]}]


# ------------------------------------------------------------------ identity


def test_aliases_and_cycles_survive():
    a = [1]
    b = {"a": a, "b": (a, a)}
    a.append(b)
    x, y = again([a, b])
    assert x[1] is y and y["a"] is x and y["b"][0] is x is y["b"][1]


def test_an_inner_container_of_plain_data_may_be_an_alias():
    order = {"lines": [{"sku": 1}, {"sku": 2}]}
    back, lines, line = again([order, order["lines"], order["lines"][1]])
    assert back["lines"] is lines and lines[1] is line


def test_objects_may_refer_to_themselves():
    order = Order("1")
    order.lines = [order]
    node = Node()
    node.next = node
    looped = again(node)
    assert again(order).lines[0].id == "1" and looped.next is looped and looped.secret() == 7


def test_tuples_that_occur_twice_are_one():
    pair = Pair(1, [2])
    one, two, inner = again([pair, pair, pair[1]])
    assert one is two and one.right is inner


def test_a_tuple_may_lead_back_to_itself_through_what_can_be_filled_later():
    listed: list = [1]
    pair = (listed, 2)
    listed.append(pair)
    table: dict = {}
    nested = (1, (table, frozenset({2})))
    table["up"] = nested
    back = again([pair, listed, nested, table])
    assert back[0][0] is back[1] and back[1][1] is back[0]
    assert back[2][1][0] is back[3] and back[3]["up"] is back[2]


def test_what_must_be_whole_before_it_is_made_cannot_contain_itself():
    state: list = []
    proxy = types.MappingProxyType({"state": state})
    state.append(proxy)
    kept = functools.partial(print, state)
    state.append(kept)
    back = again(state)
    assert back[1].args[0] is back
    key = Whole()
    key.state = (key,)
    with pytest.raises(NotSerializableError, match="contains itself"):
        codec.dumps(key)


class Whole:
    """Registered so that it is made from its state."""


codec.register(Whole, name="test:Whole", get=lambda w: w.state, new=lambda state: Whole())


def test_a_namespace_is_a_value_and_may_hold_itself():
    space = types.SimpleNamespace(name="x", parts=[1])
    space.me = space
    back = again(space)
    assert type(back) is types.SimpleNamespace
    assert back.me is back and (back.name, back.parts) == ("x", [1])


def test_externals_are_named_and_not_stored():
    host = object()
    made_once = codec.Externals({"ctx": host})
    data = codec.dumps([host, host], externals=made_once)
    assert codec.loads(data, externals={"ctx": 5}) == [5, 5]
    with pytest.raises(RestoreError, match="ctx"):
        codec.loads(data)


# ------------------------------------------------------------------ depth


@pytest.mark.parametrize("wrap", [lambda v: [v], lambda v: {"k": v}, Node, Basket, lambda v: Order("1", v)])
def test_containers_and_objects_may_be_nested_1500_deep(wrap):
    """Pyodide itself dies when it frees dicts or objects nested some 5,000 deep, codec or not."""
    value = None
    for _ in range(1500):
        value = wrap(value)
    back, depth = again(value), 0
    while back is not None:
        back = (
            back[0] if type(back) is list else back["k"] if type(back) is dict
            else back.next if type(back) is Node else back.items if type(back) is Basket else back.lines
        )  # fmt: skip
        depth += 1
    assert depth == 1500


def test_a_long_chain_of_causes_survives():
    first = last = ValueError(0)
    for n in range(1, 1000):
        last.__cause__ = ValueError(n)
        last = last.__cause__
    back = again(first)
    for n in range(1000):
        assert back.args == (n,)
        back = back.__cause__


def test_tuples_nested_too_deeply_are_refused():
    value = ()
    for _ in range(500):
        value = (value,)
    with pytest.raises(NotSerializableError, match="nested deeper"):
        codec.dumps(value)


# ------------------------------------------------------------------ exceptions


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x", 1), KeyError("k"), StopIteration(5), SystemExit(3), ZeroDivisionError(), TimeoutError(),
        UnicodeDecodeError("utf8", b"a", 0, 1, "r"), ImportError("m", name="n", path="p"), ShopError(5, detail=[1]),
        OSError(errno.ENOENT, "No such", "f"), OSError("plain"), AttributeError("a"),
        SyntaxError("s", ("f", 1, 2, "t")),
        re.error("bad", "(", 0), decimal.InvalidOperation("x"),
    ],
    ids=repr,
)  # fmt: skip
def test_an_exception_comes_back_with_its_facts(error):
    back = again(error)
    assert type(back) is type(error) and str(back) == str(error) and back.args == error.args
    for name in ("filename", "errno", "value", "code", "name", "path", "detail", "start", "lineno"):
        assert getattr(back, name, None) == getattr(error, name, None)


def test_groups_notes_causes_and_tracebacks_survive():
    try:
        try:
            raise KeyError("inner")
        except KeyError as inner:
            raise ShopError(1) from inner
    except ShopError as error:
        error.add_note("a note")
        group = ExceptionGroup("g", [error, ValueError(2)])
    back = again(group)
    shop = back.exceptions[0]
    assert type(shop.__cause__) is KeyError and shop.__context__ is shop.__cause__ and shop.__suppress_context__
    text = "".join(traceback.format_exception(back))
    assert "a note" in text and "test_groups_notes_causes" in text and 'raise KeyError("inner")' in text


def test_every_error_of_ours_survives_with_its_facts():
    for name, cls in errors.public_errors().items():
        if not cls.__module__.startswith("weft_core"):
            continue
        made = cls("message", key="k", line=3, nested=[1, (2,)])
        back = again(made)
        assert type(back) is cls and back.facts == made.facts and back.line == 3 and str(back) == str(made), name
        assert back.code == name


def test_no_constructor_runs_so_any_signature_is_fine():
    class_ = samples.ShopError
    assert again(class_(3)).code == 3


# ------------------------------------------------------------------ evolution


def module(name, source):
    made = types.ModuleType(name)
    sys.modules[name] = made
    codec.allow_module(name)
    exec(
        "from dataclasses import dataclass\nfrom typing import NamedTuple\nfrom enum import Enum\n" + source,
        made.__dict__,
    )
    return made


def test_a_dataclass_may_gain_fields_with_defaults_and_lose_none():
    data = codec.dumps(module("evolving", "@dataclass\nclass P:\n    a: int\n").P(1))
    module("evolving", "@dataclass\nclass P:\n    a: int\n    b: int = 7\n")
    assert codec.loads(data).b == 7
    module("evolving", "@dataclass\nclass P:\n    a: int\n    b: int\n")
    with pytest.raises(UnknownTypeError, match="default"):
        codec.loads(data)
    module("evolving", "@dataclass\nclass P:\n    c: int = 1\n")
    with pytest.raises(UnknownTypeError, match=r"lost the field\(s\) a"):
        codec.loads(data)
    module("evolving", "")
    with pytest.raises(UnknownTypeError, match="renamed or moved"):
        codec.loads(data)


def test_a_named_tuple_may_gain_fields_with_defaults():
    data = codec.dumps(module("evolving2", "class T(NamedTuple):\n    a: int\n").T(1))
    module("evolving2", "class T(NamedTuple):\n    a: int\n    b: int = 7\n")
    assert codec.loads(data) == (1, 7)
    module("evolving2", "class T(NamedTuple):\n    a: int\n    b: int\n")
    with pytest.raises(UnknownTypeError, match="other fields"):
        codec.loads(data)


def test_a_lost_enum_member_is_named():
    data = codec.dumps(module("evolving3", "class E(Enum):\n    A = 1\n    B = 2\n").E.B)
    module("evolving3", "class E(Enum):\n    A = 1\n")
    with pytest.raises(UnknownTypeError, match="'B'"):
        codec.loads(data)


def test_lists_that_grow_while_they_are_shared_stay_one():
    chain = list(itertools.repeat([], 3))
    back = again(chain)
    assert back[0] is back[1] is back[2]


class Basin:
    """Registered with a ``set`` that looks at what it is given."""


codec.register(
    Basin,
    name="test:Basin",
    get=lambda b: [b.parts, b.inner],
    set=lambda b, state: vars(b).update(parts=state[0], inner=state[1], size=len(state[0])),
)


def test_a_registered_type_is_filled_when_its_state_is_whole_also_beside_a_circle():
    inner, outer = Basin(), Basin()
    inner.parts, inner.inner = [1, 2, 3], None
    outer.parts, outer.inner = [[4]], inner
    loop: list = [outer]
    loop.append((loop,))
    back = again(loop)
    assert back[1][0] is back
    assert (back[0].size, back[0].parts, back[0].inner.size) == (1, [[4]], 3)
