"""CPython's own itertools, written as the state of their stand-ins.

Up to 3.13 they tell it through ``__reduce__``, except for what only the garbage collector sees: ``get_referents``
gives the objects in an iterator in the order of its C fields, empty ones left out. From 3.14 on, an iterator that
counts in C (islice, cycle, product, …) can no longer be asked; durable functions make stand-ins there instead, and one
that comes from elsewhere is refused.
"""

from __future__ import annotations

import gc
import itertools
import sys
import warnings
from collections.abc import Callable
from typing import Any

from weft_core.codec import marks
from weft_core.codec.encoder import LATE, LOWERINGS, Encoder, Lowering, Rejected
from weft_core.codec.registry import slot_names
from weft_core.codec.wire import mark
from weft_core.frames.iterators.followed import STAND_INS

TELLS = sys.version_info < (3, 14)
"""Whether CPython's itertools have ``__reduce__``."""

_REMEDY = (
    "make the iterator in the durable function itself, where Weft follows it (from Python 3.14 on itertools do not "
    "tell their state), or use list(...)"
)

_TYPE_FIRST = sys.version_info >= (3, 12)  # the class of an instance is among its objects

States = Callable[[Any], dict[str, Any]]


def _told(v: Any) -> tuple[Any, ...]:
    if not TELLS:
        raise Rejected(v, f"an itertools.{type(v).__name__} that was made outside durable functions", _REMEDY)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        told: tuple[Any, ...] = v.__reduce__()
    return told


def _inside(v: Any) -> list[Any]:
    return gc.get_referents(v)[_TYPE_FIRST:]


def _count(v: Any) -> dict[str, Any]:
    if TELLS:
        try:
            value, *step = _told(v)[1]
        except SystemError:  # a bug of CPython: it stands on the last number that C counts to
            value, step = sys.maxsize, []
        return {"value": value, "step": step[0] if step else 1}
    inside = _inside(v)
    if len(inside) == 2 and not repr(v).startswith(f"count({inside[0]!r}, {inside[1]!r}"):
        raise Rejected(v, "an itertools.count that does not show its value", _REMEDY)
    if len(inside) == 2:
        return {"value": inside[0], "step": inside[1]}
    numbers = [int(n) for n in repr(v)[len("count(") : -1].split(", ")]
    return {"value": numbers[0], "step": numbers[1] if len(numbers) > 1 else 1}


def _cycle(v: Any) -> dict[str, Any]:
    _, (it,), (saved, _) = _told(v)
    replaying = type(it) is type(iter([])) and it.__reduce__()[1][0] is saved
    return {"it": it, "saved": saved, "first": not replaying}


def _repeat(v: Any) -> dict[str, Any]:
    try:
        left = v.__length_hint__()
    except TypeError:  # it has no end
        left = None
    return {"object": _inside(v)[0], "left": left}


def _chain(v: Any) -> dict[str, Any]:
    _, _, *state = _told(v)
    parts = [*(state[0] if state else ()), None, None]
    return {"source": parts[0], "active": parts[1]}


def _islice(v: Any) -> dict[str, Any]:
    _, (it, *args), *state = _told(v)
    if len(args) < 3:  # it has ended
        return {"it": None, "next": 0, "stop": 0, "step": 1, "seen": 0}
    return {"it": it, "next": args[0], "stop": args[1], "step": args[2], "seen": state[0]}


def _while(flag: str) -> States:
    def state(v: Any) -> dict[str, Any]:
        _, (predicate, it), flagged = _told(v)
        return {"predicate": predicate, "it": it, flag: bool(flagged)}

    return state


def _two(constructor: Any, first: str, second: str) -> States:
    """For iterators that hold two objects and nothing else."""
    data = iter(())
    turned = _inside(constructor(data if first == "data" else max, iter("a")))[0] not in (data, max)

    def state(v: Any) -> dict[str, Any]:
        if TELLS:
            return dict(zip((first, second), _told(v)[1], strict=True))
        a, b = _inside(v)
        return {first: b, second: a} if turned else {first: a, second: b}

    return state


def _accumulate(v: Any) -> dict[str, Any]:
    _, args, *state = _told(v)
    inside = _inside(v)
    if type(args[0]) is type(v):  # told as an islice of another accumulate: the total is None
        func = inside[0] if len(inside) == 4 else None
        return {"func": func, "it": inside[-3], "total": None, "begun": True, "initial": None}
    func = args[1]
    inside = inside[1:] if func is not None else inside
    if len(inside) == 3:
        it, total, initial = inside
        return {"func": func, "it": it, "total": total, "begun": True, "initial": initial}
    return {"func": func, "it": inside[0], "total": None, "begun": False, "initial": inside[1]}


