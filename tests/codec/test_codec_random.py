"""Values and graphs made at random come back as they were."""

from __future__ import annotations

import collections
import copy

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.codec.samples import Basket, Color, Order, Pair, Permission, Price
from weft_core import codec

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters()) | st.binary()
    | st.decimals(allow_nan=False) | st.fractions() | st.uuids() | st.dates() | st.times() | st.datetimes()
    | st.datetimes(timezones=st.timezones()) | st.timedeltas() | st.sampled_from([*Color, Permission.READ])
)  # fmt: skip
keys = st.none() | st.integers() | st.text() | st.binary() | st.uuids() | st.tuples(st.integers(), st.text())
values = st.recursive(
    scalars,
    lambda v: st.lists(v) | st.dictionaries(keys, v) | st.tuples(v, v) | st.builds(Order, st.text(), v)
    | st.builds(Pair, v, v) | st.lists(v).map(collections.deque) | st.builds(Price, st.integers(), v),
    max_leaves=25,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(values)
def test_any_value_comes_back(value):
    data = codec.dumps(value)
    back = codec.loads(data)
    assert back == value and type(back) is type(value)
    assert codec.dumps(back) == data


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_the_shape_of_sharing_comes_back(data):
    """Containers that refer to each other at random: the same graph, compared by walking both."""
    nodes = [data.draw(st.sampled_from([list, dict, Basket])) for _ in range(data.draw(st.integers(1, 8)))]
    made = [Basket([]) if cls is Basket else cls() for cls in nodes]
    links = data.draw(st.lists(st.tuples(st.integers(0, len(made) - 1), st.integers(0, len(made) - 1)), max_size=20))
    for at, to in links:
        target = made[at].items if type(made[at]) is Basket else made[at]
        target.append(made[to]) if type(target) is list else target.__setitem__(len(target), made[to])
    twin = copy.deepcopy(made)
    back = codec.loads(codec.dumps(made))
    pairs, todo = {}, [(twin, back)]
    while todo:
        a, b = todo.pop()
        if id(a) in pairs:
            assert pairs[id(a)] is b
            continue
        pairs[id(a)] = b
        assert type(a) is type(b)
        inner = [(x.items if type(x) is Basket else x) for x in (a, b)]
        if type(a) is Basket:
            todo.append(tuple(inner))
        else:
            assert len(a) == len(b)
            todo += zip(*[list(x.values()) if type(x) is dict else list(x) for x in inner], strict=True)
