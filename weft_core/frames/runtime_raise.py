"""Raising an exception again only to re-enter its handler.

A resume enters an ``except`` block as the first run did: it raises the saved exception. The ``raise`` statement changes
the exception's context and traceback, so they are noted before and put back as the first thing in the handler.
"""

from __future__ import annotations

from types import TracebackType

from weft_core.errors import Evict

# id(exception) -> it (so that the id stays its own), its context, its traceback
_noted: dict[int, tuple[BaseException, BaseException | None, TracebackType | None]] = {}


def rt_rex(e: BaseException) -> BaseException:
    """Used as ``raise rt_rex(e)``.

    A forged checkpoint may have anything in its place. Evict passes all handlers and ``finally`` blocks; whatever else
    came out of a resume that fails would run those of the author.
    """
    if not isinstance(e, BaseException):
        raise Evict("no exception was saved")
    _noted[id(e)] = (e, e.__context__, e.__traceback__)
    return e


def rt_fix(e: BaseException) -> None:
    """Undo what the raise statement did to ``e``."""
    noted = _noted.pop(id(e), None)
    if noted is None:
        raise Evict("another exception came to the handler")
    _, e.__context__, e.__traceback__ = noted