_PAIR_PARTS = len(_inside(itertools.pairwise(()))) - 1  # some versions keep the last pair, to use it again


def _pairwise(v: Any) -> dict[str, Any]:
    inside = _inside(v)
    it, *old = inside[: len(inside) - _PAIR_PARTS] or [None]
    return {"it": it, "begun": bool(old), "old": old[0] if old else None}


def _zip_longest(v: Any) -> dict[str, Any]:
    _, its, fillvalue = _told(v)
    open_ = [None if type(it) is tuple else it for it in its]
    return {"its": open_, "active": sum(it is not None for it in open_), "fillvalue": fillvalue}


def _groupby(v: Any) -> dict[str, Any]:
    # Not as told: CPython leaves the open group out when its last item has just been given.
    it, key, *rest = _inside(v)
    state: dict[str, Any] = {"it": it, "key": key, "turn": 1, "target": None, "ahead": None}
    if rest:
        state["target"] = (rest[0],)
    if len(rest) == 3:
        state["ahead"] = (rest[1], rest[2])
    return state


def _grouper(v: Any) -> dict[str, Any]:
    constructor, _ = _told(v)
    of, target = _inside(v)
    return {"of": of, "target": target, "turn": 0 if constructor is iter else 1}


def _product(v: Any) -> dict[str, Any]:
    _, pools, *state = _told(v)
    at = list(state[0]) if state else None
    return {"pools": list(pools), "at": at, "done": False}


def _chosen(v: Any) -> dict[str, Any]:
    _, (pool, r), *state = _told(v)
    out: dict[str, Any] = {"pool": pool, "r": r, "at": None, "done": False}
    if state:
        out["at"] = list(state[0])
    elif len(_inside(v)) > 1:  # it has a last result and tells none: it has ended
        out["done"] = True
    return out


def _permutations(v: Any) -> dict[str, Any]:
    _, (pool, r), *state = _told(v)
    out: dict[str, Any] = {"pool": pool, "r": r, "at": None, "cycles": None, "done": False}
    if state:
        out["at"], out["cycles"] = map(list, state[0])
    elif len(_inside(v)) > 1:
        out["done"] = True
    return out


_STATES: dict[str, States] = {
    "count": _count, "cycle": _cycle, "repeat": _repeat, "chain": _chain, "islice": _islice,
    "takewhile": _while("done"), "dropwhile": _while("begun"),
    "filterfalse": _two(itertools.filterfalse, "predicate", "it"), "starmap": _two(itertools.starmap, "function", "it"),
    "compress": _two(itertools.compress, "data", "selectors"), "accumulate": _accumulate, "pairwise": _pairwise,
    "zip_longest": _zip_longest, "groupby": _groupby, "_grouper": _grouper, "product": _product,
    "permutations": _permutations, "combinations": _chosen, "combinations_with_replacement": _chosen,
}  # fmt: skip


def _written_as(name: str, state: Callable[[Any], Any]) -> tuple[Lowering, Lowering]:
    def lower(e: Encoder, v: Any) -> Any:
        e.note(v)
        e.keep.append(told := state(v))
        return [mark(marks.REGISTERED), e.sym(name), e.lower(told, True)]

    def late(e: Encoder, v: Any) -> Any:
        e.note(v)
        e.keep.append(told := state(v))
        e.late(e.lower, told, True)
        return [mark(marks.LATE_REGISTERED), e.sym(name)]

    return lower, late


def _slots(name: str, state: States) -> Callable[[Any], list[Any]]:
    names = slot_names(STAND_INS[name])

    def told(v: Any) -> list[Any]:
        parts = state(v)
        return [parts[n] for n in names]

    return told


def _tee_state(v: Any) -> list[Any]:
    """The last block of the chain that iterators of one tee share, and the items that wait for this one."""
    block, begin = _told(v)[2]
    items: list[Any] = []
    while True:
        _, values, following = _told(block)[1]
        items += values[begin:]
        if following is None:
            return [block, *items]
        block, begin = following, 0


def _install(t: type, name: str, state: Callable[[Any], Any]) -> None:
    LOWERINGS[t], LATE[t] = _written_as(name, state)


for _name, _state in _STATES.items():
    _type = getattr(itertools, _name, None)
    if isinstance(_type, type):
        _install(_type, f"itertools:{_name}", _slots(_name, _state))
if TELLS:
    _install(type(itertools.tee(())[0]), "itertools:_tee", _tee_state)
    _install(itertools._tee_dataobject, "itertools:_tee_source", lambda v: _told(v)[1][0])  # type: ignore[attr-defined]
