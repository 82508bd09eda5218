"""Streams as readers see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class StreamItem:
    """One entry of a stream. ``seq`` counts them from 1 without a gap.

    ``step`` is the step whose activity wrote it, 0 for the workflow itself. With ``reset`` it has no value: what that
    step has written so far is void, because its attempt failed; another attempt may write it anew.
    """

    seq: int
    value: Any
    step: int
    reset: bool = False


@dataclass(frozen=True, slots=True)
class StreamPage:
    """Entries of a stream in order; ``cursor`` is the ``after`` of the next page. ``ended``: none will follow."""

    items: list[StreamItem]
    cursor: int
    ended: bool


@dataclass(frozen=True, slots=True)
class StreamRef:
    """Names a stream: a small value that can be returned, kept and handed on."""

    run_id: str
    name: str
