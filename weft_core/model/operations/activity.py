"""Run an activity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft_core.model.operations.base import Operation
from weft_core.model.retry import RetryPolicy


class RunActivity(Operation[Any]):
    """Run an activity by name, or (``ctx.step``, ``ctx.memo``) a function that the workflow's own code holds."""

    __slots__ = ("activity", "args", "fn", "idempotency_key", "retry", "timeout_ms")
    kind = "activity"

    def __init__(
        self,
        activity: str,
        args: tuple[Any, ...],
        fn: Callable[..., Any] | None = None,
        idempotency_key: str | None = None,
        retry: RetryPolicy | None = None,
        timeout_ms: int | None = None,
    ) -> None:
        self.activity, self.args, self.fn = activity, args, fn
        self.idempotency_key, self.retry, self.timeout_ms = idempotency_key, retry, timeout_ms

    def state(self) -> list[Any]:
        full = [self.activity, self.args, self.fn, self.idempotency_key, self.retry, self.timeout_ms]
        while full[-1] is None:
            full.pop()
        return full

    def load(self, state: list[Any]) -> None:
        self.__init__(*state)  # type: ignore[misc]

    @property
    def label(self) -> str:
        return self.activity
