"""What searches give back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Page:
    """One page of runs. ``cursor`` asks for the next page; None: there is none."""

    items: list[dict[str, Any]]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Aggregate:
    """How many runs there are of each kind.

    ``groups`` are ``{"key", "count"}``, the largest first; the key None counts runs that have none. A run with a list
    of texts is in the group of each of them. ``truncated``: there are more groups than the limit let in.
    """

    total: int
    groups: list[dict[str, Any]]
    truncated: bool
