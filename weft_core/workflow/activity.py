"""Activities: functions with side effects. The engine runs them outside the workflow and records their outcome."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec, TypeVar, overload

from weft_core import codec
from weft_core.errors import DefinitionError
from weft_core.model.durations import Duration, duration_ms
from weft_core.model.retry import DEFAULT_RETRY, RetryPolicy

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(slots=True)  # not frozen: one is made for every attempt, and freezing costs as much as the rest of it
class ActivityInfo:
    """What an attempt may know of itself."""

    run_id: str
    workflow: str
    activity: str
    step: int
    attempt: int
    store_id: str
    chosen_key: str | None = None
    generation: int = 0
    """How often the run's id has begun anew, by a restart or a rewind."""

    @property
    def idempotency_key(self) -> str:
        """Equal over attempts, crashes, tabs and engines, different for each step and run (G5).

        Hand it to the receiver of the effect, and the effect happens once. ``ctx.run(..., idempotency_key=)`` sets it.
        """
        if self.chosen_key is not None:
            return self.chosen_key
        name = f"{self.store_id}|{self.run_id}|{self.step}" + (f"|{self.generation}" if self.generation else "")
        return hashlib.sha256(name.encode()).hexdigest()[:32]


_current: ContextVar[ActivityInfo] = ContextVar("weft_activity")


def activity_info() -> ActivityInfo:
    """The attempt that is running. Outside an activity: ``LookupError``."""
    try:
        return _current.get()
    except LookupError:
        raise LookupError("activity_info() works only while an engine runs an activity") from None


def enter_attempt(info: ActivityInfo) -> None:
    """Called by the engine in the attempt's own context."""
    _current.set(info)


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
        self.timeout_ms = None if timeout is None else duration_ms(timeout, f"the timeout of activity {self.name}")
        self.is_async = inspect.iscoroutinefunction(fn)
        self.__name__, self.__doc__, self.__wrapped__ = fn.__name__, fn.__doc__, fn
        self.__module__, self.__qualname__ = fn.__module__, fn.__qualname__
        codec.allow_module(fn.__module__)
        DECLARED.setdefault(self.name, {})[f"{fn.__module__}:{fn.__qualname__}"] = self

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.fn(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<activity {self.name}>"


@overload
def activity(fn: Callable[P, R], /) -> Activity[P, R]: ...
@overload
def activity(
    *, name: str | None = None, retry: RetryPolicy = DEFAULT_RETRY, timeout: Duration | None = None
) -> Callable[[Callable[P, R]], Activity[P, R]]: ...
def activity(
    fn: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    retry: RetryPolicy = DEFAULT_RETRY,
    timeout: Duration | None = None,
) -> Any:
    """Declare an activity: ``@activity`` or ``@activity(retry=RetryPolicy(max_attempts=5), timeout="30s")``.

    ``timeout`` limits each attempt. Without ``retry`` an activity is attempted 3 times, with exponential backoff.
    """
    if fn is not None:
        return Activity(fn)
    return lambda f: Activity(f, name, retry, timeout)
