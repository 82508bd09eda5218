"""Work with side effects: run, step, memo."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from weft_core.errors import OperationMisuseError
from weft_core.model.durations import Duration, duration_ms
from weft_core.model.operations import Operation, RunActivity
from weft_core.model.queues import Queue, check_priority
from weft_core.model.retry import AFTER_CRASHES_ONLY, RetryPolicy
from weft_core.workflow.activity import Activity
from weft_core.workflow.context.facts import Facts

T = TypeVar("T")


class Activities(Facts):
    """Operations that run activities."""

    def run(
        self,
        activity: Activity[..., Any] | str,
        /,
        *args: Any,
        retry: RetryPolicy | None = None,
        timeout: Duration | None = None,
        total_timeout: Duration | None = None,
        heartbeat_timeout: Duration | None = None,
        idempotency_key: str | None = None,
        queue: str | Queue | None = None,
        priority: int | None = None,
        key: str | None = None,
    ) -> Operation[Any]:
        """Run an activity and get its value. Raises what its last attempt raised.

        That is ``ActivityTimeoutError`` (or one of its kinds) if it took too long, ``ActivityInterruptedError`` if a
        crash cut it off, ``ActivityIndeterminateError`` if ``verify`` cannot tell what it did, and
        ``ActivityFailedError`` for errors that a checkpoint cannot hold. The activity gets copies of ``args``.

        The options stand in for those that the activity declares. ``timeout`` limits each attempt, ``total_timeout``
        all attempts and the waits between them, ``heartbeat_timeout`` the silence between two heartbeats.

        In a ``queue`` each attempt waits for its turn: higher ``priority`` first (0 if not given), and then fairly by
        ``key``, which the queue may limit too. ``timeout`` counts from the start of the attempt, ``total_timeout`` from
        the call. A queue that the engine does not declare holds the run (``QueueNotDeclaredError``).
        """
        name = activity if isinstance(activity, str) else getattr(activity, "name", None)
        if name is None:
            reason = f"{activity!r} is not an activity; decorate it with @activity, or use ctx.step"
            raise OperationMisuseError(operation="ctx.run", reason=reason)
        if timeout is None and total_timeout is None and heartbeat_timeout is None:
            op = RunActivity(name, args, None, idempotency_key, retry)
        else:
            op = RunActivity(
                name, args, None, idempotency_key, retry, _ms(timeout, "timeout of ctx.run"),
                _ms(total_timeout, "total_timeout of ctx.run"), _ms(heartbeat_timeout, "heartbeat_timeout of ctx.run"),
            )  # fmt: skip
        if queue is not None or priority is not None or key is not None:
            op.queued = _queued(queue, priority, key)
        return op

    def step(
        self,
        name: str,
        fn: Callable[..., Any],
        /,
        *args: Any,
        retry: RetryPolicy | None = None,
        timeout: Duration | None = None,
        total_timeout: Duration | None = None,
        heartbeat_timeout: Duration | None = None,
    ) -> Operation[Any]:
        """Run a function of the workflow's own as an activity: ``await ctx.step("price", lambda: quote(items))``.

        ``fn`` may be a lambda or nested function; it is stored with the checkpoint until its outcome is. An activity is
        run under its own name and policy, as by ``ctx.run``.
        """
        if not callable(fn):
            raise OperationMisuseError(operation=f"ctx.step({name!r})", reason=f"{fn!r} cannot be called")
        limits = (
            _ms(timeout, "timeout of ctx.step"), _ms(total_timeout, "total_timeout of ctx.step"),
            _ms(heartbeat_timeout, "heartbeat_timeout of ctx.step"),
        )  # fmt: skip
        if isinstance(fn, Activity):  # stored by its own name; the function under it has none that leads to it
            return RunActivity(fn.name, args, None, None, retry, *limits)
        return RunActivity(name, args, fn, None, retry, *limits)

    def memo(self, fn: Callable[..., T], /, *args: Any) -> Operation[T]:
        """Compute a value and record it. An error is final; a crash before it is recorded computes it again."""
        return RunActivity(getattr(fn, "__name__", "memo"), args, fn, None, AFTER_CRASHES_ONLY)


def _queued(queue: str | Queue | None, priority: int | None, key: str | None) -> list[Any]:
    if priority is not None:
        check_priority(priority)
    return [queue.name if isinstance(queue, Queue) else queue, priority, key]


def _ms(value: Duration | None, option: str) -> int | None:
    return None if value is None else duration_ms(value, f"the {option}")
