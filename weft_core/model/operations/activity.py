"""Run an activity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft_core.model.operations.base import Operation
from weft_core.model.retry import RetryPolicy


class RunActivity(Operation[Any]):
    """Run an activity by name, or (``ctx.step``, ``ctx.memo``) a function that the workflow's own code holds.

    What is None is as the activity declares it.
    """

    __slots__ = (
        "activity", "args", "fn", "headers", "heartbeat_ms", "idempotency_key", "keep", "queued", "retry",
        "timeout_ms", "total_timeout_ms",
    )  # fmt: skip
    kind = "activity"

    def __init__(
        self,
        activity: str,
        args: tuple[Any, ...],
        fn: Callable[..., Any] | None = None,
        idempotency_key: str | None = None,
        retry: RetryPolicy | None = None,
        timeout_ms: int | None = None,
        total_timeout_ms: int | None = None,
        heartbeat_ms: int | None = None,
        headers: dict[str, str] | None = None,
        queued: list[Any] | None = None,
        keep: str | None = None,
    ) -> None:
        """``queued`` is ``[queue, priority, key]``; its parts are settled when the operation begins. ``keep``: store
        the result as a blob under this key ("" for the number of the step); its reference takes its place."""
        self.activity, self.args, self.fn = activity, args, fn
        self.idempotency_key, self.retry, self.timeout_ms = idempotency_key, retry, timeout_ms
        self.total_timeout_ms, self.heartbeat_ms, self.headers = total_timeout_ms, heartbeat_ms, headers
        self.queued, self.keep = queued, keep

    def state(self) -> list[Any]:
        full = [
            self.activity, self.args, self.fn, self.idempotency_key, self.retry, self.timeout_ms,
            self.total_timeout_ms, self.heartbeat_ms, self.headers, self.queued, self.keep,
        ]  # fmt: skip
        while full[-1] is None:
            full.pop()
        return full

    def load(self, state: list[Any]) -> None:
        self.__init__(*state)  # type: ignore[misc]

    @property
    def label(self) -> str:
        return self.activity
