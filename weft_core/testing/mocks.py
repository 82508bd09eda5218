"""MockHandle: a fake in place of an activity's function. What is called, and what is answered."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec, Self, TypeVar, cast

from weft_core.errors import DefinitionError, MockUnansweredError
from weft_core.workflow import Activity
from weft_core.workflow.attempt import ActivityInfo, activity_info

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
Fake = Callable[P, T | Awaitable[T]]


@dataclass(frozen=True, slots=True)
class MockCall:
    """One attempt that a mock answered. ``info.attempt`` counts from 1 for each step."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    info: ActivityInfo


class MockHandle(Generic[P, T]):
    """Made by ``TestEngine.mock``. The activity keeps its retry policy and timeout.

    An answer is what ``returns_once`` and ``raises_once`` have queued, in that order, and then the standing one:
    ``returns``, ``raises``, or a function (``replace``). A function may be plain or ``async``.
    """

    def __init__(self, activity: Activity[..., Any], restore: Callable[[], None]) -> None:
        self.activity = activity.name
        self.calls: list[MockCall] = []
        self._declared = activity.fn
        self._restore = restore
        self._once: deque[Fake[P, T]] = deque()
        self._standing: Fake[P, T] | None = None

    @property
    def call_count(self) -> int:
        return len(self.calls)

    @property
    def last_call(self) -> MockCall | None:
        return self.calls[-1] if self.calls else None

    def returns(self, value: T) -> Self:
        """Answer ``value`` from now on."""
        self._standing = _returning(value)
        return self

    def returns_once(self, value: T) -> Self:
        """Answer ``value`` to the next call that has no answer queued yet."""
        self._once.append(_returning(value))
        return self

    def raises(self, error: BaseException) -> Self:
        """Fail from now on."""
        self._standing = _raising(error)
        return self

    def raises_once(self, error: BaseException) -> Self:
        """Fail the next call that has no answer queued yet."""
        self._once.append(_raising(error))
        return self

    def replace(self, fn: Fake[P, T]) -> Self:
        """Call ``fn`` from now on. One that cannot be called as the activity is: ``DefinitionError``."""
        _check_signature(self.activity, self._declared, fn)
        self._standing = fn
        return self

    def wrap(self, around: Callable[[Fake[P, T]], F]) -> F:
        """Put a function around the standing answer."""
        wrapped = around(self._standing or self._unanswered)
        self._standing = wrapped
        return wrapped

    def reset(self) -> Self:
        """Forget the calls, and the answers that are queued; the standing one stays."""
        self.calls.clear()
        self._once.clear()
        return self

    def restore(self) -> None:
        """Let the engine call the activity's own function again."""
        self._restore()

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """What the engine calls."""
        self.calls.append(MockCall(args, kwargs, activity_info()))
        answer = self._once.popleft() if self._once else self._standing or self._unanswered
        told = answer(*args, **kwargs)
        return cast(T, await told if inspect.isawaitable(told) else told)

    def _unanswered(self, *args: P.args, **kwargs: P.kwargs) -> T:
        raise MockUnansweredError(activity=self.activity)

    def __repr__(self) -> str:
        return f"<mock of activity {self.activity}, called {self.call_count} times>"


def _returning(value: T) -> Callable[..., T]:
    return lambda *args, **kwargs: value


def _raising(error: BaseException) -> Callable[..., Any]:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise error.with_traceback(None)

    return fail


def _check_signature(activity: str, declared: Callable[..., Any], fake: Callable[..., Any]) -> None:
    """The fake takes every call that the activity takes. ``ctx.run`` passes arguments by position."""
    if not callable(fake):
        raise DefinitionError(f"the fake of activity {activity} is {fake!r}, and not a function; see returns()")
    try:
        wanted, offered = inspect.signature(declared), inspect.signature(fake)
    except ValueError:  # a builtin that does not say
        return
    for count in _counts(wanted):
        try:
            offered.bind(*range(count))
        except TypeError:
            raise DefinitionError(f"the fake of activity {activity} takes {offered}, the activity {wanted}") from None


def _counts(signature: inspect.Signature) -> list[int]:
    """The fewest and the most arguments that may be passed by position; one more than are named for ``*args``."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    named = [p for p in signature.parameters.values() if p.kind in kinds]
    starred = any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in signature.parameters.values())
    return [sum(p.default is p.empty for p in named), len(named) + starred]
