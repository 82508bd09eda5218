"""Search attributes with a name and a type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from weft_core import codec
from weft_core.errors import DefinitionError, InvalidInputError
from weft_core.machine import marks

T = TypeVar("T")


class SearchAttribute(Generic[T]):
    """A value by which runs are found: ``city = search_attribute("city", str)``.

    The type is ``str``, ``int``, ``float``, ``bool``, ``datetime`` (aware) or ``list[str]``. Used where runs are
    started, in ``ctx.set_attribute`` and in filters; a value of another type is an ``InvalidAttributeError``.
    """

    __slots__ = ("name", "type")

    def __init__(self, name: str, type: type[T]) -> None:
        if type not in marks.TYPES:
            allowed = "str, int, float, bool, datetime or list[str]"
            raise DefinitionError(f"search attribute {name!r} cannot be of type {type!r}; use {allowed}")
        if not isinstance(name, str) or not name:
            raise DefinitionError(f"{name!r} cannot name a search attribute: it must be non-empty text")
        self.name, self.type = name, type

    def check(self, value: T | None) -> None:
        """``InvalidAttributeError`` for a value of another type; None, which removes an attribute, is of every type."""
        if value is not None:
            marks.check_type(self.name, value, self.type)

    def __repr__(self) -> str:
        return f"search_attribute({self.name!r}, {getattr(self.type, '__name__', self.type)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SearchAttribute) and (other.name, other.type) == (self.name, self.type)

    def __hash__(self) -> int:
        return hash((SearchAttribute, self.name))


search_attribute = SearchAttribute
codec.register(
    SearchAttribute,
    name="weft:search-attribute",
    get=lambda a: [a.name, marks.TYPES.index(a.type)],
    new=lambda state: SearchAttribute(state[0], marks.TYPES[state[1]]),
)


def by_name(values: Any) -> dict[str, Any]:
    """Values that are given by attribute or by name, by name; those of a :class:`SearchAttribute` are checked."""
    if not isinstance(values, Mapping):
        raise InvalidInputError(call="attributes", reason=f"{values!r} is not a dict of names and values")
    found = {}
    for key, value in values.items():
        if isinstance(key, SearchAttribute):
            key.check(value)
            found[key.name] = value
        else:
            found[key] = value
    return found
