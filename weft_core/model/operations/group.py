"""Branches that run side by side."""

from __future__ import annotations

from typing import Any

from weft_core.model.operations.base import Operation


class MapOver(Operation[Any]):
    """One branch for each item, at most ``concurrency`` at a time; a branch is made when its turn comes."""

    __slots__ = ("concurrency", "items", "maker")
    kind = "map"
    mode = "map"

    def __init__(self, maker: Any, items: list[Any], concurrency: int) -> None:
        self.maker, self.items, self.concurrency = maker, items, concurrency

    def state(self) -> list[Any]:
        return [self.maker, self.items, self.concurrency]

    def load(self, state: list[Any]) -> None:
        self.maker, self.items, self.concurrency = state

    @property
    def label(self) -> str:
        return getattr(self.maker, "__name__", "map")


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
