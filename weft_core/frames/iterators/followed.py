"""Stand-ins for itertools whose state a checkpoint can hold.

CPython's own lose the way to tell their state (``__reduce__``) in 3.14; ``batched`` and ``pairwise`` never had one. So
restored iterators are these, and where CPython's own cannot be written, durable functions make these from the start
(:mod:`weft_core.frames.follow_iterators`). Each does what its original does, step for step, also when an exception
comes out of what it iterates over. The state is the slots.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

from weft_core.codec import register
from weft_core.codec.registry import slot_names
from weft_core.codec.wire import damaged
from weft_core.frames.live import FRAME_TYPES

Check = Callable[[Any], bool]


class Followed:
    """An iterator that is its slots. ``checks`` says what the slots of a restored one must be."""

    __slots__ = ()
    checks: ClassVar[Mapping[str, Check]] = {}
    # isinstance(x, itertools.chain) has the same answer for both
    __class__ = property(lambda self: ORIGINALS.get(type(self), type(self)))

    def __iter__(self) -> Any:
        return self

    def is_sound(self) -> bool:
        """Whether restored slots fit together."""
        return True


ORIGINALS: dict[type, type] = {}
STAND_INS: dict[str, type[Followed]] = {}
"""By the name in ``itertools``."""


def stands_for(name: str) -> Callable[[type[Any]], type[Any]]:
    """Make a class the stand-in for ``itertools.<name>``, also for ``isinstance``, and storable under that name."""

    def deco(cls: type[Any]) -> type[Any]:
        STAND_INS[name] = cls
        original = getattr(itertools, name, None)
        if isinstance(original, type):
            ORIGINALS[cls] = original
        return register(cls, name=f"itertools:{name}", get=_state, set=_fill)

    return deco


def _state(v: Any) -> list[Any]:
    return [getattr(v, n) for n in slot_names(type(v))]


def _fill(v: Any, state: Any) -> None:
    cls = type(v)
    names = slot_names(cls)
    if type(state) is not list or len(state) != len(names):
        raise damaged(f"not the state of an {cls.__name__} iterator")
    for n, x in zip(names, state, strict=True):
        check = cls.checks.get(n)
        if check is not None and not check(x):
            raise damaged(f"not the state of an {cls.__name__} iterator")
        setattr(v, n, x)
    if not v.is_sound():
        raise damaged(f"not the state of an {cls.__name__} iterator")


# ------------------------------------------------------------------ what slots may hold


def is_iterator(x: Any) -> bool:
    """True for iterators that are themselves their ``iter``. Registered ones are the author's affair."""
    return hasattr(type(x), "__next__") or type(x) in FRAME_TYPES


def iterator_or_none(x: Any) -> bool:
    return x is None or is_iterator(x)


def is_count(x: Any) -> bool:
    return type(x) is int and x >= 0


def count_or_none(x: Any) -> bool:
    return x is None or is_count(x)


def is_flag(x: Any) -> bool:
    return type(x) is bool


def is_list(x: Any) -> bool:
    return type(x) is list


# ------------------------------------------------------------------ endless ones


@stands_for("count")
class Count(Followed):
    __slots__ = ("step", "value")

    def __init__(self, start: Any = 0, step: Any = 1) -> None:
        for x in (start, step):
            if not hasattr(type(x), "__add__") or isinstance(x, (str, bytes, list, tuple)):
                raise TypeError("a number is required")
        self.value, self.step = start, step

    def __next__(self) -> Any:
        value = self.value
        self.value = value + self.step
        return value

    def __repr__(self) -> str:
        plain = type(self.step) is int and self.step == 1
        return f"count({self.value!r})" if plain else f"count({self.value!r}, {self.step!r})"


@stands_for("cycle")
class Cycle(Followed):
    """``first``: the items are kept as they come; after that ``it`` goes over ``saved`` again and again."""

    __slots__ = ("first", "it", "saved")
    checks: ClassVar[Mapping[str, Check]] = {"it": is_iterator, "saved": is_list, "first": is_flag}

    def __init__(self, iterable: Any, /) -> None:
        self.it: Iterator[Any] = iter(iterable)
        self.saved: list[Any] = []
        self.first = True

    def __next__(self) -> Any:
        try:
            item = next(self.it)
        except StopIteration:
            if not self.saved:
                raise
            self.it, self.first = iter(self.saved), False
            return next(self.it)
        if self.first:
            self.saved.append(item)
        return item


