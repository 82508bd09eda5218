"""Eviction: dropping frames from memory without running any of their authors' code."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any

from weft_core.codec import Encoder, Externals
from weft_core.codec.encoder import Rejected, as_externals
from weft_core.codec.exceptions import TRACEBACK_VISITORS
from weft_core.errors import Evict, WeftError
from weft_core.frames.checkpoint.snapshot import FrameWriter
from weft_core.frames.live import FRAME_TYPES, parts, read_locals


def evict(root: Any, externals: Externals | Mapping[str, Any] | None = None) -> None:
    """Drop every durable frame that can be reached from ``root``. No ``finally``, ``except`` or ``__exit__`` runs."""
    for frame in frames_in(root, externals):
        evict_frame(frame)


def frames_in(root: Any, externals: Externals | Mapping[str, Any] | None = None) -> list[Any]:
    """Every durable coroutine and generator reachable from ``root``, outermost first."""
    finder = _Finder(as_externals(externals), _FrameFinder())
    try:
        finder.document(root)
    except (Rejected, WeftError, RecursionError):
        pass  # what was found so far is all that can be found
    return finder.found


class _Finder(Encoder):
    """An encoder that writes nothing: it walks where encoders walk, and steps over what they refuse."""

    __slots__ = ("found",)

    def __init__(self, externals: Externals, frames: Any) -> None:
        super().__init__(externals, frames)
        self.found: list[Any] = []

    def lower(self, value: Any, now: bool = False) -> Any:
        if type(value) in FRAME_TYPES and id(value) not in self.memo:
            self.found.append(value)
        depth = self.depth
        try:
            return super().lower(value, now)
        except Exception:  # also from the authors' get= functions; eviction must reach the rest
            self.depth = depth
            return None


class _FrameFinder(FrameWriter):
    """Looks at all variables, not only at those a checkpoint needs."""

    __slots__ = ()

    def frame(self, e: Encoder, o: Any) -> Any:
        frame = parts(o)[1]
        if frame is not None and not parts(o)[3]:
            e.late(lambda: e.lower_all(list(read_locals(frame).values())))
        return super().frame(e, o)


def _visit_traceback(e: Encoder, tb: types.TracebackType) -> None:
    """Generators that only a dead frame of a traceback keeps alive."""
    if type(e) is not _Finder:
        return
    at: types.TracebackType | None = tb
    while at is not None:
        for value in read_locals(at.tb_frame).values():
            if type(value) in FRAME_TYPES:
                e.lower(value)
        at = at.tb_next


TRACEBACK_VISITORS.append(_visit_traceback)


def evict_frame(o: Any) -> None:
    """Drop one frame, and those it awaits. A running or finished one is left alone."""
    t = type(o)
    if t not in FRAME_TYPES:
        return
    thrown = Evict()
    try:
        _, frame, awaited, running, suspended = parts(o)
        if frame is None or running:
            return
        del frame, awaited  # a finished frame refers back to this one, and we must not refer to it
        if t is types.AsyncGeneratorType:
            if suspended:
                o.athrow(thrown).send(None)
        elif suspended:
            o.throw(thrown)
        else:
            o.close()
    except (Evict, StopIteration, StopAsyncIteration, RuntimeError, ValueError) as gone:
        gone.__traceback__ = None
    finally:
        thrown.__traceback__ = None  # it leads to the frame, and the frame's variables would live on in a cycle
