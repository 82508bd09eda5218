"""Raising an exception again only to re-enter its handler.

A resume enters an ``except`` block as the first run did: it raises the saved exception. The ``raise`` statement changes
the exception's context and traceback, so they are noted before and put back as the first thing in the handler.
"""

from __future__ import annotations

from types import TracebackType

# id(exception) -> it (so that the id stays its own), its context, its traceback
_noted: dict[int, tuple[BaseException, BaseException | None, TracebackType | None]] = {}


def rt_rex(e: BaseException) -> BaseException:
    """Used as ``raise rt_rex(e)``."""
    _noted[id(e)] = (e, e.__context__, e.__traceback__)
    return e


def rt_fix(e: BaseException) -> None:
    """Undo what the raise statement did to ``e``."""
    _, e.__context__, e.__traceback__ = _noted.pop(id(e))
