"""Iterators over sequences, ranges, dicts and sets, with their position.

CPython's own iterators tell their position through ``__reduce__``. Loops that suspend follow dicts and sets with the
runtime's wrappers, because CPython forgets where it is in a dict that has another size for a while.
"""

from __future__ import annotations

import collections
import gc
import itertools
from collections.abc import Callable
from typing import Any

from weft_core.codec import marks
from weft_core.codec.decoder import Decoder, lifts
from weft_core.codec.encoder import LOWERINGS, Encoder, Lowering, Rejected, lowers
from weft_core.codec.wire import damaged, mark
from weft_core.errors import SnapshotError
from weft_core.frames.runtime import helpers as rt

_SEQUENCES = (list, tuple, str, bytes, bytearray)


class PlaceIterator:
    """An iterator over a list that is now shorter than the position: CPython's own would forget the position."""

    __slots__ = ("items", "position", "step")

    def __init__(self, items: Any, position: int, step: int) -> None:
        self.items, self.position, self.step = items, position, step

    def __iter__(self) -> PlaceIterator:
        return self

    def __next__(self) -> Any:
        if self.items is None or not 0 <= self.position < len(self.items):
            self.items = None
            raise StopIteration
        item = self.items[self.position]
        self.position += self.step
        return item


class LateReversed:
    """A reversed dict iteration that looks for its position when it is first used; ``used`` is the dict's size then."""

    __slots__ = ("inner", "kind", "position", "table", "used")

    def __init__(self, table: dict[Any, Any], kind: str, position: int, used: int) -> None:
        self.table = table
        self.kind, self.position, self.used = kind, position, used
        self.inner: Any = None

    def __iter__(self) -> LateReversed:
        return self

    def __next__(self) -> Any:
        if self.inner is None:
            self.inner = self._find()
        return next(self.inner)

    def stand(self) -> None:
        """Find the position now, if the dict has its size."""
        if len(self.table) == self.used:
            self.inner = self._find()

    def _find(self) -> Any:
        if len(self.table) != self.used:
            return rt.DeadIter("dictionary changed size during iteration")
        inner = reversed(getattr(self.table, self.kind)())
        for _ in itertools.islice(inner, self.position):
            pass
        return inner


def whole(fn: Callable[[Encoder, Any], list[Any]]) -> Lowering:
    """For values that can only be made once their parts are: nothing inside may refer back to them."""

    def lower(e: Encoder, value: Any) -> Any:
        number = e.open(value)
        e.keep.append(value)
        out = fn(e, value)
        e.close(value, number)
        return out

    return lower


def exhausted(e: Encoder) -> list[Any]:
    """An iterator that has nothing left."""
    nothing: list[Any] = []
    e.keep.append(nothing)
    return [mark(marks.SEQUENCE_ITERATOR), e.lower(nothing), None]


# ------------------------------------------------------------------ sequences and ranges


@whole
def _lower_sequence(e: Encoder, v: Any) -> list[Any]:
    constructor, args, *state = v.__reduce__()
    items = args[0]
    if not isinstance(items, (*_SEQUENCES, range)):
        raise Rejected(v, f"an iterator over a {type(items).__qualname__} cannot be written", "iterate over list(...)")
    e.keep.append(items)
    kind = marks.SEQUENCE_ITERATOR if constructor is iter else marks.REVERSE_ITERATOR
    if isinstance(items, range):
        kind = marks.RANGE_ITERATOR
    return [mark(kind), e.lower(items), e.lower(state[0] if state else None)]


_samples: tuple[Any, ...] = ([], (), "", "é", b"", bytearray(), range(0), range(1 << 70))
for _sample in _samples:
    LOWERINGS[type(iter(_sample))] = _lower_sequence
for _sample in ([], (), range(3)):
    LOWERINGS[type(reversed(_sample))] = _lower_sequence