@stands_for("repeat")
class Repeat(Followed):
    __slots__ = ("left", "object")
    checks: ClassVar[Mapping[str, Check]] = {"left": count_or_none}

    def __init__(self, object: Any, times: int | None = None) -> None:
        self.object = object
        self.left = None if times is None else max(0, operator.index(times))

    def __next__(self) -> Any:
        if self.left is not None:
            if not self.left:
                raise StopIteration
            self.left -= 1
        return self.object

    def __length_hint__(self) -> int:
        if self.left is None:
            raise TypeError("len() of unsized object")
        return self.left

    def __repr__(self) -> str:
        return f"repeat({self.object!r})" if self.left is None else f"repeat({self.object!r}, {self.left})"


# ------------------------------------------------------------------ one after another, and parts


@stands_for("chain")
class Chain(Followed):
    __slots__ = ("active", "source")
    checks: ClassVar[Mapping[str, Check]] = {"active": iterator_or_none, "source": iterator_or_none}

    def __init__(self, *iterables: Any) -> None:
        self.source: Iterator[Any] | None = iter(iterables)
        self.active: Iterator[Any] | None = None

    @classmethod
    def from_iterable(cls, iterable: Any, /) -> Chain:
        made = cls()
        made.source = iter(iterable)
        return made

    def __next__(self) -> Any:
        while self.source is not None:
            if self.active is None:
                try:
                    self.active = iter(next(self.source))
                except BaseException:
                    self.source = None
                    raise
            try:
                return next(self.active)
            except StopIteration:
                self.active = None
        raise StopIteration


@stands_for("islice")
class Islice(Followed):
    __slots__ = ("it", "next", "seen", "step", "stop")
    checks: ClassVar[Mapping[str, Check]] = {
        "it": iterator_or_none, "next": is_count, "seen": is_count, "step": is_count, "stop": count_or_none,
    }  # fmt: skip

    def __init__(self, iterable: Any, /, *args: Any) -> None:
        if not 1 <= len(args) <= 3:
            raise TypeError(f"islice expected {'at least 2' if not args else 'at most 4'} arguments")
        s = slice(*args)
        whole = "must be None or an integer: 0 <= x <= sys.maxsize."
        self.next = _index(s.start, 0, f"Indices for islice() {whole}")
        self.stop = _index(s.stop, None, f"Stop argument for islice() {whole}")
        self.step = _index(s.step, 1, "Step for islice() must be a positive integer or None.")
        if not self.step:
            raise ValueError("Step for islice() must be a positive integer or None.")
        self.it: Iterator[Any] | None = iter(iterable)
        self.seen = 0

    def __next__(self) -> Any:
        it, stop = self.it, self.stop
        if it is None:
            raise StopIteration
        try:
            while self.seen < self.next:
                next(it)
                self.seen += 1
            if stop is not None and self.seen >= stop:
                raise StopIteration
            item = next(it)
        except BaseException:
            self.it = None
            raise
        self.seen += 1
        self.next += self.step
        if stop is not None and self.next > stop:
            self.next = stop
        return item


def _index(x: Any, otherwise: Any, message: str) -> Any:
    if x is None:
        return otherwise
    try:
        value = operator.index(x)
    except TypeError:
        raise ValueError(message) from None
    if value < 0:
        raise ValueError(message)
    return value


@stands_for("takewhile")
class TakeWhile(Followed):
    __slots__ = ("done", "it", "predicate")
    checks: ClassVar[Mapping[str, Check]] = {"it": is_iterator, "done": is_flag}

    def __init__(self, predicate: Any, iterable: Any, /) -> None:
        self.predicate, self.it, self.done = predicate, iter(iterable), False

    def __next__(self) -> Any:
        if not self.done:
            item = next(self.it)
            if self.predicate(item):
                return item
            self.done = True
        raise StopIteration


@stands_for("dropwhile")
class DropWhile(Followed):
    __slots__ = ("begun", "it", "predicate")
    checks: ClassVar[Mapping[str, Check]] = {"it": is_iterator, "begun": is_flag}

    def __init__(self, predicate: Any, iterable: Any, /) -> None:
        self.predicate, self.it, self.begun = predicate, iter(iterable), False

    def __next__(self) -> Any:
        while True:
            item = next(self.it)
            if self.begun:
                return item
            if not self.predicate(item):
                self.begun = True
                return item


@stands_for("filterfalse")
class FilterFalse(Followed):
    __slots__ = ("it", "predicate")
    checks: ClassVar[Mapping[str, Check]] = {"it": is_iterator}

    def __init__(self, predicate: Any, iterable: Any, /) -> None:
        self.predicate, self.it = predicate, iter(iterable)

    def __next__(self) -> Any:
        predicate = self.predicate
        while True:
            item = next(self.it)
            if not (item if predicate is None or predicate is bool else predicate(item)):
                return item


