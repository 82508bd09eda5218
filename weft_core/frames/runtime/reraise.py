"""Telling eviction from exceptions of the author's, and raising an exception again only to re-enter its handler.

A coroutine is evicted by :class:`Evict`, or by the GeneratorExit of garbage collection and ``close()``. That one comes
up at the very await where the frame is suspended; one that the author raises comes from another instruction, or from a
frame further in.

A resume enters an ``except`` block as the first run did: it raises the saved exception. The ``raise`` statement changes
the exception's context and traceback, so they are noted before and put back as the first thing in the handler.
"""

from __future__ import annotations

import sys
from opcode import opmap
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


_SUSPENDED = (opmap["YIELD_VALUE"], opmap["RESUME"])  # where a suspended frame stands: until 3.12, and since
_EVICTED: tuple[type[BaseException], ...] = (Evict,)
_EVICTED_OR_COLLECTED: tuple[type[BaseException], ...] = (Evict, GeneratorExit)


def evicts(e: BaseException | None) -> bool:
    """``e``, which has come up in a coroutine, is its eviction."""
    if not isinstance(e, GeneratorExit):
        return isinstance(e, Evict)
    tb = e.__traceback__
    if tb is None or tb.tb_next is not None:
        return tb is None
    return tb.tb_frame.f_code.co_code[tb.tb_lasti] in _SUSPENDED


def rt_evict_c() -> tuple[type[BaseException], ...]:
    """Behind an ``except`` of a coroutine: what evicts it."""
    e = sys.exception()
    return _EVICTED_OR_COLLECTED if isinstance(e, GeneratorExit) and evicts(e) else _EVICTED


def rt_stays_c() -> bool:
    """In a ``finally`` of a coroutine: it is not being evicted."""
    e = sys.exception()
    if e is None or not evicts(e):
        return True
    # a caller may be handling a GeneratorExit; only one that is on its way through the asking frame evicts it
    return e.__traceback__ is None or e.__traceback__.tb_frame is not sys._getframe(1)


def rt_stays_g() -> bool:
    """In a ``finally`` of a generator: it is not being evicted. Its author may close it, which is something else."""
    return not isinstance(sys.exception(), Evict)