@lowers(PlaceIterator)
@whole
def _lower_place(e: Encoder, v: PlaceIterator) -> list[Any]:
    if v.items is None:
        return exhausted(e)
    kind = marks.SEQUENCE_ITERATOR if v.step > 0 else marks.REVERSE_ITERATOR
    return [mark(kind), e.lower(v.items), e.lower(v.position)]


@lifts(marks.SEQUENCE_ITERATOR, marks.REVERSE_ITERATOR)
def _lift_sequence(d: Decoder, x: list[Any], number: int) -> Any:
    items, at = d.lift(x[1]), d.lift(x[2])
    if not isinstance(items, _SEQUENCES) or type(at) not in (int, type(None)):
        raise damaged("an iterator over something else")
    forward = x[0].number == marks.SEQUENCE_ITERATOR
    if at is not None and isinstance(items, (list, bytearray)) and at >= len(items) + forward:
        return PlaceIterator(items, at, 1 if forward else -1)
    it: Any = _own_iter(items) if forward else reversed(items)
    if at is not None:
        it.__setstate__(at)
    return it


def _own_iter(items: Any) -> Any:
    """``iter`` of the built-in base: an author's ``__iter__`` does not run."""
    return next(base for base in _SEQUENCES if isinstance(items, base)).__iter__(items)


@lifts(marks.RANGE_ITERATOR)
def _lift_range(d: Decoder, x: list[Any], number: int) -> Any:
    items, at = d.lift(x[1]), d.lift(x[2])
    if type(items) is not range:
        raise damaged("an iterator over something else")
    it: Any = iter(items)
    if at:
        it.__setstate__(at)
    return it


# ------------------------------------------------------------------ deques


@lowers(*rt.DEQUE_ITERATORS)
def _lower_deque_iterator(e: Encoder, v: Any) -> Any:
    reason = "whether its deque has changed since, CPython's iterator over a deque does not tell"
    raise Rejected(v, reason, "use it in a `for` loop of its own, which Weft follows, or iterate over list(...)")


@lowers(rt.DequeIter)
@whole
def _lower_deque_iter(e: Encoder, v: rt.DequeIter) -> list[Any]:
    place = v.place()
    if type(place) is str:
        return [mark(marks.DEAD_ITERATOR), place]
    return [mark(marks.DEQUE_ITERATOR), e.lower(v.d), v.backwards, place]


@lifts(marks.DEQUE_ITERATOR)
def _lift_deque_iterator(d: Decoder, x: list[Any], number: int) -> Any:
    _, items, backwards, at = x
    items = d.lift(items)
    if not isinstance(items, collections.deque) or type(backwards) is not bool or type(at) is not int or at < 0:
        raise damaged("a deque iterator over something else")
    out = rt.DequeIter(items, backwards)
    d.fixups.append(lambda: out.stand(at))  # when the deque is filled, and before anything can change it
    return out


# ------------------------------------------------------------------ dicts and sets


def _resized(what: str) -> SnapshotError:
    return SnapshotError(
        f"a {what} is being iterated (through enumerate, zip, map or iter) and has changed its size since the "
        f"iteration "
        f"began, so the position cannot be stored; iterate over list(...) instead"
    )


def _referents(v: Any, types: tuple[type, ...]) -> list[Any]:
    return [x for x in gc.get_referents(v) if isinstance(x, types)]


def _rest(v: Any, what: str) -> list[Any]:
    try:
        rest: list[Any] = v.__reduce__()[1][0]
    except RuntimeError:
        raise _resized(what) from None
    return rest


def _dict_iterator(kind: str, backwards: bool) -> Lowering:
    return whole(lambda e, v: _dict_position(e, v, kind, backwards))


def _dict_position(e: Encoder, v: Any, kind: str, backwards: bool) -> list[Any]:
    rest = _rest(v, "dict")
    tables = _referents(v, (dict,))
    if not tables:  # at its end CPython drops the dict
        return exhausted(e)
    table = tables[0]
    size = len(table)
    given = size - len(rest) if backwards else size - v.__length_hint__()
    return [mark(marks.DICT_ITERATOR), e.lower(table), kind, backwards, size - len(rest), size, given]


