"""Raising an exception again only to re-enter its handler.

A resume enters an ``except`` block as the first run did: it raises the saved exception. The ``raise`` statement changes
the exception's context and traceback, so they are noted before and put back as the first thing in the handler.
"""

from __future__ import annotations

import sys
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


def rt_stays_c() -> bool:
    """In a ``finally`` of a coroutine: it is not being evicted, neither by Evict nor by garbage collection."""
    e = sys.exception()
    if not isinstance(e, (Evict, GeneratorExit)):
        return True
    # a caller may be handling a GeneratorExit; only one that is on its way through the asking frame evicts it
    return e.__traceback__ is None or e.__traceback__.tb_frame is not sys._getframe(1)


def rt_stays_g() -> bool:
    """In a ``finally`` of a generator: it is not being evicted. Its author may close it, which is something else."""
    return not isinstance(sys.exception(), Evict)
