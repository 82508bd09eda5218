"""Transactional activities: the effect of an attempt and the record of its outcome are one transaction (G5).

Each is a batch of the pump's. The store's transaction is begun, the author's function makes its statements in it, its
value is decided upon as any outcome is, and what that writes is committed together with the statements. What fails is
rolled back, and the failure is decided and committed by itself.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import replace
from typing import Any, NoReturn

from weft_core.engine.attempts.in_flight import Attempts
from weft_core.engine.attempts.outcome import outcome_of, told
from weft_core.engine.batch import Batch, Envelope
from weft_core.engine.commit import Committer
from weft_core.engine.interceptors import Interceptors
from weft_core.engine.live import LiveRuns
from weft_core.engine.registry import Registry
from weft_core.errors import ActivityTimeoutError, OperationMisuseError
from weft_core.machine.effects import StartTransaction
from weft_core.machine.operations.activity import is_running
from weft_core.model import keys
from weft_core.model.blobs import BlobRef
from weft_core.model.limits import Limits
from weft_core.model.services import Services
from weft_core.ports import Storage, StorageTransaction, TransactionalStorage
from weft_core.workflow.attempt import ActivityInfo, enter_attempt


class Transactions:
    """Starts attempts of transactional activities."""

    def __init__(
        self,
        storage: Storage,
        committer: Committer,
        live: LiveRuns,
        registry: Registry,
        limits: Limits,
        interceptors: Interceptors,
        attempts: Attempts,
        submit: Callable[[Envelope], None],
        services_of: Callable[[str], Services],
    ) -> None:
        self._storage, self._committer, self._live, self._registry = storage, committer, live, registry
        self._limits, self._interceptors, self._attempts = limits, interceptors, attempts
        self._submit, self._services_of = submit, services_of

    def possible(self, activity: str) -> bool:
        """Whether the activity can be attempted: the store has transactions, or a mock stands in."""
        return self._storage.capabilities.transactions or self._registry.is_replaced(activity)

    def start(self, effect: StartTransaction) -> None:
        """Begin one attempt. A mock of the activity is called with None for the transaction, and in none."""
        if self._registry.is_replaced(effect.activity):
            self._attempts.start(replace(effect, args=(None, *effect.args)))
        else:
            self._submit(Envelope(effect.run_id, job=functools.partial(self._make, effect)))

    async def _make(self, effect: StartTransaction, batch: Batch, now: int) -> Envelope | None:
        """The job: its outcome, for the batch, which is to be committed by the transaction if it is a success."""
        place = effect.place
        if place is not None:
            place.used = True
        try:
            return await self._made(effect, batch)
        finally:
            if place is not None:
                place.over()

    async def _made(self, effect: StartTransaction, batch: Batch) -> Envelope | None:
        run = self._live.get(effect.run_id)
        if run is None or not is_running(run, effect):
            return None  # it was cancelled, or has been answered otherwise
        assert isinstance(self._storage, TransactionalStorage)
        through = self._storage.transaction()
        try:
            if not await self._committer.begin(through):
                batch.ops.append((keys.inbox("-"), None))  # the commit runs into the fence
                return None
            error, value = await self._call(through, effect)
            outcome = outcome_of(effect, self._limits, error, value, None)
        except BaseException:
            through.abandon()
            raise
        if outcome.error is None:
            batch.through = through
        else:
            through.abandon()
        return Envelope(effect.run_id, outcome)

    async def _call(self, through: StorageTransaction, effect: StartTransaction) -> tuple[Exception | None, Any]:
        """What the function raised, or its value."""
        info = self._attempts.info(effect, _Link(self._services_of(effect.run_id)))
        cut: list[ActivityTimeoutError] = []
        watch = self._watch(through, effect, cut)
        innermost = functools.partial(self._statements, through, effect, info)
        try:
            if self._interceptors.around_activities:
                value = await self._interceptors.activity(info, effect.args, innermost)
            else:
                value = await innermost(*effect.args)
        except Exception as error:
            return (cut[0] if cut else error), None
        finally:
            if watch is not None:
                watch.cancel()
        return (cut[0] if cut else None), value

    async def _statements(
        self, through: StorageTransaction, effect: StartTransaction, info: ActivityInfo, *args: Any
    ) -> Any:  # fmt: skip
        fn, _ = self._registry.activity_fn(effect.activity)
        context = copy_context()
        context.run(enter_attempt, info)

        def call(transaction: Any) -> Any:
            try:
                return context.run(fn, transaction, *args)
            except BaseException as error:
                raise told(effect, error) from None

        return await through.run(call)

    @staticmethod
    def _watch(
        through: StorageTransaction, effect: StartTransaction, cut: list[ActivityTimeoutError]
    ) -> asyncio.TimerHandle | None:  # fmt: skip
        if effect.timeout_ms is None:
            return None

        def too_long() -> None:
            cut.append(ActivityTimeoutError(
                activity=effect.activity, timeout_ms=effect.timeout_ms, attempt=effect.attempt
            ))  # fmt: skip
            through.interrupt()

        return asyncio.get_running_loop().call_later(effect.timeout_ms / 1000, too_long)


class _Link:
    """What a transactional activity may ask of its attempt."""

    cancelled = False

    def __init__(self, services: Services) -> None:
        self.services = services

    def heartbeat(self, details: tuple[Any, ...]) -> None:
        """Nobody listens: all others wait until it has ended."""

    def stream(self, name: str) -> NoReturn:
        self._refuse("nothing but its own transaction is written while it runs, so it has no streams")

    def load(self, ref: BlobRef) -> NoReturn:
        self._refuse("nothing but its own transaction is read while it runs; load the value before, and pass it")

    def archive(self, key: str, data: Any) -> NoReturn:
        self._refuse("all others wait until it has ended; archive before or after it")

    def completion_token(self) -> NoReturn:
        self.complete_later()

    def complete_later(self) -> NoReturn:
        self._refuse("its transaction ends when it returns, so nobody else can complete it")

    @staticmethod
    def _refuse(reason: str) -> NoReturn:
        raise OperationMisuseError(operation="a transactional activity", reason=reason)
