"""``with`` and ``async with`` in code that suspends.

A ``with`` block is entered through a pass-through context manager, which does not call the author's ``__exit__`` when
the frame is *evicted* (dropped from memory). A coroutine is evicted by Evict or by garbage collection; the author may
close a generator, so there only Evict evicts.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, ClassVar

from weft_core.errors import Evict
from weft_core.frames.contexts import stand_in
from weft_core.frames.runtime.iteration import is_awaitable
from weft_core.frames.runtime.reraise import evicts


def _manager_type(m: Any) -> Any:
    """The type of a context manager; the errors are those of the ``with`` statement."""
    t = type(m)
    if not hasattr(t, "__enter__"):
        raise TypeError(f"'{t.__name__}' object does not support the context manager protocol")
    if not hasattr(t, "__exit__"):
        raise TypeError(f"'{t.__name__}' object does not support the context manager protocol (missed __exit__ method)")
    return t


class WithC:
    """The first entry of a ``with`` block of a coroutine."""

    __slots__ = ("m", "t")
    collected: ClassVar[type[BaseException]] = GeneratorExit

    def __init__(self, m: Any) -> None:
        self.t = _manager_type(m)
        self.m = m

    def __enter__(self) -> Any:
        return self.t.__enter__(self.m)

    def __exit__(self, typ: type[BaseException] | None, val: BaseException | None, tb: TracebackType | None) -> Any:
        if typ is not None and issubclass(typ, (Evict, self.collected)) and evicts(val):
            return False
        return self.t.__exit__(self.m, typ, val, tb)


class WithG(WithC):
    """The first entry of a ``with`` block of a generator."""

    __slots__ = ()
    collected = Evict


class ReenterC(WithC):
    """A ``with`` block that is resumed: the manager was entered before."""

    __slots__ = ()

    def __init__(self, m: Any) -> None:
        try:
            super().__init__(m)
        except TypeError as error:  # forged: see rt_rex
            raise Evict(str(error)) from None

    def __enter__(self) -> None:
        return None


class ReenterG(ReenterC):
    __slots__ = ()
    collected = Evict


def rt_aenter(m: Any) -> Any:
    """The awaitable of ``__aenter__``, with the errors of ``async with``."""
    t = type(m)
    if not hasattr(t, "__aenter__"):
        raise TypeError(f"'{t.__name__}' object does not support the asynchronous context manager protocol")
    if not hasattr(t, "__aexit__"):
        raise TypeError(
            f"'{t.__name__}' object does not support the asynchronous context manager protocol "
            f"(missed __aexit__ method)"
        )
    ours = stand_in(t.__aenter__)
    return _checked(t.__aenter__(m), "__aenter__") if ours is None else ours(m)


def rt_aexit(m: Any, exc: BaseException | None, method: Any = None) -> Any:
    """The awaitable of ``__aexit__``, or of another method that is called like it."""
    method = method or type(m).__aexit__
    ours = stand_in(method)
    if ours is not None:
        return ours(m, exc)
    details = (None, None, None) if exc is None else (type(exc), exc, exc.__traceback__)
    return _checked(method(m, *details), "__aexit__")


def _checked(awaitable: Any, method: str) -> Any:
    if is_awaitable(awaitable):
        return awaitable
    what = f"received an object from {method} that does not implement __await__: {type(awaitable).__name__}"
    raise TypeError(f"'async with' {what}")
