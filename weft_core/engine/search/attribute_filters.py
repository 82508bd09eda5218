"""Conditions on search attributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from weft_core.engine.search.spans import Condition, Span, is_text
from weft_core.errors import InvalidFilterError, WeftError
from weft_core.machine import ordered
from weft_core.model import keys
from weft_core.workflow import SearchAttribute

OPERATORS = ("eq", "ne", "gt", "gte", "lt", "lte", "in", "prefix")


def attribute_conditions(attributes: Mapping[Any, Any]) -> list[Condition]:
    """``{"city": "Bern", "total": {"gte": 10, "lt": 20}, "country": ["CH", "AT"]}``: all of them must hold."""
    if not isinstance(attributes, Mapping):
        raise InvalidFilterError(filter="attributes", reason=f"{attributes!r} is not a dict of names and values")
    found: list[Condition] = []
    for key, wanted in attributes.items():
        name = key.name if isinstance(key, SearchAttribute) else key
        if not is_text(name):
            raise InvalidFilterError(filter="attributes", reason=f"the name {name!r} is not text")
        operators = wanted if isinstance(wanted, Mapping) else {"in" if isinstance(wanted, list) else "eq": wanted}
        if not operators or not {*operators} <= {*OPERATORS}:
            reason = f"{sorted(map(str, operators))} are not all operators; there are {', '.join(OPERATORS)}"
            raise InvalidFilterError(filter=f"attributes.{name}", reason=reason)
        found += _conditions(_Attribute(name, key if isinstance(key, SearchAttribute) else None), operators)
    return found


class _Attribute:
    """Rows of one attribute."""

    def __init__(self, name: str, declared: SearchAttribute[Any] | None) -> None:
        self.name, self._declared = name, declared
        self.rows = keys.by_name("attribute", name)

    def encode(self, value: Any) -> str:
        """``InvalidFilterError`` for a value by which nothing can be found."""
        text = ordered.encode(value)
        if text is None or not is_text(text):
            reason = f"{value!r} is no text, number, bool or aware datetime"
            raise InvalidFilterError(filter=f"attributes.{self.name}", reason=reason)
        if self._declared is not None:
            try:  # a list is found by its items
                self._declared.check([value] if self._declared.type == list[str] else value)
            except WeftError as error:
                raise InvalidFilterError(filter=f"attributes.{self.name}", reason=str(error)) from None
        return text


def _conditions(of: _Attribute, operators: Mapping[str, Any]) -> Iterator[Condition]:
    if "eq" in operators:
        yield _one_of(of, [operators["eq"]])
    if "in" in operators:
        yield _one_of(of, operators["in"])
    if "prefix" in operators:
        if not isinstance(operators["prefix"], str):
            raise InvalidFilterError(filter=f"attributes.{of.name}", reason="a prefix is text")
        yield Condition((Span(of.rows + of.encode(operators["prefix"])),), exact=False)
    if "ne" in operators:
        text = of.encode(operators["ne"])
        kind, row = of.rows + text[0], of.rows + text
        yield Condition((Span(kind, before=row + ordered.END), Span(kind, after=row + ordered.BEHIND)), exact=False)
    bounds = {name: of.encode(operators[name]) for name in ("gt", "gte", "lt", "lte") if name in operators}
    if bounds:
        yield _range(of, bounds)


def _one_of(of: _Attribute, values: Any) -> Condition:
    if not isinstance(values, (list, tuple, set, frozenset)):
        raise InvalidFilterError(filter=f"attributes.{of.name}", reason=f"in takes a list of values, not {values!r}")
    texts = dict.fromkeys(of.encode(value) for value in values)
    return Condition(tuple(Span(f"{of.rows}{text}{ordered.END}") for text in texts), exact=True)


def _range(of: _Attribute, bounds: Mapping[str, str]) -> Condition:
    kinds = {text[0] for text in bounds.values()}
    if len(kinds) > 1:
        raise InvalidFilterError(filter=f"attributes.{of.name}", reason="its bounds are of different types")
    after = [of.rows + text + mark for name, mark in _BELOW if (text := bounds.get(name))]
    before = [of.rows + text + mark for name, mark in _ABOVE if (text := bounds.get(name))]
    span = Span(of.rows + kinds.pop(), max(after, default=None), min(before, default=None))
    return Condition((span,), exact=False)


_BELOW = (("gte", ordered.END), ("gt", ordered.BEHIND))
_ABOVE = (("lt", ordered.END), ("lte", ordered.BEHIND))