def _dict_view(kind: str) -> Lowering:
    @whole
    def lower(e: Encoder, v: Any) -> list[Any]:
        return [mark(marks.DICT_VIEW), e.lower(_referents(v, (dict,))[0]), kind]

    return lower


_KINDS = ("keys", "values", "items")
for _kind in _KINDS:
    _view = getattr({}, _kind)()
    LOWERINGS[type(_view)] = _dict_view(_kind)
    LOWERINGS[type(iter(_view))] = _dict_iterator(_kind, False)
    LOWERINGS[type(reversed(_view))] = _dict_iterator(_kind, True)


@lowers(rt.DictIter)
@whole
def _lower_dict_iter(e: Encoder, v: rt.DictIter) -> list[Any]:
    if v.d is None:
        return exhausted(e)
    if type(v.it) is rt.DeadIter:
        return [mark(marks.DEAD_ITERATOR), v.it.msg]
    return [mark(marks.DICT_ITERATOR), e.lower(v.d), v.kind, False, v.before(), v.used, v.n]


@lowers(LateReversed)
@whole
def _lower_late(e: Encoder, v: LateReversed) -> Any:
    if v.inner is not None:
        if type(v.inner) is rt.DeadIter:
            return [mark(marks.DEAD_ITERATOR), v.inner.msg]
        return _dict_position(e, v.inner, v.kind, True)
    return [mark(marks.DICT_ITERATOR), e.lower(v.table), v.kind, True, v.position, v.used, v.position]


@lifts(marks.DICT_ITERATOR)
def _lift_dict_iterator(d: Decoder, x: list[Any], number: int) -> Any:
    table = d.lift(x[1])
    _, _, kind, backwards, at, used, given = x
    if not isinstance(table, dict) or kind not in _KINDS or any(type(n) is not int or n < 0 for n in (at, used, given)):
        raise damaged("a dict iterator over something else")
    if backwards:
        late = LateReversed(table, kind, at, used)
        d.fixups.append(late.stand)
        return late
    it = rt.DictIter.__new__(rt.DictIter)
    it.d, it.kind, it.used, it.n, it.it, it.given = table, kind, used, given, None, []
    d.fixups.append(lambda: it.stand(at))  # when the dict is filled, and before anything can change it
    return it


@lifts(marks.DICT_VIEW)
def _lift_dict_view(d: Decoder, x: list[Any], number: int) -> Any:
    table = d.lift(x[1])
    if not isinstance(table, dict) or x[2] not in _KINDS:
        raise damaged("a dict view of something else")
    return getattr(dict, x[2])(table)


@lowers(type(iter(set())))
@whole
def _lower_set_iterator(e: Encoder, v: Any) -> list[Any]:
    rest = _rest(v, "set")
    sets = _referents(v, (set, frozenset))
    if not sets:
        return exhausted(e)
    e.keep.append(rest := rest[::-1])
    return [mark(marks.SET_ITERATOR), e.lower(sets[0]), e.lower(rest), len(sets[0])]


@lowers(rt.SetIter)
@whole
def _lower_set_iter(e: Encoder, v: rt.SetIter) -> list[Any]:
    return [mark(marks.SET_ITERATOR), e.lower(v.set), e.lower(v.rest), v.size]


@lifts(marks.SET_ITERATOR)
def _lift_set_iterator(d: Decoder, x: list[Any], number: int) -> Any:
    of, rest, size = d.lift_all(x[1:])
    if not isinstance(of, (set, frozenset, type(None))) or type(rest) is not list or type(size) is not int:
        raise damaged("a set iterator over something else")
    return rt.SetIter(of, rest, size)


@lowers(rt.DeadIter)
def _lower_dead(e: Encoder, v: rt.DeadIter) -> Any:
    e.note(v)
    return [mark(marks.DEAD_ITERATOR), v.msg]


@lifts(marks.DEAD_ITERATOR)
def _lift_dead(d: Decoder, x: list[Any], number: int) -> Any:
    return rt.DeadIter(x[1])
