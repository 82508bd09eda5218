"""What restored frames await, checked before any of them runs.

A resume leads each frame down to its suspension point and there awaits what the checkpoint names. A forged one may name
what cannot be awaited there, has ended, has not begun, or is awaited by another frame; the error of that would be
raised *inside* the frame, where the author's ``except`` and ``finally`` would run. So it is found here.
"""

from __future__ import annotations

import ast
import inspect
import types
from collections.abc import Iterable
from typing import Any

from weft_core.codec.wire import damaged
from weft_core.frames.awaitables import Awaitable, Closing
from weft_core.frames.live import FRAME_TYPES
from weft_core.frames.runtime.iteration import is_awaitable


def check_awaits(frames: Iterable[tuple[Any, Any, list[Any]]], steps: dict[int, Any]) -> None:
    """Raise :class:`CorruptRecordError` unless each suspended frame can go on awaiting what it awaited.

    ``frames`` are (frame, site, holder of its state); ``steps`` has the async generator of each step that is awaited.
    """
    suspended = {id(frame): (frame, site, holder) for frame, site, holder in frames if site.label is not None}
    if not suspended:
        return
    below: dict[int, int] = {}  # id of a frame -> id of the one that it awaits
    for frame, site, holder in suspended.values():
        awaited = holder[0][1][0]
        inner = _frame_in(awaited, steps)
        if isinstance(site.label.node, ast.Yield):
            possible = awaited is None
        elif inner is None:
            possible = _can_await(frame, awaited)
        else:
            known = suspended.get(id(inner))
            possible = known is not None and (inner is not awaited or _can_await(frame, awaited))
            if known is not None and type(inner) is types.AsyncGeneratorType:
                possible = inner is not awaited and not isinstance(known[1].label.node, ast.Yield)
            below[id(frame)] = id(inner)
        if not possible:
            raise damaged("a frame that awaits what it cannot have awaited")
    _check_chains(suspended.keys(), below)


def _frame_in(awaited: Any, steps: dict[int, Any]) -> Any:
    """The frame that goes on when ``awaited`` does, if it is one or a step of one."""
    if type(awaited) in FRAME_TYPES:
        return awaited
    if type(awaited) is Closing:
        return awaited.generator
    if isinstance(awaited, Awaitable):
        return _frame_in(awaited.inner, steps)
    return steps.get(id(awaited))


def _can_await(frame: Any, awaited: Any) -> bool:
    if type(awaited) not in FRAME_TYPES and not hasattr(type(awaited), "__next__"):
        return False  # what a frame waits in is an iterator, whatever it was made of
    if type(frame) is not types.GeneratorType:
        return is_awaitable(awaited)
    if type(awaited) is types.CoroutineType:  # behind `yield from`
        return bool(frame.gi_code.co_flags & inspect.CO_ITERABLE_COROUTINE)
    return type(awaited) not in FRAME_TYPES - {types.GeneratorType} and hasattr(type(awaited), "__iter__")


def _check_chains(suspended: Iterable[int], below: dict[int, int]) -> None:
    """Each frame is awaited by one other at most, and none by itself in a circle."""
    awaited = list(below.values())
    if len(set(awaited)) != len(awaited):
        raise damaged("a frame that two others await")
    reached = 0
    for at in set(suspended) - set(awaited):
        step: int | None = at
        while step is not None:
            reached += 1
            step = below.get(step)
    if reached != len(list(suspended)):
        raise damaged("frames that await each other")
