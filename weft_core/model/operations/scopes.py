"""A limit of time for a stretch of a workflow's body."""

from __future__ import annotations

from typing import Any

from weft_core.errors import RunCancelled
from weft_core.model.operations.base import Operation


class OpenScope(Operation[None]):
    """From here on, until the matching :class:`CloseScope`, this line of control has ``delay_ms``."""

    __slots__ = ("delay_ms",)
    kind = "scope"

    def __init__(self, delay_ms: int) -> None:
        self.delay_ms = delay_ms


class CloseScope(Operation[None]):
    """The innermost scope of this line of control ends; ``cancelled`` says whether by a ``RunCancelled``."""

    __slots__ = ("cancelled",)
    kind = "end_scope"

    def __init__(self, cancelled: bool) -> None:
        self.cancelled = cancelled


class TimeoutScope:
    """``async with ctx.timeout("1 hour"):``"""

    __slots__ = ("delay_ms",)

    def __init__(self, delay_ms: int) -> None:
        self.delay_ms = delay_ms

    def __aenter__(self) -> Operation[None]:
        return OpenScope(self.delay_ms)

    def __aexit__(self, kind: type[BaseException] | None, *exc: Any) -> Operation[None]:
        return CloseScope(kind is not None and issubclass(kind, RunCancelled))
