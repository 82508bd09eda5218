"""Attempts in flight: calling activities, limiting their time, cancelling them, and handing in their outcome."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Coroutine
from typing import Any

from weft_core import codec
from weft_core.engine.eager import EagerStarter
from weft_core.engine.registry import Registry
from weft_core.errors import ActivityFailedError, ActivityTimeoutError, PayloadTooLargeError
from weft_core.machine.effects import StartAttempt
from weft_core.model.limits import Limits
from weft_core.model.messages import ActivityOutcome
from weft_core.ports import Host
from weft_core.workflow.activity import ActivityInfo, enter_attempt

Deliver = Callable[[str, ActivityOutcome], None]
_SCALARS = frozenset({int, str, float, bool, bytes, type(None)})


class Attempts:
    """The activities that run right now, by run and step."""

    def __init__(self, registry: Registry, host: Host, limits: Limits, store_id: str, deliver: Deliver) -> None:
        self._registry, self._host, self._limits = registry, host, limits
        self._store_id, self._deliver = store_id, deliver
        self._loop = asyncio.get_running_loop()
        self._starter = EagerStarter(self._loop)
        self._in_flight: dict[tuple[str, int], _Attempt] = {}

    def start(self, effect: StartAttempt) -> None:
        """Begin one attempt. Its outcome is delivered exactly once, unless it is stopped first."""
        attempt = _Attempt(effect)
        self._in_flight[effect.run_id, effect.step] = attempt
        done = functools.partial(self._done, attempt)
        try:
            coro = self._call(effect)
        except Exception as error:
            done(error, None)
            return
        attempt.task = self._starter.start(coro, done, functools.partial(enter_attempt, self._info(effect)))
        if attempt.task is not None and effect.timeout_ms is not None:
            attempt.timer = self._loop.call_later(effect.timeout_ms / 1000, self._timed_out, attempt)

    def _call(self, effect: StartAttempt) -> Coroutine[Any, Any, Any]:
        if effect.fn is not None:
            fn, is_async = effect.fn, inspect.iscoroutinefunction(effect.fn)
        else:
            fn, is_async = self._registry.activity_fn(effect.activity)
        if is_async:
            coro: Coroutine[Any, Any, Any] = fn(*effect.args)
            return coro
        return self._call_blocking(fn, effect.args)

    async def _call_blocking(self, fn: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        value = await self._host.run_blocking(functools.partial(_call_plainly, fn, args))
        return await value if inspect.isawaitable(value) else value

    def _info(self, effect: StartAttempt) -> ActivityInfo:
        return ActivityInfo(
            effect.run_id, effect.workflow, effect.activity, effect.step, effect.attempt, self._store_id,
            effect.idempotency_key, effect.generation,
        )  # fmt: skip

    def _timed_out(self, attempt: _Attempt) -> None:
        effect = attempt.effect
        error = ActivityTimeoutError(activity=effect.activity, timeout_ms=effect.timeout_ms, attempt=effect.attempt)
        self._done(attempt, error, None)
        if attempt.task is not None:
            attempt.task.cancel()

    def _done(self, attempt: _Attempt, error: BaseException | None, value: Any) -> None:
        effect = attempt.effect
        if self._in_flight.get((effect.run_id, effect.step)) is not attempt:
            return  # stopped, timed out, or from before a crash: nobody wants it
        del self._in_flight[effect.run_id, effect.step]
        if attempt.timer is not None:
            attempt.timer.cancel()
        self._deliver(effect.run_id, self._outcome(effect, error, value))

    def _outcome(self, effect: StartAttempt, error: BaseException | None, value: Any) -> ActivityOutcome:
        if error is None:
            try:
                encoded = codec.dumps(value)
                limit = self._limits.max_payload_bytes
                if len(encoded) > limit:
                    what = f"the result of {effect.activity}"
                    raise PayloadTooLargeError(what=what, actual=len(encoded), limit=limit)
                # A copy, so that the workflow sees the same before and after a crash, and shares nothing.
                copied = value if type(value) in _SCALARS else codec.loads(encoded)
                return ActivityOutcome(effect.task, effect.step, copied, encoded)
            except Exception as unwritable:
                error = unwritable
        if not isinstance(error, Exception):
            # CancelledError, SystemExit, or our own control flow: in a workflow it would not be read as a failure.
            kind = type(error).__name__
            told = f"it ended with {kind}"
            error = ActivityFailedError(activity=effect.activity, error_type=kind, error_message=told)
        return ActivityOutcome(effect.task, effect.step, error=error)

    def stop(self, run_id: str, step: int) -> None:
        """Cancel an attempt; what it does in its ``finally`` blocks still runs, its outcome is dropped."""
        attempt = self._in_flight.pop((run_id, step), None)
        if attempt is not None:
            attempt.end()

    def __len__(self) -> int:
        return len(self._in_flight)

    async def close(self) -> None:
        """Cancel everything in flight and wait until it has let go."""
        attempts, self._in_flight = list(self._in_flight.values()), {}
        for attempt in attempts:
            attempt.end()
        self._starter.close()
        tasks = [a.task for a in attempts if a.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=5)


def _call_plainly(fn: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    try:
        return fn(*args)
    except StopIteration as error:  # no future can carry it: its waiter would wait for ever
        raise RuntimeError("the activity raised StopIteration") from error


class _Attempt:
    __slots__ = ("effect", "task", "timer")

    def __init__(self, effect: StartAttempt) -> None:
        self.effect = effect
        self.task: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None

    def end(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
        if self.task is not None:
            self.task.cancel()
