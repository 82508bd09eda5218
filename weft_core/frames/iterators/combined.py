"""Stand-ins for product, permutations and combinations: a pool, and the indices of the last result."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any, ClassVar

from weft_core.frames.iterators.followed import Check, Followed, is_flag, stands_for


def _indices(x: Any) -> bool:
    return x is None or (type(x) is list and all(type(n) is int and n >= 0 for n in x))


class Combined(Followed):
    """``at`` is None before the first result; ``done`` after the last."""

    __slots__ = ()

    def __next__(self: Any) -> Any:
        if self.done:
            raise StopIteration
        if self.at is None:
            self.at = self.begin()
            if self.at is None or not self.can_begin():
                self.done = True
                raise StopIteration
        elif not self.advance():
            self.done = True
            raise StopIteration
        return self.result()


def _length(r: Any) -> int:
    if isinstance(r, bool) or not isinstance(r, int):
        r = operator.index(r)
    if r < 0:
        raise ValueError("r must be non-negative")
    return int(r)


@stands_for("product")
class Product(Combined):
    __slots__ = ("at", "done", "pools")
    checks: ClassVar[Mapping[str, Check]] = {
        "pools": lambda x: type(x) is list and all(type(p) is tuple for p in x), "at": _indices, "done": is_flag,
    }  # fmt: skip

    def __init__(self, *iterables: Any, repeat: int = 1) -> None:
        repeat = operator.index(repeat)
        if repeat < 0:
            raise ValueError("repeat argument cannot be negative")
        self.pools: list[tuple[Any, ...]] = [tuple(x) for x in iterables] * repeat if repeat else []
        self.at: list[int] | None = None
        self.done = False

    def begin(self) -> list[int]:
        return [0] * len(self.pools)

    def can_begin(self) -> bool:
        return all(self.pools)

    def advance(self) -> bool:
        at = self.at
        assert at is not None
        for i in reversed(range(len(at))):
            at[i] += 1
            if at[i] < len(self.pools[i]):
                return True
            at[i] = 0
        return False

    def result(self) -> tuple[Any, ...]:
        assert self.at is not None
        return tuple([pool[i] for pool, i in zip(self.pools, self.at, strict=True)])

    def is_sound(self) -> bool:
        if self.at is None or self.done:
            return True
        return len(self.at) == len(self.pools) and all(i < len(p) for i, p in zip(self.at, self.pools, strict=True))


class Chosen(Combined):
    """``r`` items out of one pool."""

    __slots__ = ("at", "done", "pool", "r")
    checks: ClassVar[Mapping[str, Check]] = {
        "pool": lambda x: type(x) is tuple, "r": lambda x: type(x) is int and x >= 0, "at": _indices, "done": is_flag,
    }  # fmt: skip

    def __init__(self, iterable: Any, r: int) -> None:
        self.pool, self.r = tuple(iterable), _length(r)
        self.at: list[int] | None = None
        self.done = False

    def begin(self) -> list[int] | None:
        return list(range(self.r)) if self.can_begin() else None

    def can_begin(self) -> bool:
        return self.r <= len(self.pool)

    def result(self) -> tuple[Any, ...]:
        assert self.at is not None
        return tuple([self.pool[i] for i in self.at])

    def is_sound(self) -> bool:
        at = self.at
        return at is None or self.done or (len(at) == self.r and all(i < len(self.pool) for i in at))


@stands_for("combinations")
class Combinations(Chosen):
    __slots__ = ()

    def advance(self) -> bool:
        at, n, r = self.at, len(self.pool), self.r
        assert at is not None
        for i in reversed(range(r)):
            if at[i] != i + n - r:
                at[i:] = range(at[i] + 1, at[i] + 1 + r - i)
                return True
        return False


@stands_for("combinations_with_replacement")
class CombinationsWithReplacement(Chosen):
    __slots__ = ()

    def begin(self) -> list[int] | None:
        return [0] * self.r if self.can_begin() else None

    def can_begin(self) -> bool:
        return bool(self.pool) or not self.r

    def advance(self) -> bool:
        at, n, r = self.at, len(self.pool), self.r
        assert at is not None
        for i in reversed(range(r)):
            if at[i] != n - 1:
                at[i:] = [at[i] + 1] * (r - i)
                return True
        return False


@stands_for("permutations")
class Permutations(Chosen):
    """``at`` is a permutation of all of the pool's indices, of which the first ``r`` are shown."""

    __slots__ = ("cycles",)
    checks: ClassVar[Mapping[str, Check]] = {**Chosen.checks, "cycles": _indices}

    def __init__(self, iterable: Any, r: int | None = None) -> None:
        pool = tuple(iterable)
        if r is not None and not isinstance(r, int):
            raise TypeError("Expected int as r")
        super().__init__(pool, len(pool) if r is None else r)
        self.cycles: list[int] | None = None

    def begin(self) -> list[int] | None:
        n = len(self.pool)
        self.cycles = list(range(n, n - self.r, -1))
        return list(range(n)) if self.can_begin() else None

    def advance(self) -> bool:
        at, cycles, n = self.at, self.cycles, len(self.pool)
        assert at is not None and cycles is not None
        for i in reversed(range(self.r)):
            cycles[i] -= 1
            if cycles[i]:
                j = n - cycles[i]
                at[i], at[j] = at[j], at[i]
                return True
            at[i:] = at[i + 1 :] + at[i : i + 1]
            cycles[i] = n - i
        return False

    def result(self) -> tuple[Any, ...]:
        assert self.at is not None
        return tuple([self.pool[i] for i in self.at[: self.r]])

    def is_sound(self) -> bool:
        at, cycles, n = self.at, self.cycles, len(self.pool)
        if at is None or self.done:
            return True
        fits = cycles is not None and len(cycles) == self.r and all(0 < c <= n - i for i, c in enumerate(cycles))
        return fits and sorted(at) == list(range(n))
