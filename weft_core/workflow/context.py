"""``ctx``: everything a workflow may ask of the engine. Its methods build operations and have no logic of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from weft_core import codec
from weft_core.errors import OperationMisuseError
from weft_core.model.durations import Duration, duration_ms, from_ms, instant_ms
from weft_core.model.operations import Group, Operation, RunActivity, SetAttributes, Sleep, WaitSignal
from weft_core.model.retry import AFTER_CRASHES_ONLY, RetryPolicy
from weft_core.model.run import RunState
from weft_core.ports import Clock, Ids
from weft_core.workflow.activity import Activity
from weft_core.workflow.definition import Query, Signal

T = TypeVar("T")
K = TypeVar("K")


class Context:
    """Given to a workflow as its first argument. In a checkpoint it is named, not stored.

    A method that returns an :class:`Operation` does nothing until that is awaited, or awaited as a branch of ``all`` or
    ``race``. The other methods act at once.
    """

    def __init__(self, clock: Clock, ids: Ids) -> None:
        self._clock, self._ids = clock, ids
        self._run: RunState

    # -- operations

    def run(
        self,
        activity: Activity[..., Any] | str,
        /,
        *args: Any,
        retry: RetryPolicy | None = None,
        timeout: Duration | None = None,
        idempotency_key: str | None = None,
    ) -> Operation[Any]:
        """Run an activity and get its value. Raises what its last attempt raised.

        That is ``ActivityTimeoutError`` if it took too long, ``ActivityInterruptedError`` if a crash cut it off, and
        ``ActivityFailedError`` for errors that a checkpoint cannot hold. ``timeout`` limits each attempt. The activity
        gets copies of ``args``.
        """
        name = activity if isinstance(activity, str) else getattr(activity, "name", None)
        if name is None:
            reason = f"{activity!r} is not an activity; decorate it with @activity, or use ctx.step"
            raise OperationMisuseError(operation="ctx.run", reason=reason)
        timeout_ms = None if timeout is None else duration_ms(timeout, "the timeout of ctx.run")
        return RunActivity(name, args, None, idempotency_key, retry, timeout_ms)

    def step(
        self,
        name: str,
        fn: Callable[..., Any],
        /,
        *args: Any,
        retry: RetryPolicy | None = None,
        timeout: Duration | None = None,
    ) -> Operation[Any]:
        """Run a function of the workflow's own as an activity: ``await ctx.step("price", lambda: quote(items))``.

        ``fn`` may be a lambda or nested function; it is stored with the checkpoint until its outcome is. An activity is
        run under its own name and policy, as by ``ctx.run``.
        """
        if not callable(fn):
            raise OperationMisuseError(operation=f"ctx.step({name!r})", reason=f"{fn!r} cannot be called")
        timeout_ms = None if timeout is None else duration_ms(timeout, "the timeout of ctx.step")
        if isinstance(fn, Activity):  # stored by its own name; the function under it has none that leads to it
            return RunActivity(fn.name, args, None, None, retry, timeout_ms)
        return RunActivity(name, args, fn, None, retry, timeout_ms)

    def memo(self, fn: Callable[..., T], /, *args: Any) -> Operation[T]:
        """Compute a value and record it. An error is final; a crash before it is recorded computes it again."""
        return RunActivity(getattr(fn, "__name__", "memo"), args, fn, None, AFTER_CRASHES_ONLY)

    def sleep(self, delay: Duration) -> Operation[None]:
        """Wait; never shorter than ``delay``, and longer if no engine is awake (G10)."""
        return Sleep(delay_ms=duration_ms(delay, "ctx.sleep"))

    def sleep_until(self, when: datetime | int | float) -> Operation[None]:
        """Wait until an aware datetime, or epoch seconds."""
        return Sleep(deadline_ms=instant_ms(when, "ctx.sleep_until"))

    def wait_for_signal(self, signal: Signal[T] | str, *, timeout: Duration | None = None) -> Operation[T]:
        """The payload of the oldest unconsumed signal of that name. After ``timeout``: ``SignalTimeoutError``."""
        timeout_ms = None if timeout is None else duration_ms(timeout, "the timeout of ctx.wait_for_signal")
        return WaitSignal(signal if isinstance(signal, str) else signal.name, timeout_ms)

    def all(self, branches: Sequence[Any] | Mapping[K, Any]) -> Operation[Any]:
        """Run branches side by side; their values in order (or by key). The first failure cancels the others.

        A branch is an operation or the call of a ``@durable`` function.
        """
        return _group("all", branches)

    def race(self, branches: Sequence[Any] | Mapping[K, Any]) -> Operation[Any]:
        """The value (or error) of the branch that ends first, the others cancelled. For a mapping: ``(key, value)``."""
        return _group("race", branches)

    def set_attribute(self, key: str, value: Any) -> Operation[None]:
        """Set a search attribute of this run."""
        return SetAttributes({key: value})

    def set_attributes(self, attributes: Mapping[str, Any]) -> Operation[None]:
        """Set several search attributes of this run."""
        return SetAttributes(dict(attributes))

    # -- at once

    def get_attribute(self, key: str, default: Any = None) -> Any:
        encoded = self._run.header.attributes.get(key)
        return default if encoded is None else codec.loads(encoded)

    def on_query(self, query: Query[Any] | str, handler: Callable[..., Any]) -> None:
        """Answer a query with ``handler(*args)``, a function of this workflow; it must neither write nor await (G9)."""
        self._run.queries[query if isinstance(query, str) else query.name] = handler

    def expose(self, name: str, value: Any) -> None:
        """Publish a value under ``name``: queries see it as it is now."""
        self._run.exposed[name] = codec.dumps(value)

    def log(self, message: str, /, **data: Any) -> None:
        """Add a line to the run's event log. It becomes visible with the next checkpoint."""
        self._run.logged.append((str(message), {k: codec.dumps(v) for k, v in data.items()}))

    def now(self) -> datetime:
        """The owner's clock, aware UTC."""
        return from_ms(self._clock.now_ms())

    def random(self) -> float:
        """A number in [0, 1)."""
        return self._ids.random()

    def uuid(self) -> UUID:
        """A random UUID (version 4)."""
        bits = 0
        for _ in range(4):
            bits = bits << 32 | int(self._ids.random() * (1 << 32))
        return UUID(int=bits, version=4)

    # -- facts

    @property
    def id(self) -> str:
        """The run's id."""
        return self._run.header.id

    @property
    def workflow_name(self) -> str:
        return self._run.header.workflow

    @property
    def version(self) -> str:
        return self._run.header.version

    @property
    def started_at(self) -> datetime:
        return from_ms(self._run.header.created_at)

    @property
    def idempotency_key(self) -> str | None:
        """The key the run was started with, if any."""
        return self._run.header.idempotency_key

    def __repr__(self) -> str:
        return f"<Context of {self.workflow_name} run {self.id}>"


def _group(mode: str, branches: Sequence[Any] | Mapping[Any, Any]) -> Group:
    if isinstance(branches, Mapping):
        return Group(mode, list(branches.values()), list(branches))
    if isinstance(branches, (list, tuple)):
        return Group(mode, list(branches))
    raise OperationMisuseError(operation=f"ctx.{mode}", reason="pass the branches as one list, tuple or dict")
