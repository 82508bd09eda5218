"""Lists, dicts, tuples, sets and their relatives in the standard library."""

from __future__ import annotations

import collections
import types
from typing import Any

from weft_core.codec import marks
from weft_core.codec.decoder import Decoder, lifts
from weft_core.codec.encoder import LATE, LOWERINGS, Encoder, Lowering, Rejected, lowers
from weft_core.codec.wire import damaged, mark


@lowers(dict)
def _lower_dict(e: Encoder, value: dict[Any, Any]) -> Any:
    memo = e.memo
    memo[id(value)] = len(memo)
    scalars = e.scalars
    for k in value:
        if type(k) not in scalars:
            break
    else:
        for x in value.values():
            if type(x) not in scalars:
                break
        else:
            return value
        lower = e.lower
        return {k: v if type(v) in scalars else lower(v) for k, v in value.items()}
    return [mark(marks.DICT), *_pairs(e, value)]


def _pairs(e: Encoder, value: dict[Any, Any]) -> list[Any]:
    flat: list[Any] = []
    for k, v in value.items():
        flat.append(e.lower_solid(k))
        flat.append(e.lower(v))
    return flat


def lift_pairs(d: Decoder, flat: list[Any], into: Any) -> None:
    """Fill a mapping from ``[key, value, key, value, …]``."""
    if len(flat) % 2:
        raise damaged("a key has no value")
    items = d.lift_all(flat)
    keys = items[::2]
    d.check_keys(keys)
    # Not into[k] = v: a Counter or defaultdict of the author may have its own.
    base: Any = collections.OrderedDict if isinstance(into, collections.OrderedDict) else dict
    set_item = base.__setitem__
    for k, v in zip(keys, items[1::2], strict=True):
        set_item(into, k, v)


@lifts(marks.DICT)
def _lift_dict(d: Decoder, x: list[Any], number: int) -> Any:
    out = d.objs[number] = {}
    lift_pairs(d, x[1:], out)
    return out


@lowers(tuple)
def lower_tuple(e: Encoder, value: tuple[Any, ...]) -> Any:
    memo = e.memo
    number = len(memo)
    scalars = e.scalars
    if len(value) > 12 and scalars.issuperset(map(type, value)):
        memo[id(value)] = number
        return [_TUPLE, *value]
    memo[id(value)] = -1  # open: nothing inside may refer to it
    out = [_TUPLE]
    for x in value:
        out.append(x if type(x) in scalars else e.lower(x))
    memo[id(value)] = number
    return out


_TUPLE = mark(marks.TUPLE)


@lifts(marks.TUPLE)
def _lift_tuple(d: Decoder, x: list[Any], number: int) -> Any:
    return tuple(d.lift_all(x[1:]))


@lowers(set)
def _lower_set(e: Encoder, value: set[Any]) -> Any:
    e.note(value)
    return [mark(marks.SET), *map(e.lower_solid, value)]


@lifts(marks.SET)
def _lift_set(d: Decoder, x: list[Any], number: int) -> Any:
    out: set[Any] = set()
    d.objs[number] = out
    items = d.lift_all(x[1:])
    d.check_keys(items)
    out.update(items)
    return out


@lowers(frozenset)
def _lower_frozenset(e: Encoder, value: frozenset[Any]) -> Any:
    number = e.open(value)
    out = [mark(marks.FROZENSET), *map(e.lower_solid, value)]
    e.close(value, number)
    return out


@lifts(marks.FROZENSET)
def _lift_frozenset(d: Decoder, x: list[Any], number: int) -> Any:
    items = d.lift_all(x[1:])
    d.check_keys(items)
    return frozenset(items)


@lowers(collections.deque)
def _lower_deque(e: Encoder, value: collections.deque[Any]) -> Any:
    e.note(value)
    return [mark(marks.DEQUE), e.lower(value.maxlen), *e.lower_all(value)]


@lifts(marks.DEQUE)
def _lift_deque(d: Decoder, x: list[Any], number: int) -> Any:
    out: collections.deque[Any] = collections.deque(maxlen=d.lift(x[1]))
    d.objs[number] = out
    out.extend(d.lift_all(x[2:]))
    return out


def _lower_mapping(number: int) -> Lowering:
    def lower(e: Encoder, value: Any) -> Any:
        e.note(value)
        return [mark(number), *_pairs(e, value)]

    return lower


LOWERINGS[collections.OrderedDict] = _lower_mapping(marks.ORDERED_DICT)
LOWERINGS[collections.Counter] = _lower_mapping(marks.COUNTER)


@lifts(marks.ORDERED_DICT, marks.COUNTER)
def _lift_mapping(d: Decoder, x: list[Any], number: int) -> Any:
    out: Any = collections.OrderedDict() if x[0].number == marks.ORDERED_DICT else collections.Counter()
    d.objs[number] = out
    lift_pairs(d, x[1:], out)
    return out


@lowers(collections.defaultdict)
def _lower_defaultdict(e: Encoder, value: collections.defaultdict[Any, Any]) -> Any:
    e.note(value)
    return [mark(marks.DEFAULT_DICT), e.lower(value.default_factory), *_pairs(e, value)]


@lifts(marks.DEFAULT_DICT)
def _lift_defaultdict(d: Decoder, x: list[Any], number: int) -> Any:
    factory = d.lift(x[1])
    out: Any = collections.defaultdict(factory)
    d.objs[number] = out
    lift_pairs(d, x[2:], out)
    return out


@lowers(types.MappingProxyType)
def _lower_proxy(e: Encoder, value: Any) -> Any:
    number = e.open(value)
    inner = value | {}
    if type(inner) is not dict:
        raise Rejected(value)
    e.keep.append(inner)
    out = [mark(marks.MAPPING_PROXY), e.lower(inner)]
    e.close(value, number)
    return out


@lifts(marks.MAPPING_PROXY)
def _lift_proxy(d: Decoder, x: list[Any], number: int) -> Any:
    inner = d.lift(x[1])
    if type(inner) is not dict:
        raise damaged("a mapping proxy of something else")
    return types.MappingProxyType(inner)


# ------------------------------------------------------------------ contents that follow later


def _late_list(e: Encoder, value: list[Any]) -> Any:
    e.note(value)
    e.late(e.lower_all, value)
    return [mark(marks.LATE_LIST)]


def _late_dict(e: Encoder, value: dict[Any, Any]) -> Any:
    e.note(value)
    e.late(_pairs, e, value)
    return [mark(marks.LATE_DICT)]


LATE[list] = _late_list
LATE[dict] = _late_dict


@lifts(marks.LATE_LIST, marks.LATE_DICT)
def _lift_late(d: Decoder, x: list[Any], number: int) -> Any:
    out: Any = [] if x[0].number == marks.LATE_LIST else {}

    def fill(part: Any) -> None:
        if type(part) is not list:
            raise damaged("a late part of the wrong kind")
        if type(out) is list:
            out.extend(d.lift_all(part))
        else:
            lift_pairs(d, part, out)

    d.late(fill)
    return out
