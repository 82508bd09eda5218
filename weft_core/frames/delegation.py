"""``yield from`` an ordinary iterator: it is asked once more when its frame is restored, and must lose nothing by it.

A restored frame is led back to its suspension point by running its prologue, which asks what the frame awaits for its
next value. A frame or an operation answers with what it waits for, once more. An iterator would give its next item, and
the item would be lost: so the restored frame delegates to an :class:`Again`. A registered type may be either: what an
operation waits in has an ``__await__``.
"""

from __future__ import annotations

from typing import Any

from weft_core.codec.encoder import LOWERINGS
from weft_core.codec.registry import REGISTERED_TYPES
from weft_core.frames.awaitables import Closing, NextOr
from weft_core.frames.live import FRAME_TYPES


class Again:
    """An iterator that answers the first question with None and passes on all others."""

    __slots__ = ("asked", "inner")

    def __init__(self, inner: Any) -> None:
        self.inner, self.asked = inner, False

    def __iter__(self) -> Again:
        return self

    def __next__(self) -> Any:
        if self.asked:
            return next(self.inner)
        self.asked = True
        return None

    def __getattr__(self, name: str) -> Any:
        # `yield from` looks for send, throw and close, and behaves differently where they are missing
        return getattr(self.inner, name)


LOWERINGS[Again] = lambda e, value: e.lower(value.inner)


_LED = frozenset((NextOr, Closing))
"""These lead a frame back themselves."""


def resumable(awaited: Any) -> Any:
    """What a restored frame is to await in place of ``awaited``."""
    kind = type(awaited)
    if kind in FRAME_TYPES or kind.__name__ == "async_generator_asend" or kind in _LED:
        return awaited
    if kind in REGISTERED_TYPES and hasattr(kind, "__await__"):
        return awaited
    return Again(awaited) if hasattr(kind, "__next__") else awaited
