"""What a loop goes over may change while it goes: after a crash the loop sees what it would have seen."""

from __future__ import annotations

import collections

import pytest

from tests.frames.helpers import every_single_crash
from weft_core.errors import NotSerializableError
from weft_core.frames import durable, snapshot


@durable
async def changes_while_it_loops(ctx, kind, make, change):
    """``change`` gets the dict and what has been seen, before and after each wait."""
    table = make()
    seen = []
    try:
        for x in getattr(table, kind)():
            seen.append(x)
            change(table, seen, "before")
            await ctx.run("a", len(seen))
            change(table, seen, "after")
            if len(seen) > 12:
                break
    except RuntimeError as error:
        seen.append(str(error))
    return seen, list(table.items())


def straight(kind, make, change):
    """The same in plain Python."""
    table, seen = make(), []
    try:
        for x in getattr(table, kind)():
            seen.append(x)
            change(table, seen, "before")
            change(table, seen, "after")
            if len(seen) > 12:
                break
    except RuntimeError as error:
        seen.append(str(error))
    return seen, list(table.items())


# With room for what the changes add: where a dict must grow under a loop, CPython moves its entries, and the loop skips
# some and repeats others, as its documentation warns. A restored dict is packed anew, so that cannot be the same.


def holes_before():
    table = dict.fromkeys([*range(24), *"abcdef"], 0)
    for k in range(24):
        del table[k]
    return table


def holes_after():
    table = dict.fromkeys([*"abcdef", *range(24)], 0)
    for k in range(24):
        del table[k]
    return table


def nothing(table, seen, when):
    pass


def value_changes(table, seen, when):
    table["c"] = len(seen)


def pops_and_puts_back(table, seen, when):
    """The key that is visited is away while the run waits, and last when it comes back."""
    key = "abcdef"[len(seen) - 1] if len(seen) < 7 else "a"
    if when == "before":
        table.pop(key, None)
    else:
        table[key] = 1


def adds_for_a_while(table, seen, when):
    if when == "before":
        table["new"] = 1
    else:
        table.pop("new")


def replaces_a_seen_key(table, seen, when):
    if when == "before" and len(seen) == 3:
        del table["a"]
        table["z"] = 1


def replaces_a_coming_key(table, seen, when):
    if when == "after" and len(seen) == 2:
        del table["d"]
        table["z"] = 1


def replaces_while_it_waits(table, seen, when):
    if len(seen) == 2:
        if when == "before":
            del table["a"], table["e"]
        else:
            table["z"], table["y"] = 1, 2


def grows_for_good(table, seen, when):
    if when == "after" and len(seen) == 2:
        table["z"] = 1


def empties(table, seen, when):
    if when == "before" and len(seen) == 1:
        table.clear()


def swaps_two(table, seen, when):
    if when == "before" and len(seen) in (2, 3):
        first = next(iter(table))
        table[first] = table.pop(first)


CHANGES = [
    nothing, value_changes, pops_and_puts_back, adds_for_a_while, replaces_a_seen_key, replaces_a_coming_key,
    replaces_while_it_waits, grows_for_good, empties, swaps_two,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("make", [holes_before, holes_after], ids=lambda f: f.__name__)
@pytest.mark.parametrize("kind", ["keys", "values", "items"])
def test_a_dict_that_changes_under_a_loop(kind, make, change):
    expected = straight(kind, make, change)
    assert every_single_crash(changes_while_it_loops, kind, make, change) == expected


@durable
async def changes_what_is_under(ctx, iterators, change):
    kept, it = iterators()
    iterators = None  # it is not stored
    seen = [next(it)]
    await ctx.run("a")
    try:
        change(kept)
        seen.append(next(it))
        await ctx.run("b")
        change(kept)
        for x in it:
            seen.append(await ctx.run("c", x))
    except RuntimeError as error:
        seen.append(str(error))
    return seen, len(kept)


def over(make, wrap=iter):
    def made():
        kept = make()
        return kept, wrap(kept)

    return made


def append(items):
    items.append(9)


def drop_first(items):
    del items[0]


def set_first(items):
    items[0] = 7


def add_key(table):
    table.setdefault("later", 1)


def change_key(table):
    table["b"] = 5


def add_one(items):
    items.add(1)


def add_more(items):
    items.add(77)


CASES = [
    (over(lambda: [1, 2, 3, 4]), append), (over(lambda: [1, 2, 3, 4]), drop_first),
    (over(lambda: [1, 2, 3]), set_first),
    (over(lambda: [1, 2, 3, 4], reversed), append), (over(lambda: [1, 2, 3, 4], reversed), drop_first),
    (over(lambda: bytearray(b"abcd")), append), (over(lambda: bytearray(b"abcd")), set_first),
    (over(lambda: dict.fromkeys("abcd"), lambda d: iter(d.items())), change_key),
    (over(lambda: dict.fromkeys("abcd"), enumerate), change_key),
    (over(lambda: dict.fromkeys("abcd"), reversed), change_key),
    (over(lambda: [3, 4, 5, 6], lambda x: map(str, x)), append), (over(lambda: [3, 4, 5, 6], enumerate), drop_first),
    (over(lambda: [3, 4, 5, 6], lambda x: filter(None, x)), set_first),
    (over(lambda: [3, 4, 5, 6], lambda x: zip(x, "abcdefgh")), append),
    (over(lambda: {1, 2, 3, 4}), add_one), (over(lambda: {1, 2, 3}), add_more),
    (over(lambda: [3, 1, 0, 5], lambda x: iter(x.pop, 0)), append),
]  # fmt: skip


@pytest.mark.parametrize(("iterators", "change"), CASES)
def test_what_is_under_an_iterator_changes(iterators, change):
    assert len(every_single_crash(changes_what_is_under, iterators, change)) == 2


@durable
async def loops_over_a_deque(ctx, make, change):
    items = collections.deque([1, 2, 3, 4])
    seen = []
    try:
        for x in make(items):
            seen.append(x)
            await ctx.run("a", x)
            change(items, x)
            await ctx.run("b", x)
    except RuntimeError as error:
        seen.append(str(error))
    return seen, items


def unchanged(d, x):
    pass


def an_item(d, x):
    d[2] = 33


def turned(d, x):
    if x == 2:
        d.append(d.popleft())


def longer(d, x):
    if x == 3:
        d.append(9)


def emptied(d, x):
    if x == 4:
        d.clear()


def as_it_is(d):
    return d


@pytest.mark.parametrize("make", [as_it_is, reversed], ids=["forwards", "backwards"])
@pytest.mark.parametrize("change", [unchanged, an_item, turned, longer, emptied], ids=lambda f: f.__name__)
def test_a_deque_that_changes_under_a_loop(make, change):
    seen, _ = every_single_crash(loops_over_a_deque, make, change)
    assert seen[-1] in (1, 4, "deque mutated during iteration")


def test_an_iterator_of_a_deque_in_a_variable_is_refused_with_the_remedy():
    with pytest.raises(NotSerializableError, match="`for` loop of its own"):
        snapshot([iter(collections.deque([1]))])
