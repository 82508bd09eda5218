"""with_chaos: faults by chance, in one activity or in the whole engine."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Generic, Literal, ParamSpec, TypeVar, cast, get_args, overload

from weft_core.errors import ChaosError, ChaosTimeoutError, ChaosTransientError, InvalidInputError
from weft_core.testing.chance import Faults, checked_rate
from weft_core.testing.chaos import ENGINE_FAULTS, Chaos, EngineFault
from weft_core.testing.engine import TestEngine
from weft_core.testing.mocks import MockHandle
from weft_core.workflow import Activity
from weft_core.workflow.attempt import activity_info

P = ParamSpec("P")
T = TypeVar("T")

ActivityFault = Literal["transient", "timeout", "error", "delay"]
ACTIVITY_FAULTS: tuple[ActivityFault, ...] = get_args(ActivityFault)
_MOST_ROUNDS = 5


class ChaosFunction(Faults, Generic[P, T]):
    """A function that fails by chance. The engine may call it in place of an activity: ``engine.mock(charge, it)``."""

    def __init__(self, fn: Callable[..., Any], name: str, rate: float, faults: Sequence[str], seed: str | int) -> None:
        super().__init__(seed, faults)
        self._fn, self._name, self._rate = fn, name, checked_rate(rate, "rate")
        self.__signature__ = inspect.signature(fn)

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        fault = self._pick(self._kinds) if self._strikes(self._rate) else None
        if fault is not None:
            self.counts[fault] += 1
        facts = {"activity": self._name, "attempt": activity_info().attempt}
        if fault == "transient":
            raise ChaosTransientError(**facts)
        if fault == "error":
            raise ChaosError(**facts)
        if fault == "delay":
            for _ in range(self._pick(range(1, _MOST_ROUNDS + 1))):
                await asyncio.sleep(0)
        told = self._fn(*args, **kwargs)
        value = await told if inspect.isawaitable(told) else told
        if fault == "timeout":
            raise ChaosTimeoutError(**facts)
        return cast(T, value)


@overload
def with_chaos(  # an async activity is called for its awaited value
    target: Activity[P, Coroutine[Any, Any, T]],
    *,
    rate: float = ...,
    faults: Sequence[ActivityFault] = ...,
    seed: str | int = ...,
) -> ChaosFunction[P, T]: ...
@overload
def with_chaos(
    target: Activity[P, T] | MockHandle[P, T],
    *,
    rate: float = ...,
    faults: Sequence[ActivityFault] = ...,
    seed: str | int = ...,
) -> ChaosFunction[P, T]: ...
@overload
def with_chaos(
    target: TestEngine, *, rate: float = ..., faults: Sequence[EngineFault] = ..., seed: str | int = ...
) -> Chaos: ...
def with_chaos(target: Any, *, rate: float = 0.3, faults: Sequence[str] | None = None, seed: str | int = 1) -> Any:
    """Let faults happen in ``target`` with probability ``rate``; each is counted (``counts``, ``assert_happened``).

    An activity: a function for ``engine.mock(charge, with_chaos(charge))``. A mock: its answers get the faults.
    At a fault, one of ``faults`` happens: ``transient``, ``ChaosTransientError`` before the call, worth a retry;
    ``error``, ``ChaosError`` before the call, final; ``timeout``, ``ChaosTimeoutError`` *after* the call: the effect
    took place, its answer is lost; ``delay``, the outcome comes some rounds of the event loop later.

    A ``TestEngine`` that is not open yet: each of ``faults`` has that probability; see :class:`Chaos`.
    """
    if isinstance(target, TestEngine):
        kinds = _checked(faults, ENGINE_FAULTS)
        rates: dict[str, Any] = dict.fromkeys(kinds, rate)
        chaos = Chaos(seed=seed, **rates)
        target.use_chaos(chaos)
        return chaos
    kinds = _checked(faults, ACTIVITY_FAULTS)
    if isinstance(target, Activity):
        return ChaosFunction(target.fn, target.name, rate, kinds, seed)
    if isinstance(target, MockHandle):
        return target.wrap(lambda fn: ChaosFunction(fn, target.activity, rate, kinds, seed))
    raise InvalidInputError(call="with_chaos", reason=f"{target!r} is no activity, no mock and no TestEngine")


def _checked(faults: Sequence[str] | None, known: Sequence[str]) -> Sequence[str]:
    kinds = known if faults is None else tuple(faults)
    if not kinds or not set(kinds) <= set(known):
        raise InvalidInputError(call="with_chaos", reason=f"faults is {faults!r}; here it may hold {', '.join(known)}")
    return kinds
