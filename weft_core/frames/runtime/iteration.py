"""Iteration in code that suspends: iterators whose position a checkpoint can store.

Most built-in iterators can tell their position (``__reduce__``). Those of dicts and sets cannot, so a loop that
suspends goes over them with an iterator of ours, which raises the same errors when the container changes.
"""

from __future__ import annotations

import collections
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
    """``for k in d``, ``d.items()``, ``d.values()``: ``n`` items are given, ``used`` was the size at the start.

    CPython's iterator stands at a slot, which nothing tells. What a checkpoint holds is how many of the dict's keys lie
    before it: not always ``n``, for keys that were given may be gone, or back again at the end. The dict may also have
    another size for a while, if a key is away that is put back; only what the size is at the *next* step counts. Then
    the keys that were given say where the iterator stands.
    """

    __slots__ = ("d", "given", "it", "kind", "n", "used")

    def __init__(self, d: dict[Any, Any], kind: _Kind) -> None:
        self.d: dict[Any, Any] | None = d
        self.kind, self.used, self.n = kind, len(d), 0
        self.given: list[Any] = []
        self.it: Iterator[Any] | None = iter(d if kind == "keys" else d.items())

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
        if self.n == self.used:  # CPython's own would know, but a new one at the same place counts anew
            self.d, self.it = None, _EMPTY
            raise RuntimeError("dictionary keys changed during iteration")
        self.n += 1
        if self.kind == "keys":
            self.given.append(value)
            return value
        self.given.append(value[0])
        return value if self.kind == "items" else value[1]

    def before(self) -> int:
        """How many of the dict's keys lie before the place where the iterator stands."""
        d, it = self.d, self.it
        assert d is not None
        if it is None or len(d) != self.used:
            return _passed(d, self.given)
        try:
            return len(d) - len(it.__reduce__()[1][0])
        except RuntimeError:  # more keys follow than it will give: see which it gives, and stand there again
            place = self._look(it)
            self.stand(place)
            return place

    def _look(self, it: Iterator[Any]) -> int:
        assert self.d is not None
        following = next(it, None) if self.n < self.used else None
        if following is None:
            return len(self.d) - 1  # it gives no more: anywhere before the last is right
        key = following if self.kind == "keys" else following[0]
        return next(i for i, k in enumerate(self.d) if k is key)

    def stand(self, before: int) -> None:
        """Stand behind this many keys of the dict as it is now; if it has another size, as soon as it has its own."""
        assert self.d is not None
        self.given, self.it = list(itertools.islice(self.d, before)), None
        if len(self.d) == self.used:
            self._rebind()

    def _rebind(self) -> Iterator[Any]:
        d = self.d
        assert d is not None
        if len(d) != self.used:
            self.it, self.used = DeadIter("dictionary changed size during iteration"), -1
            return self.it
        self.it = iter(d if self.kind == "keys" else d.items())
        for _ in itertools.islice(self.it, _passed(d, self.given)):
            pass
        return self.it


def _passed(d: dict[Any, Any], given: list[Any]) -> int:
    """How many keys at the beginning of ``d`` were given, in this order: those are where they were."""
    rest = iter(given)
    count = 0
    for key in d:
        if not any(key is k for k in rest):
            break
        count += 1
    return count


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


class DequeIter:
    """Iteration over a deque. CPython's iterator notices any change, and does not tell whether it has seen one."""

    __slots__ = ("backwards", "d", "it", "n")

    def __init__(self, d: collections.deque[Any], backwards: bool) -> None:
        self.d, self.backwards = d, backwards
        self.stand(0)

    def stand(self, n: int) -> None:
        """Stand behind ``n`` items of the deque as it is now."""
        self.n = n
        self.it: Iterator[Any] = DEQUE_ITERATORS[self.backwards](self.d, n)

    def __iter__(self) -> DequeIter:
        return self

    def __next__(self) -> Any:
        value = next(self.it)
        self.n += 1
        return value

    def place(self) -> int | str:
        """How many items were given; or the error, if the deque has changed."""
        if type(self.it) is DeadIter:
            return self.it.msg
        try:
            next(self.it)
        except StopIteration:
            pass  # it stands behind the last item, and would still notice a change
        except RuntimeError as error:
            self.it = DeadIter(str(error))
            return str(error)
        self.stand(self.n)
        return self.n


DEQUE_ITERATORS: tuple[Any, Any] = (type(iter(collections.deque())), type(reversed(collections.deque())))
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
    elif t is collections.deque:
        return DequeIter(x, False)
    elif t is DEQUE_ITERATORS[1]:
        _, (items, at) = x.__reduce__()
        if at == 0:
            return DequeIter(items, True)
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
