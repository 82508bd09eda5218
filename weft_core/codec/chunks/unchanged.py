"""Telling, without writing them again, that values inside a chunk are what they were.

CPython has no way to ask whether a container was changed, so what it holds is compared with what it held. Only
identity counts: equal is not the same (``1 == True == 1.0``, a ``StrEnum`` member and its text). The comparisons run
in C, and none of the author's code runs.
"""

from __future__ import annotations

import dataclasses
import enum
import types
from collections.abc import Iterable, Sequence
from itertools import chain, compress, count
from operator import is_, is_not
from typing import Any

from weft_core.codec.registry import REGISTERED_TYPES
from weft_core.codec.types_stdlib import SINGLE_VALUES

_IMMUTABLE = SINGLE_VALUES | {tuple, frozenset, type, types.FunctionType, types.BuiltinFunctionType}
"""What these hold is written as values of their own, if it can change at all."""
_values = dict.values


def starts_with(values: Iterable[Any], first: Sequence[Any]) -> bool:
    """Whether ``values``, which are at least as many, begin with the very objects of ``first``."""
    return all(map(is_, values, first))


def first_difference(a: Sequence[Any], b: Sequence[Any]) -> int:
    """The first index at which two sequences hold different objects; the shorter length if there is none."""
    return next(compress(count(), map(is_not, a, b)), min(len(a), len(b)))


def common_end(a: Sequence[Any], b: Sequence[Any], most: int) -> int:
    """How many objects at their ends two sequences share, at most ``most``."""
    return min(most, next(compress(count(), map(is_not, reversed(a), reversed(b))), most))


def is_immutable(value: object) -> bool:
    """A value for which another one that is equal and of the same type will do, apart from what it holds."""
    t = type(value)
    return t in _IMMUTABLE or isinstance(value, (enum.Enum, type))


class Insides:
    """The containers inside some chunks, and what each held when it was written."""

    __slots__ = (
        "_dict_sizes",
        "_dicts",
        "_keys",
        "_list_items",
        "_list_sizes",
        "_lists",
        "_owned",
        "_owners",
        "_values",
    )

    def __init__(self) -> None:
        self._lists: list[list[Any]] = []
        self._list_sizes: list[int] = []
        self._list_items: list[Any] = []
        self._dicts: list[dict[Any, Any]] = []
        self._dict_sizes: list[int] = []
        self._keys: list[Any] = []
        self._values: list[Any] = []
        self._owners: list[Any] = []
        """Instances, each with its ``__dict__`` in ``_owned``: they may be given another."""
        self._owned: list[dict[str, Any]] = []

    def add(self, values: Iterable[Any]) -> bool:
        """Remember what these hold. False: one is of a kind whose changes cannot be seen from outside."""
        seen = True
        for value in values:
            t = type(value)
            if t is list:
                self._lists.append(value)
                self._list_sizes.append(len(value))
                self._list_items += value
            elif t is dict:
                self._add_dict(value)
            elif _keeps_all_in_its_dict(t):
                self._owners.append(value)
                self._owned.append(vars(value))
                self._add_dict(vars(value))
            elif not is_immutable(value):
                seen = False
        return seen

    def _add_dict(self, value: dict[Any, Any]) -> None:
        self._dicts.append(value)
        self._dict_sizes.append(len(value))
        self._keys += value
        self._values += value.values()

    def unchanged(self) -> bool:
        """Whether each still holds exactly the objects that it held."""
        lists, dicts = self._lists, self._dicts
        return (
            list(map(len, lists)) == self._list_sizes
            and list(map(len, dicts)) == self._dict_sizes
            and starts_with(chain.from_iterable(lists), self._list_items)
            and starts_with(chain.from_iterable(dicts), self._keys)
            and starts_with(chain.from_iterable(map(_values, dicts)), self._values)
            and starts_with(map(vars, self._owners), self._owned)
        )


_plain_dataclasses: dict[type, bool] = {}


def _keeps_all_in_its_dict(t: type) -> bool:
    """A dataclass whose instances have no other storage than their ``__dict__``."""
    known = _plain_dataclasses.get(t)
    if known is None:
        known = (
            dataclasses.is_dataclass(t)
            and t not in REGISTERED_TYPES
            and all("__slots__" not in vars(c) and c.__module__ != "builtins" for c in t.__mro__[:-1])
            and not any(hasattr(getattr(t, f.name, None), "__set__") for f in dataclasses.fields(t))
        )
        _plain_dataclasses[t] = known
    return known
