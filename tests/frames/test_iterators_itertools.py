"""Every iterator of itertools in a local across a crash, wherever it stands; also where CPython's cannot be asked."""

from __future__ import annotations

import copy
import itertools
import operator
import sys
from decimal import Decimal
from itertools import accumulate, chain, groupby
from itertools import tee as split

import pytest

from tests.frames.helpers import both, every_single_crash, module
from tests.frames.toy_engine import Ctx, Workflow
from weft_core.codec import allow_module, marks, references, wire
from weft_core.errors import NotSerializableError, WeftError
from weft_core.frames import durable, restore, snapshot
from weft_core.frames.iterators.followed import STAND_INS
from weft_core.frames.iterators.originals import TELLS
from weft_core.frames.runtime import iteration as runtime_iter

allow_module(__name__)
HAS_BATCHED = hasattr(itertools, "batched")


def small(x):
    return x < 3


def odd(x):
    return x % 2


def half(x):
    return x // 2


def fails_at_three(x):
    if x == 3:
        raise LookupError("three")
    return x


MAKERS = {
    "count": lambda m: m.count(5),
    "count by": lambda m: m.count(5, -2),
    "count of a float": lambda m: m.count(1.5, 0.25),
    "count of a Decimal": lambda m: m.count(Decimal("1.1"), Decimal("0.1")),
    "count beyond 64 bits": lambda m: m.count(2**63 - 2),
    "cycle": lambda m: m.cycle("abc"),
    "cycle of nothing": lambda m: m.cycle(()),
    "cycle of one": lambda m: m.cycle(iter([7])),
    "repeat": lambda m: m.repeat("x"),
    "repeat times": lambda m: m.repeat("x", 3),
    "chain": lambda m: m.chain([1, 2], "ab", (), range(2)),
    "chain of nothing": lambda m: m.chain(),
    "chain.from_iterable": lambda m: m.chain.from_iterable([[1, 2], "ab"]),
    "islice": lambda m: m.islice(range(20), 4),
    "islice from": lambda m: m.islice(range(20), 3, 12, 4),
    "islice without end": lambda m: m.islice(m.count(), 2, None, 3),
    "takewhile": lambda m: m.takewhile(small, [1, 2, 3, 1, 2]),
    "dropwhile": lambda m: m.dropwhile(small, [1, 2, 3, 1, 2]),
    "filterfalse": lambda m: m.filterfalse(odd, range(9)),
    "filterfalse of None": lambda m: m.filterfalse(None, [0, 1, 0, 2, ""]),
    "starmap": lambda m: m.starmap(pow, [(2, 3), [3, 2], (10, 0)]),
    "accumulate": lambda m: m.accumulate([1, 2, 3, 4]),
    "accumulate by": lambda m: m.accumulate([3, 1, 4, 1], max),
    "accumulate from": lambda m: m.accumulate([1, 2, 3], operator.mul, initial=100),
    "accumulate from, added": lambda m: m.accumulate([1, 2, 3], initial=100),
    "accumulate of None": lambda m: m.accumulate([None, None, 3], lambda_free_second),
    "accumulate of one None": lambda m: m.accumulate([None]),
    "compress": lambda m: m.compress("abcdef", [1, 0, 1, 0, 1, 1]),
    "pairwise": lambda m: m.pairwise([1, 2, 3, 4]),
    "pairwise of None": lambda m: m.pairwise([None, None, 3]),
    "zip_longest": lambda m: m.zip_longest("abc", [1], range(2), fillvalue="-"),
    "zip_longest of nothing": lambda m: m.zip_longest(),
    "product": lambda m: m.product("ab", [1, 2]),
    "product repeat": lambda m: m.product([0, 1], repeat=3),
    "product of nothing": lambda m: m.product(),
    "product with an empty one": lambda m: m.product("ab", ""),
    "permutations": lambda m: m.permutations("abc"),
    "permutations of two": lambda m: m.permutations([1, 2, 3, 4], 2),
    "permutations of none": lambda m: m.permutations([1, 2], 0),
    "permutations of too many": lambda m: m.permutations([1, 2], 3),
    "combinations": lambda m: m.combinations("abcd", 2),
    "combinations of none": lambda m: m.combinations("ab", 0),
    "combinations of too many": lambda m: m.combinations("ab", 3),
    "combinations_with_replacement": lambda m: m.combinations_with_replacement("abc", 2),
    "combinations_with_replacement of none": lambda m: m.combinations_with_replacement("abc", 0),
    "combinations_with_replacement of nothing": lambda m: m.combinations_with_replacement("", 2),
    "tee": lambda m: m.tee([1, 2, 3])[1],
    "nested": lambda m: m.islice(m.chain(m.repeat(0, 2), m.accumulate(m.count(1))), 1, 9, 2),
}
if HAS_BATCHED:
    MAKERS["batched"] = lambda m: m.batched("abcdefg", 3)


