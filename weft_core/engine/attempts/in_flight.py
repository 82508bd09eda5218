"""The activities that run right now, by run and step."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Coroutine
from typing import Any

from weft_core.engine.attempts.attempt import Attempt, AttemptPort
from weft_core.engine.attempts.heartbeats import Heartbeats
from weft_core.engine.attempts.outcome import outcome_of, verdict_of
from weft_core.engine.attempts.tokens import Tokens
from weft_core.engine.blobs import Blobs
from weft_core.engine.eager import EagerStarter
from weft_core.engine.interceptors import Interceptors
from weft_core.engine.registry import Registry
from weft_core.errors import ActivityHeartbeatTimeoutError, ActivityTimeoutError, CompleteLater
from weft_core.machine.effects import PlaceInQueue, StartAttempt, StopAttempt
from weft_core.model.attempt_messages import AttemptParked, HeartbeatGiven
from weft_core.model.limits import Limits
from weft_core.model.messages import StepMessage
from weft_core.model.services import Services
from weft_core.model.verdicts import Done
from weft_core.ports import Archive, Host, enters_authors_code
from weft_core.workflow.attempt import ActivityInfo, AttemptLink, enter_attempt

Deliver = Callable[[str, StepMessage], None]


class Attempts:
    """Starts attempts, and delivers what becomes of them."""

    def __init__(
        self,
        registry: Registry,
        host: Host,
        limits: Limits,
        store_id: str,
        deliver: Deliver,
        tokens: Tokens,
        interceptors: Interceptors,
        services_of: Callable[[str], Services],
        blobs: Blobs,
        archive: Archive | None = None,
    ) -> None:
        self._registry, self._host, self._limits = registry, host, limits
        self._store_id, self._deliver, self._interceptors = store_id, deliver, interceptors
        self._loop = asyncio.get_running_loop()
        self._starter = EagerStarter(self._loop, host.stretch)
        self._port = AttemptPort(self._loop, limits, tokens, self._beats, services_of, blobs, archive)
        self._in_flight: dict[tuple[str, int], Attempt] = {}
        self._let_run: set[Attempt] = set()
        """Their steps have been answered for from outside."""

    def start(self, effect: StartAttempt) -> None:
        """Begin one attempt. Its outcome is delivered exactly once, unless it is stopped first."""
        attempt = Attempt(effect, self._port)
        self._in_flight[effect.run_id, effect.step] = attempt
        done = functools.partial(self._done, attempt)
        info = self.info(effect, attempt)
        try:
            if self._interceptors.around_activities and not effect.verifies:
                coro = self._interceptors.activity(info, effect.args, functools.partial(self._call, effect))
            else:
                coro = self._call(effect, *effect.args)
        except Exception as error:
            done(error, None)
            return
        if effect.keep is not None:
            coro = self._kept(effect, coro)
        if effect.place is not None:
            coro = _in_place(effect.place, coro)
        if effect.heartbeat_ms is not None:
            attempt.beats = self._beats(attempt)
        whose = (effect.run_id, "activity", effect.activity)
        attempt.task = self._starter.start(coro, done, functools.partial(enter_attempt, info), whose)
        if attempt.task is not None and effect.timeout_ms is not None:
            attempt.timer = self._loop.call_later(effect.timeout_ms / 1000, self._timed_out, attempt)

    def _call(self, effect: StartAttempt, *args: Any) -> Coroutine[Any, Any, Any]:
        if effect.fn is not None:
            fn, is_async = effect.fn, inspect.iscoroutinefunction(effect.fn)
        else:
            fn, is_async = self._registry.activity_fn(effect.activity)
        if is_async:
            coro: Coroutine[Any, Any, Any] = fn(*args)
            return coro
        if effect.place is not None:
            fn = effect.place.around(fn)
        return self._call_blocking(fn, args)

    @enters_authors_code
    async def _call_blocking(self, fn: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        value = await self._host.run_blocking(functools.partial(_call_plainly, fn, args))
        return await value if inspect.isawaitable(value) else value

    @enters_authors_code
    async def _kept(self, effect: StartAttempt, coro: Coroutine[Any, Any, Any]) -> Any:
        """Its value becomes a blob."""
        value = await coro
        if not effect.verifies:
            return await self._port.blobs.store(effect, value)
        return Done(await self._port.blobs.store(effect, value.result)) if isinstance(value, Done) else value

    def info(self, effect: StartAttempt, attempt: AttemptLink | None = None) -> ActivityInfo:
        return ActivityInfo(
            effect.run_id, effect.workflow, effect.activity, effect.step, effect.attempt,
            effect.origin or self._store_id,
            effect.idempotency_key, effect.generation, effect.headers, effect.details, attempt,
        )  # fmt: skip

    # -- what limits it

    def _beats(self, attempt: Attempt) -> Heartbeats:
        effect = attempt.effect

        def write(details: bytes) -> None:
            given = HeartbeatGiven(effect.task, effect.step, effect.attempt, details)
            self._deliver(effect.run_id, given)

        return Heartbeats(self._host.clock, effect.heartbeat_ms, write, functools.partial(self._silent, attempt))

    def _silent(self, attempt: Attempt) -> None:
        effect = attempt.effect
        self._cut(attempt, ActivityHeartbeatTimeoutError(
            activity=effect.activity, timeout_ms=effect.heartbeat_ms, attempt=effect.attempt
        ))  # fmt: skip

    def _timed_out(self, attempt: Attempt) -> None:
        effect = attempt.effect
        self._cut(attempt, ActivityTimeoutError(
            activity=effect.activity, timeout_ms=effect.timeout_ms, attempt=effect.attempt
        ))  # fmt: skip

    def _cut(self, attempt: Attempt, error: ActivityTimeoutError) -> None:
        self._done(attempt, error, None)
        attempt.end()

    # -- how it ends

    def _done(self, attempt: Attempt, error: BaseException | None, value: Any) -> None:
        effect = attempt.effect
        if attempt.timer is not None or attempt.beats is not None:
            attempt.stop_watching()
        if self._in_flight.get((effect.run_id, effect.step)) is not attempt:
            self._let_run.discard(attempt)
            return  # stopped, timed out, answered from outside, or from before a crash: nobody wants it
        del self._in_flight[effect.run_id, effect.step]
        for sink in (attempt.sinks or {}).values():
            sink.send()  # decided before the outcome
            error = error or sink.error
        self._deliver(effect.run_id, self._end_of(attempt, error, value))

    def _end_of(self, attempt: Attempt, error: BaseException | None, value: Any) -> StepMessage:
        effect = attempt.effect
        if effect.verifies:
            return verdict_of(effect, self._limits, error, value)
        if error is None:
            return outcome_of(effect, self._limits, None, value, None)
        details = attempt.beats.take() if attempt.beats is not None else None
        if isinstance(error, CompleteLater) and attempt.token is not None:
            return AttemptParked(effect.task, effect.step, effect.attempt, attempt.remaining_ms(), details)
        return outcome_of(effect, self._limits, error, value, details)

    def stop(self, effect: StopAttempt) -> None:
        """Drop the outcome of an attempt, and cancel it: what it does in its ``finally`` blocks still runs."""
        attempt = self._in_flight.pop((effect.run_id, effect.step), None)
        if attempt is None:
            return
        if effect.let_run:
            attempt.stop_watching()
            self._let_run.add(attempt)
        else:
            attempt.end()

    def __len__(self) -> int:
        return len(self._in_flight)

    def flush(self) -> None:
        """Deliver what heartbeats told last: the engine is about to close."""
        for attempt in list(self._in_flight.values()):
            if attempt.beats is not None:
                attempt.beats.flush()

    async def settled(self, within_s: float) -> None:
        """Wait until what is in flight now has ended, at most so long."""
        tasks = [attempt.task for attempt in self._in_flight.values() if attempt.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=within_s)

    async def close(self) -> None:
        """Cancel everything in flight and wait until it has let go."""
        attempts = [*self._in_flight.values(), *self._let_run]
        self._in_flight, self._let_run = {}, set()
        for attempt in attempts:
            attempt.end()
        self._starter.close()
        tasks = [a.task for a in attempts if a.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=5)


@enters_authors_code
async def _in_place(place: PlaceInQueue, coro: Coroutine[Any, Any, Any]) -> Any:
    place.used = True
    try:
        return await coro
    finally:
        place.over()


@enters_authors_code
def _call_plainly(fn: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    try:
        return fn(*args)
    except StopIteration as error:  # no future can carry it: its waiter would wait for ever
        raise RuntimeError("the activity raised StopIteration") from error
