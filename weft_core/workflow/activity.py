"""Activities: functions with side effects. The engine runs them outside the workflow and records their outcome."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Generic, ParamSpec, TypeVar, overload

from weft_core import codec
from weft_core.errors import DefinitionError
from weft_core.model.durations import Duration, duration_ms
from weft_core.model.queues import Queue, check_priority, check_queue_name
from weft_core.model.retry import DEFAULT_RETRY, RetryPolicy
from weft_core.model.verdicts import Verdict

P = ParamSpec("P")
R = TypeVar("R")
Verify = Callable[..., Verdict | type[Verdict] | Awaitable[Verdict | type[Verdict]]]

DECLARED: dict[str, dict[str, Activity[..., Any]]] = {}
"""Every activity of this process: by name, and then by where it was written, so that a reload replaces it."""


class Activity(Generic[P, R]):
    """A named function with a retry policy. Calling it runs the function directly, as a unit test would."""

    def __init__(
        self,
        fn: Callable[P, R],
        name: str | None = None,
        retry: RetryPolicy = DEFAULT_RETRY,
        timeout: Duration | None = None,
        total_timeout: Duration | None = None,
        heartbeat_timeout: Duration | None = None,
        idempotency_key: Callable[..., str] | None = None,
        verify: Verify | None = None,
        queue: str | Queue | None = None,
        priority: int | None = None,
        key: str | Callable[..., Any] | None = None,
        transactional: bool = False,
    ) -> None:
        if not callable(fn):
            raise DefinitionError(f"@activity needs a function, got {fn!r}")
        if not isinstance(retry, RetryPolicy):
            raise DefinitionError(
                f"retry= of an activity is a RetryPolicy, not {retry!r}; RetryPolicy(max_attempts=1) is once"
            )
        self.fn = fn
        self.name = name or fn.__name__
        self.retry = retry
        self.timeout_ms = self._ms(timeout, "timeout")
        self.total_timeout_ms = self._ms(total_timeout, "total_timeout")
        self.heartbeat_ms = self._ms(heartbeat_timeout, "heartbeat_timeout")
        self.key_of = self._function(idempotency_key, "idempotency_key")
        self.verify = self._function(verify, "verify")
        self.queue = queue.name if isinstance(queue, Queue) else queue
        if self.queue is not None:
            check_queue_name(self.queue)
        elif priority is not None or key is not None:
            raise DefinitionError(f"priority= and key= of activity {self.name} are for those with a queue=")
        if priority is not None:
            check_priority(priority)
        self.priority = priority
        self.key = key if isinstance(key, str) else self._function(key, "key")
        self.is_async = inspect.iscoroutinefunction(fn)
        self.transactional = transactional
        if transactional and (self.is_async or heartbeat_timeout is not None or verify is not None):
            raise DefinitionError(
                f"transactional activity {self.name} is a plain function without heartbeat_timeout= and verify=: the "
                "store's one writer waits for it, and its effect and its record are one"
            )
        self.__name__, self.__doc__, self.__wrapped__ = fn.__name__, fn.__doc__, fn
        self.__module__, self.__qualname__ = fn.__module__, fn.__qualname__
        codec.allow_module(fn.__module__)
        DECLARED.setdefault(self.name, {})[f"{fn.__module__}:{fn.__qualname__}"] = self

    def _ms(self, value: Duration | None, option: str) -> int | None:
        return None if value is None else duration_ms(value, f"the {option} of activity {self.name}")

    def _function(self, value: Any, option: str) -> Any:
        if value is not None and not callable(value):
            raise DefinitionError(f"{option}= of activity {self.name} is a function of its arguments, not {value!r}")
        return value

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.fn(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<activity {self.name}>"


@overload
def activity(fn: Callable[P, R], /) -> Activity[P, R]: ...
@overload
def activity(
    *,
    name: str | None = None,
    retry: RetryPolicy = DEFAULT_RETRY,
    timeout: Duration | None = None,
    total_timeout: Duration | None = None,
    heartbeat_timeout: Duration | None = None,
    idempotency_key: Callable[..., str] | None = None,
    verify: Verify | None = None,
    queue: str | Queue | None = None,
    priority: int | None = None,
    key: str | Callable[..., Any] | None = None,
    transactional: bool = False,
) -> Callable[[Callable[P, R]], Activity[P, R]]: ...
def activity(fn: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Declare an activity: ``@activity`` or ``@activity(retry=RetryPolicy(max_attempts=5), timeout="30s")``.

    ``timeout`` limits each attempt, ``total_timeout`` all attempts and the waits between them, ``heartbeat_timeout``
    the silence between two heartbeats (:meth:`ActivityInfo.heartbeat`). Without ``retry`` an activity is attempted 3
    times, with exponential backoff. ``idempotency_key(*args)`` gives the key by which the receiver of the effect knows
    it again. ``verify(*args)`` says, when an attempt was cut off, whether it took effect: :class:`Done`,
    :class:`NotDone` or :class:`Unknown`. ``queue``, ``priority`` and ``key`` (text, or a function of the arguments) are
    as in :meth:`Context.run`.

    ``transactional``: a plain function whose first argument is a transaction of the store (SQLite); what it does there
    and the record of its outcome are committed together. ``ctx.run`` passes the arguments after it.
    """
    if fn is not None:
        return Activity(fn)
    return lambda f: Activity(f, **options)
