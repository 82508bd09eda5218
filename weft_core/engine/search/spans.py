"""Spans of index rows, and conditions made of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Span:
    """Rows that begin with ``prefix``, strictly between two keys."""

    prefix: str
    after: str | None = None
    before: str | None = None

    def holds(self, row: str) -> bool:
        return (
            row.startswith(self.prefix)
            and (self.after is None or row > self.after)
            and (self.before is None or row < self.before)
        )


@dataclass(frozen=True, slots=True)
class Condition:
    """Holds for a run that has a row in one of the spans."""

    spans: tuple[Span, ...]
    exact: bool
    """The rows of each span are in order of creation: after the prefix comes ``<created>/<id>``."""

    def fits(self, rows: Iterable[str]) -> bool:
        return any(span.holds(row) for row in rows for span in self.spans)


def is_text(value: Any) -> bool:
    """Whether this is text that can be part of a key."""
    try:
        return isinstance(value, str) and bool(value.encode() or True) and "\0" not in value
    except UnicodeEncodeError:
        return False


def end_of(row: str) -> str:
    """``<created>/<id>``, with which every index row ends. Ids hold no slash."""
    return row[max(0, row.rfind("/") - 12) :]