def lambda_free_second(a, b):
    return b


class StandIns:
    """As itertools, where CPython's cannot be asked."""

    def __getattr__(self, name):
        return STAND_INS[name]


STAND = StandIns()


def taken(it, n):
    out = []
    for _ in range(n):
        try:
            out.append(next(it))
        except StopIteration:
            out.append("end")
    return out


@pytest.mark.parametrize("name", MAKERS)
def test_a_stand_in_does_what_its_original_does(name):
    assert taken(MAKERS[name](STAND), 14) == taken(MAKERS[name](itertools), 14)


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("kind", ["original", "stand-in"])
def test_an_iterator_goes_on_where_it_stood(name, kind):
    """Alone, restored once and restored twice."""
    made_of = itertools if kind == "original" and (TELLS and name != "batched") else STAND
    for n in range(13):
        expected, it = MAKERS[name](itertools), MAKERS[name](made_of)
        assert taken(expected, n) == taken(it, n)
        once = restore(snapshot([it])).root[0]
        twice = restore(snapshot([once])).root[0]
        after = taken(expected, 8)
        assert taken(it, 8) == after, "a snapshot changed it"
        assert taken(once, 3) == after[:3]
        third = restore(snapshot([once])).root[0]
        assert taken(third, 5) == after[3:] and taken(twice, 8) == after


@durable
async def works_with_many(ctx, which):
    seen = []
    its = {
        "count": itertools.count(3, 2),
        "cycle": itertools.cycle([1, 2, 3]),
        "repeat": itertools.repeat("r", 4),
        "chain": chain("ab", itertools.chain.from_iterable([[1], (2, 3)])),
        "islice": itertools.islice(itertools.count(), 1, 9, 2),
        "takewhile": itertools.takewhile(lambda x: x < 3, [1, 2, 3, 1]),
        "dropwhile": itertools.dropwhile(lambda x: x < 3, [1, 2, 3, 1, 4]),
        "filterfalse": itertools.filterfalse(odd, range(7)),
        "starmap": itertools.starmap(lambda a, b: a * b + len(seen), [(2, 3), (4, 5), (6, 7)]),
        "accumulate": accumulate([1, 2, 3, 4], lambda a, b: a * b),
        "compress": itertools.compress("abcde", itertools.cycle([1, 0])),
        "pairwise": itertools.pairwise(range(4)),
        "zip_longest": itertools.zip_longest([1, 2], "a", fillvalue=0),
        "product": itertools.product("ab", repeat=2),
        "permutations": itertools.permutations([1, 2, 3], 2),
        "combinations": itertools.combinations(range(4), 3),
        "replacement": itertools.combinations_with_replacement("ab", 2),
        "tee": split(x + 1 for x in range(3))[0],
    }
    it = its[which]
    for n, x in zip(range(5), it):
        seen.append((n, x, await ctx.run("a", x)))
        if n == 2:
            break
    await ctx.run("b")
    return seen, taken(it, 4)


