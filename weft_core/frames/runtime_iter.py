"""Iteration in code that suspends: iterators whose position a checkpoint can store.

Most built-in iterators can tell their position (``__reduce__``). Those of dicts and sets cannot, so a loop that
suspends goes over them with an iterator of ours, which raises the same errors when the container changes.
"""

from __future__ import annotations

import gc
import inspect
import itertools
import types
from collections.abc import Iterator
from typing import Any, Literal

_Kind = Literal["keys", "values", "items"]
_EMPTY: Iterator[Any] = iter(())


class NextOnly:
    """An iterator without ``__iter__``, which is legal in a for loop."""

    __slots__ = ("it",)

    def __init__(self, it: Any) -> None:
        self.it = it

    def __iter__(self) -> NextOnly:
        return self

    def __next__(self) -> Any:
        return self.it.__next__()


class DictIter:
    """``for k in d``, ``d.items()``, ``d.values()``: ``n`` items are consumed, ``used`` was the size at the start.

    After a restore ``it`` is None until the loop goes on. The dict may have another size then, if a checkpoint was
    taken while an item was added that is removed again: only what the size is at the *next* step counts.
    """

    __slots__ = ("d", "it", "kind", "n", "used")

    def __init__(self, d: dict[Any, Any], kind: _Kind) -> None:
        self.d: dict[Any, Any] | None = d
        self.kind, self.used, self.n = kind, len(d), 0
        self.it: Iterator[Any] | None = iter(getattr(d, kind)())

    def __iter__(self) -> DictIter:
        return self

    def __next__(self) -> Any:
        it = self.it
        if it is None:
            it = self._rebind()
        try:
            value = next(it)
        except StopIteration:
            self.d, self.it = None, _EMPTY
            raise
        self.n += 1
        return value

    def _rebind(self) -> Iterator[Any]:
        assert self.d is not None
        if len(self.d) != self.used:
            self.it, self.used = DeadIter("dictionary changed size during iteration"), -1
            return self.it
        self.it = iter(getattr(self.d, self.kind)())
        for _ in itertools.islice(self.it, self.n):
            pass
        return self.it


class DeadIter:
    """An iterator over a dict or set that has changed its size: every step raises RuntimeError."""

    __slots__ = ("msg",)

    def __init__(self, msg: str) -> None:
        self.msg = msg

    def __iter__(self) -> DeadIter:
        return self

    def __next__(self) -> Any:
        raise RuntimeError(self.msg)


class SetIter:
    """Iteration over a set in the order it had when the loop began; ``rest`` is what is left, last first.

    A set that is restored has another order, hence the list.
    """

    __slots__ = ("rest", "set", "size")

    def __init__(self, s: set[Any] | frozenset[Any] | None, rest: list[Any], size: int) -> None:
        self.set, self.rest, self.size = s, rest, size

    def __iter__(self) -> SetIter:
        return self

    def __next__(self) -> Any:
        if self.set is None:
            raise StopIteration
        if len(self.set) != self.size:
            self.size = -1
            raise RuntimeError("Set changed size during iteration")
        if not self.rest:
            self.set = None
            raise StopIteration
        return self.rest.pop()


_VIEWS: dict[type, _Kind] = {type({}.keys()): "keys", type({}.values()): "values", type({}.items()): "items"}


FOLLOWED: dict[int, Any] = {}
"""id of something of itertools -> its stand-in, where this version of Python needs one."""


def rt_followed(value: Any) -> Any:
    """``itertools.chain`` of the author's code, or what stands in for it."""
    return FOLLOWED.get(id(value), value)


def rt_iter(x: Any) -> Any:
    """``iter(x)`` of a loop that suspends."""
    t = type(x)
    if t is dict:
        return DictIter(x, "keys")
    if t in _VIEWS:
        found = [d for d in gc.get_referents(x) if isinstance(d, dict)]
        if len(found) == 1 and type(found[0]) is dict:
            return DictIter(found[0], _VIEWS[t])
    elif t is set or t is frozenset:
        return SetIter(x, list(x)[::-1], len(x))
    it = iter(x)
    return it if hasattr(type(it), "__iter__") else NextOnly(it)


def rt_aiter(x: Any) -> Any:
    """``aiter(x)`` with the errors of ``async for``."""
    t = type(x)
    if not hasattr(t, "__aiter__"):
        raise TypeError(f"'async for' requires an object with __aiter__ method, got {t.__name__}")
    it = t.__aiter__(x)
    if not hasattr(type(it), "__anext__"):
        raise TypeError(
            f"'async for' received an object from __aiter__ that does not implement __anext__: {type(it).__name__}"
        )
    return it


def rt_anext(it: Any) -> Any:
    """The awaitable for the next item of an ``async for``."""
    step = type(it).__anext__(it)
    if type(step) is not types.CoroutineType and not is_awaitable(step):
        try:
            raise TypeError(f"object {type(step).__name__} can't be used in 'await' expression")
        except TypeError as error:
            raise TypeError(f"'async for' received an invalid object from __anext__: {type(step).__name__}") from error
    return step


def is_awaitable(o: Any) -> bool:
    """May ``o`` stand behind ``await``?"""
    if hasattr(type(o), "__await__"):
        return True
    return type(o) is types.GeneratorType and bool(o.gi_code.co_flags & inspect.CO_ITERABLE_COROUTINE)
