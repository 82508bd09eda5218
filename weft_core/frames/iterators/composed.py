"""Iterators made of other iterators and functions: enumerate, zip, map, filter, ``iter(f, sentinel)``."""

from __future__ import annotations

from typing import Any

from weft_core.codec import marks
from weft_core.codec.decoder import Decoder, lifts
from weft_core.codec.encoder import LOWERINGS, Encoder, Lowering, lowers
from weft_core.codec.wire import damaged, mark
from weft_core.frames.iterators.basic import whole
from weft_core.frames.live import FRAME_TYPES
from weft_core.frames.runtime import helpers as rt


def _parts(number: int) -> Lowering:
    """Written as the arguments that ``__reduce__`` gives."""

    @whole
    def lower(e: Encoder, v: Any) -> list[Any]:
        _, args, *state = v.__reduce__()
        e.keep.append(args)
        return [mark(number), state[0] if state else None, *[e.lower(x) for x in args]]

    return lower


LOWERINGS[enumerate] = _parts(marks.ENUMERATE)
LOWERINGS[zip] = _parts(marks.ZIP)
LOWERINGS[map] = _parts(marks.MAP)
LOWERINGS[filter] = _parts(marks.FILTER)
LOWERINGS[type(iter(int, 1))] = _parts(marks.CALL_ITERATOR)


@lifts(marks.ENUMERATE, marks.ZIP, marks.MAP, marks.FILTER, marks.CALL_ITERATOR)
def _lift_composed(d: Decoder, x: list[Any], number: int) -> Any:
    kind, strict = x[0].number, x[1]
    args = d.lift_all(x[2:])
    sources = {marks.ENUMERATE: args[:1], marks.ZIP: args, marks.MAP: args[1:], marks.FILTER: args[1:]}.get(kind, [])
    if not all(map(_is_iterator, sources)):
        raise damaged("an iterator over something else")  # iter() of an author's class would run its code
    made: Any
    if kind == marks.ENUMERATE:
        made = enumerate(*args)
    elif kind == marks.ZIP:
        made = zip(*args, strict=bool(strict))
    elif kind == marks.MAP:
        made = map(*args)
    else:
        made = filter(*args) if kind == marks.FILTER else iter(*args)
    return d.stand(made, args)


def _is_iterator(value: Any) -> bool:
    """True for iterators that are themselves their ``iter``. Registered ones are the author's affair."""
    return hasattr(type(value), "__next__") or type(value) in FRAME_TYPES


@lowers(rt.NextOnly)
@whole
def _lower_next_only(e: Encoder, v: rt.NextOnly) -> list[Any]:
    return [mark(marks.NEXT_ONLY), e.lower(v.it)]


@lifts(marks.NEXT_ONLY)
def _lift_next_only(d: Decoder, x: list[Any], number: int) -> Any:
    return rt.NextOnly(d.lift(x[1]))