WHICH = [
    "count", "cycle", "repeat", "chain", "islice", "takewhile", "dropwhile", "filterfalse", "starmap", "accumulate",
    "compress", "pairwise", "zip_longest", "product", "permutations", "combinations", "replacement", "tee",
]  # fmt: skip


@pytest.fixture(params=["this Python's", "stand-ins, as from 3.14 on"])
def whose(request, monkeypatch):
    if request.param != "this Python's":
        for name, cls in STAND_INS.items():
            if hasattr(itertools, name):
                monkeypatch.setitem(runtime_iter.FOLLOWED, id(getattr(itertools, name)), cls)
                monkeypatch.setitem(references.PREFERRED, id(getattr(itertools, name)), cls)
                monkeypatch.setitem(references.PREFERRED, id(cls), cls)
    return request.param


@pytest.mark.parametrize("which", WHICH)
def test_a_workflow_that_holds_itertools_crashes_at_every_point(which, whose):
    every_single_crash(works_with_many, which)


@durable
async def groups_while_it_waits(ctx):
    seen = []
    for key, group in groupby([1, 1, 2, 3, 3, 3, 1], key=half):
        seen.append(key)
        for x in group:
            seen.append(await ctx.run("a", x))
            if x == 3:
                break
        old = group
    return seen, list(old)


@durable
async def keeps_a_group_that_is_over(ctx):
    groups = itertools.groupby("aabbbc")
    _, first = next(groups)
    await ctx.run("a")
    one = next(first)
    await ctx.run("b")
    key, second = next(groups)
    await ctx.run("c")
    rest = list(first)  # the group is over: it gives nothing
    took = list(second)
    await ctx.run("d")
    return one, key, rest, took, [(k, list(g)) for k, g in groups]


@durable
async def splits(ctx):
    log = []

    def source():
        for x in range(5):
            log.append(x)
            yield x

    a, b, c = itertools.tee(map(half, source()), 3)
    got = [next(a), next(a), next(a), next(b)]
    await ctx.run("a")
    got += [next(b), next(a)]
    d = copy.copy(b)
    await ctx.run("b")
    got += [*b, *a, *c, *d]
    return got, log


@durable
async def one_source_under_several(ctx):
    numbers = iter([1, 2, 3, 4, 5, 6, 7, 8])
    pairs = zip(numbers, numbers)
    some = itertools.islice(numbers, 2)
    both_ = itertools.chain(some, ["-"], numbers)
    got = [next(pairs), next(both_)]
    await ctx.run("a")
    got.append(next(numbers))
    await ctx.run("b")
    got += [next(pairs), *both_]
    return got, next(numbers, "end")


@durable
async def changes_what_it_goes_over(ctx):
    items = [1, 2, 3]
    seen = []
    for x in itertools.chain(items, ["-"]):
        seen.append(x)
        if x == 2:
            items += [7, 8]
        if x == 7:
            items.pop()
        await ctx.run("a", x)
    return seen


@durable
async def fails_in_the_middle(ctx):
    it = itertools.accumulate(itertools.chain(map(fails_at_three, [1, 2, 3, 4]), [5]))
    got = [next(it), next(it)]
    await ctx.run("a")
    try:
        next(it)
    except LookupError as error:
        got.append(str(error))
    await ctx.run("b")
    return got, list(it)


@durable
async def keeps_the_class(ctx):
    make, split_ = itertools.chain, itertools.tee
    it = make("ab")
    await ctx.run("a")
    one, two = split_(make(it, "c"))
    await ctx.run("b")
    return list(one), list(two), isinstance(it, itertools.chain), make is itertools.chain


@durable
async def evaluates_the_class_first(ctx):
    return list(itertools.chain(await ctx.run("a", "xy"), await ctx.run("b", "z")))


@durable
async def refers_to_itself(ctx):
    box = []
    it = itertools.chain(box, ["end"])
    box.append(it)
    again = next(it)
    await ctx.run("a")
    return again is it, box[0] is it, next(it)


