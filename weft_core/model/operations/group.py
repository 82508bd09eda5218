"""Branches that run side by side."""

from __future__ import annotations

from typing import Any

from weft_core.model.operations.base import Operation


class Group(Operation[Any]):
    """Branches that run side by side: operations or durable coroutines. ``mode`` is "all" or "race"."""

    __slots__ = ("branches", "keys", "mode")
    kind = "group"

    def __init__(self, mode: str, branches: list[Any], keys: list[Any] | None = None) -> None:
        self.mode, self.branches, self.keys = mode, branches, keys

    def state(self) -> list[Any]:
        return [self.mode, self.branches, self.keys]

    def load(self, state: list[Any]) -> None:
        self.mode, self.branches, self.keys = state

    @property
    def label(self) -> str:
        return self.mode
