"""Change what lists and searches know of the run."""

from __future__ import annotations

from typing import Any

from weft_core.model.operations.base import Operation


class SetAttributes(Operation[None]):
    """Merge search attributes into the run's record; answered in the same turn."""

    __slots__ = ("attributes",)
    kind = "attribute"

    def __init__(self, attributes: dict[str, Any]) -> None:
        self.attributes = attributes

    def state(self) -> list[Any]:
        return [self.attributes]

    def load(self, state: list[Any]) -> None:
        (self.attributes,) = state