@stands_for("compress")
class Compress(Followed):
    __slots__ = ("data", "selectors")
    checks: ClassVar[Mapping[str, Check]] = {"data": is_iterator, "selectors": is_iterator}

    def __init__(self, data: Any, selectors: Any) -> None:
        self.data, self.selectors = iter(data), iter(selectors)

    def __next__(self) -> Any:
        while True:
            item = next(self.data)
            if next(self.selectors):
                return item


# ------------------------------------------------------------------ computed


@stands_for("starmap")
class StarMap(Followed):
    __slots__ = ("function", "it")
    checks: ClassVar[Mapping[str, Check]] = {"it": is_iterator}

    def __init__(self, function: Any, iterable: Any, /) -> None:
        self.function, self.it = function, iter(iterable)

    def __next__(self) -> Any:
        return self.function(*next(self.it))


@stands_for("accumulate")
class Accumulate(Followed):
    """``total`` is the last item that was given, if ``begun``."""

    __slots__ = ("begun", "func", "initial", "it", "total")
    checks: ClassVar[Mapping[str, Check]] = {"it": is_iterator, "begun": is_flag}

    def __init__(self, iterable: Any, func: Any = None, *, initial: Any = None) -> None:
        self.it, self.func, self.initial = iter(iterable), func, initial
        self.begun, self.total = False, None

    def __next__(self) -> Any:
        if self.initial is not None:
            self.total, self.initial, self.begun = self.initial, None, True
            return self.total
        item = next(self.it)
        if self.begun:
            item = self.total + item if self.func is None else self.func(self.total, item)
        self.total, self.begun = item, True
        return item


@stands_for("pairwise")
class Pairwise(Followed):
    """``old`` is the last item that was taken, if ``begun``."""

    __slots__ = ("begun", "it", "old")
    checks: ClassVar[Mapping[str, Check]] = {"it": iterator_or_none, "begun": is_flag}

    def __init__(self, iterable: Any, /) -> None:
        self.it: Iterator[Any] | None = iter(iterable)
        self.begun, self.old = False, None

    def __next__(self) -> Any:
        if self.it is None:
            raise StopIteration
        try:
            if not self.begun:
                self.old, self.begun = next(self.it), True
            new = next(self.it)
        except BaseException:
            self.it, self.begun, self.old = None, False, None
            raise
        pair, self.old = (self.old, new), new
        return pair


@stands_for("batched")
class Batched(Followed):
    __slots__ = ("it", "n", "strict")
    checks: ClassVar[Mapping[str, Check]] = {"it": iterator_or_none, "n": is_count, "strict": is_flag}

    def __init__(self, iterable: Any, n: int, *, strict: bool = False) -> None:
        n = operator.index(n)
        if n < 1:
            raise ValueError("n must be at least one")
        self.it: Iterator[Any] | None = iter(iterable)
        self.n, self.strict = n, bool(strict)

    def __next__(self) -> Any:
        if self.it is None:
            raise StopIteration
        try:
            batch = tuple(itertools.islice(self.it, self.n))
        except BaseException:
            self.it = None
            raise
        if len(batch) < self.n:
            self.it = None
            if not batch:
                raise StopIteration
            if self.strict:
                raise ValueError("batched(): incomplete batch")
        return batch


@stands_for("zip_longest")
class ZipLongest(Followed):
    """``its`` has None where an iterator has ended."""

    __slots__ = ("active", "fillvalue", "its")
    checks: ClassVar[Mapping[str, Check]] = {
        "its": lambda x: type(x) is list and all(map(iterator_or_none, x)), "active": is_count,
    }  # fmt: skip

    def __init__(self, *iterables: Any, fillvalue: Any = None) -> None:
        self.its: list[Iterator[Any] | None] = [iter(x) for x in iterables]
        self.active, self.fillvalue = len(self.its), fillvalue

    def __next__(self) -> Any:
        if not self.active:
            raise StopIteration
        out = []
        for i, it in enumerate(self.its):
            if it is None:
                out.append(self.fillvalue)
                continue
            try:
                out.append(next(it))
            except StopIteration:
                self.active -= 1
                if not self.active:
                    raise
                self.its[i] = None
                out.append(self.fillvalue)
            except BaseException:
                self.active = 0
                raise
        return tuple(out)