SHARED = [
    groups_while_it_waits, keeps_a_group_that_is_over, splits, one_source_under_several, changes_what_it_goes_over,
    fails_in_the_middle, keeps_the_class, evaluates_the_class_first, refers_to_itself,
]  # fmt: skip


@pytest.mark.parametrize("fn", SHARED, ids=lambda fn: fn.__name__)
def test_iterators_that_share_change_and_fail_are_the_same_after_a_crash(fn, whose):
    every_single_crash(fn)


def test_batches_cross_a_crash():
    if not HAS_BATCHED:
        assert sys.version_info < (3, 12)
        return
    m = module("""
        import itertools
        @durable
        async def f(ctx):
            seen = []
            for batch in itertools.batched("abcdefgh", 3):
                seen.append(await ctx.run("a", batch))
            return seen
    """)
    assert both(m.f) == [tuple("abc"), tuple("def"), tuple("gh")]


def test_the_writing_of_a_checkpoint_warns_of_nothing():
    """CPython 3.12 and 3.13 warn when itertools are asked for their state; here warnings are errors."""
    w = Workflow.start(Ctx(), works_with_many, "product")
    w.crash().evict()


def made_elsewhere():
    return itertools.islice(range(9), 5)


@durable
async def holds_one_made_elsewhere(ctx):
    it = made_elsewhere()
    next(it)
    await ctx.run("a")
    return list(it)


def test_one_that_ordinary_code_made_is_stored_or_refused_with_the_remedy():
    if TELLS:
        assert every_single_crash(holds_one_made_elsewhere) == [1, 2, 3, 4]
        return
    w = Workflow.start(Ctx(), holds_one_made_elsewhere)
    with pytest.raises(NotSerializableError, match="in the durable function itself"):
        w.snapshot()
    w.evict()


def test_a_batched_that_ordinary_code_made_is_refused_with_the_remedy():
    if not HAS_BATCHED:
        assert sys.version_info < (3, 12)
        return
    with pytest.raises(NotSerializableError, match="in the durable function itself"):
        snapshot([itertools.batched("abc", 2)])


@pytest.mark.parametrize(
    "bad",
    [
        lambda m: m.islice([1], -1), lambda m: m.islice([1], 1, 2, 0), lambda m: m.islice([1], "x"),
        lambda m: m.permutations([1], -1), lambda m: m.combinations([1], -2), lambda m: m.product([1], repeat=-1),
        lambda m: m.chain(5).__next__(), lambda m: m.count("a"), lambda m: m.tee([1], -1), lambda m: m.islice([1]),
        lambda m: m.repeat(1, "x"), lambda m: m.combinations([1], "x"), lambda m: m.permutations([1], "x"),
    ],
)  # fmt: skip
def test_a_stand_in_refuses_what_its_original_refuses(bad):
    with pytest.raises(Exception) as original:
        bad(itertools)
    with pytest.raises(type(original.value)):
        bad(STAND)


def json_like(x):
    if type(x) is tuple:
        return [wire.mark(marks.TUPLE), *map(json_like, x)]
    return list(map(json_like, x)) if type(x) is list else x


def test_a_forged_state_of_an_iterator_is_refused():
    forged = {
        "chain": [5, None], "islice": [None, -1, 0, 1, 2], "product": [[9], False, [(1,)]],
        "permutations": [[5, 5], False, (1, 2), 2, [2, 1]], "zip_longest": [1, 2, 3], "groupby": [None] * 5,
        "_grouper": [1, 2, 3], "_tee": [1], "cycle": [True, 5, []], "repeat": [-1, 2],
        "combinations": [[9], False, 1, 2],
    }  # fmt: skip
    for name, state in forged.items():
        lowered = json_like(state)
        data = wire.pack([1, [wire.mark(marks.REGISTERED), f"itertools:{name}", lowered]])
        with pytest.raises(WeftError):
            restore(data)
