"""TestEngine: the real engine over memory and virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, ParamSpec, TypeVar, overload

from weft_core.engine import Engine, WorkflowHandle
from weft_core.engine.whole import OpList
from weft_core.errors import (
    ActivityNotRegisteredError,
    EngineClosedError,
    EngineDegradedError,
    RunExistsError,
    RunFinishedError,
    RunStuckError,
    StorageError,
    TestingError,
)
from weft_core.model.durations import Duration, duration_ms, instant_ms
from weft_core.model.limits import DEFAULT_LIMITS, Limits
from weft_core.model.messages import SignalArrived, StepMessage
from weft_core.model.run import FINISHED, STOPPED
from weft_core.ports import Ids, Storage
from weft_core.storage import MemoryStorage
from weft_core.testing.chaos import Chaos, ChaosStorage, RepeatingTimers
from weft_core.testing.crashing import SimulatedCrash
from weft_core.testing.intercepting import reopened
from weft_core.testing.mocks import MockHandle
from weft_core.testing.virtual import VirtualClock, virtual_host
from weft_core.testing.watching import WatchedAttempts, Watcher
from weft_core.workflow import Activity, Workflow

P = ParamSpec("P")
T = TypeVar("T")
REAL_LIMIT_S = 10.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Drive = Callable[["TestEngine", WorkflowHandle], Awaitable[Any]]
"""What the world does to a run: sends signals, lets time pass."""


class TestEngine(Engine):
    """``async with TestEngine(workflows=[checkout]) as engine:``; nothing in it is a second implementation.

    Months pass in ``advance_time``; ``crash_and_recover`` is a kill -9 and a restart; ``mock`` replaces an activity.
    ``clock`` and ``ids`` may be shared with another engine; ``options`` are those of ``Engine``.
    """

    retry_delays_s = (0.0,) * 5
    attempts_class = WatchedAttempts
    __test__ = False  # not a test class, whatever pytest thinks of the name

    def __init__(
        self,
        *,
        workflows: Iterable[Workflow] = (),
        activities: Iterable[Activity[..., Any]] = (),
        storage: Storage | None = None,
        limits: Limits = DEFAULT_LIMITS,
        seed: str = "weft",
        clock: VirtualClock | None = None,
        ids: Ids | None = None,
        chaos: Chaos | None = None,
        **options: Any,
    ) -> None:
        self.clock = clock or VirtualClock()
        self.watcher: Watcher | None = None
        """Is told of every attempt of an activity; set it before the engine is opened."""
        super().__init__(
            storage=storage if storage is not None else MemoryStorage(),
            workflows=workflows,
            activities=activities,
            host=virtual_host(self.clock, seed, ids),
            limits=limits,
            close_storage=False,
            **options,
        )
        self._mocks: dict[str, MockHandle[..., Any]] = {}
        self.chaos: Chaos | None = None
        if chaos is not None:
            self.use_chaos(chaos)

    def _assembled(self) -> None:
        super()._assembled()
        attempts = self._parts.pump.attempts
        assert isinstance(attempts, WatchedAttempts)
        attempts.watcher = self.watcher
        if self.chaos is not None:
            self._parts.pump.timers = RepeatingTimers(self._reads, self.clock, self._parts.pump.timers.wake, self.chaos)

    # -- mocks

    @overload
    def mock(  # an async activity is answered by its awaited value
        self, activity: Activity[P, Coroutine[Any, Any, T]], fn: Callable[P, T | Awaitable[T]] | None = None
    ) -> MockHandle[P, T]: ...
    @overload
    def mock(self, activity: Activity[P, T], fn: Callable[P, T | Awaitable[T]] | None = None) -> MockHandle[P, T]: ...
    @overload
    def mock(self, activity: str, fn: Callable[..., Any] | None = None) -> MockHandle[..., Any]: ...
    def mock(self, activity: Activity[..., Any] | str, fn: Callable[..., Any] | None = None) -> MockHandle[..., Any]:
        """Call ``fn`` instead of an activity's function, or answer what the handle is told; every call is recorded.

        The activity keeps its retry policy and timeout. One that the engine does not know:
        ``ActivityNotRegisteredError``; a ``fn`` that cannot be called as the activity is: ``DefinitionError``.
        """
        name = activity if isinstance(activity, str) else activity.name
        declared = self.registry.get(name)
        if declared is None:
            raise ActivityNotRegisteredError(activity=name)
        handle: MockHandle[..., Any] = MockHandle(declared, lambda: self._unmock(name))
        if fn is not None:
            handle.replace(fn)
        self._mocks[name] = handle
        self.registry.replace(name, handle.__call__)
        return handle

    def _unmock(self, name: str) -> None:
        self._mocks.pop(name, None)
        self.registry.restore(name)

    @property
    def mocks(self) -> Mapping[str, MockHandle[..., Any]]:
        """The mocks in use, by the name of their activity."""
        return MappingProxyType(self._mocks)

    # -- virtual time

    @property
    def now(self) -> datetime:
        """The virtual time. It begins on 2026-01-01, UTC."""
        return _EPOCH + timedelta(milliseconds=self.clock.now_ms())

    async def settle(self) -> None:
        """Wait (in real time) until every run is parked. Activities that really wait are waited for."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + REAL_LIMIT_S
        calm = 0
        while calm < 3:
            await asyncio.sleep(0)
            calm = calm + 1 if self.idle or self.status != "open" else 0
            if loop.time() > deadline:
                raise TimeoutError(f"not settled after {REAL_LIMIT_S} s: {self.diagnostics()}")

    async def advance_time(self, by: Duration) -> None:
        """Let virtual time pass. Timers fire in the order of their deadlines, each at its own instant."""
        await self.advance_to_ms(self.clock.now_ms() + duration_ms(by, "advance_time"))

    async def advance_to(self, instant: datetime) -> None:
        """Let virtual time pass until an instant. One that has passed is no error: then no time passes."""
        await self.advance_to_ms(instant_ms(instant, "advance_to"))

    async def advance_to_ms(self, until: int) -> None:
        """The same, for an instant in milliseconds since 1970."""
        await self.settle()
        while (deadline := self.clock.next_deadline()) is not None and deadline <= until:
            self.clock.advance_to(deadline)
            await self.settle()
        self.clock.advance_to(until)
        await self.settle()

    async def run_to_end(self, handle: WorkflowHandle, limit: Duration = "365 days") -> Any:
        """Let virtual time pass from deadline to deadline until the run has finished, and give its result.

        Raises what ``handle.result()`` raises. A run that still waits when nothing more is due within ``limit``:
        ``RunStuckError``, which says what it waits for. An engine that has stopped: what stopped it.
        """
        until = self.clock.now_ms() + duration_ms(limit, "run_to_end")
        while True:
            await self.settle()
            self.check_alive()
            header = await self.header(handle.id)
            if header.status in FINISHED or header.status in STOPPED:
                return await handle.result()
            deadline = self.clock.next_deadline()
            if deadline is None or deadline > until:
                raise await self._stuck(handle.id, until)
            self.clock.advance_to(deadline)

    async def _stuck(self, run_id: str, until: int) -> RunStuckError:
        waits = (await self.describe(run_id))["waiting_for"]
        told = ", ".join(f"{wait['kind']} {wait['name']!r}" if wait.get("name") else wait["kind"] for wait in waits)
        at = _EPOCH + timedelta(milliseconds=until)
        return RunStuckError(run_id=run_id, waiting_for=told or "nothing", until=f"{at:%Y-%m-%d %H:%M:%S}")

    async def run(
        self,
        workflow: Workflow | str,
        /,
        *inputs: Any,
        id: str | None = None,
        drive: Drive | None = None,
        limit: Duration = "365 days",
    ) -> Any:
        """Start a run, let ``drive(engine, handle)`` do what the world does to it, and go on to its end."""
        if self.chaos is None:
            return await self.run_once(workflow, inputs, id, drive, limit)
        run_id, again = id or self._fresh_id(), False
        while True:
            try:
                return await self.run_once(workflow, inputs, run_id, drive, limit, again=again)
            except (Exception, SimulatedCrash):
                # Whatever it was: code that goes on after the death of its process is no code that has failed.
                if self.status == "open":
                    raise
            again = True
            await self.crash_and_recover()

    def _fresh_id(self) -> str:
        assert self._host is not None
        return self._host.ids.new_id()

    async def run_once(
        self,
        workflow: Workflow | str,
        inputs: tuple[Any, ...],
        run_id: str | None,
        drive: Drive | None,
        limit: Duration,
        *,
        again: bool = False,
    ) -> Any:
        """Drive a run to its end in the life of one process. ``again``: one before it may have begun this."""
        try:
            handle = await self.start(workflow, *inputs, id=run_id)
        except RunExistsError:
            if not again:
                raise
            assert run_id is not None
            handle = self.get_handle(run_id)
        await self.settle()  # so that it makes the same writes each time
        self.check_alive()
        if drive is not None and (await self.header(handle.id)).status not in FINISHED:
            try:
                await drive(self, handle)
            except RunFinishedError:
                if not again:
                    raise
        return await self.run_to_end(handle, limit)

    # -- crashes

    def check_alive(self) -> None:
        """Raise what has stopped the engine, if it is not open."""
        if self.status != "open":
            raise self.trouble or EngineClosedError(state=self.status)

    async def crash_and_recover(self) -> None:
        """Lose everything that is not in the store, at once, and open the store again as a new process would."""
        await self.crash()
        self.use_storage_again()
        await self.open()
        await self.settle()

    def use_storage_again(self) -> None:
        """After ``crash``: what a new process finds. Only what was written is there."""
        self._rebind(reopened(self.storage))

    # -- chaos

    def use_chaos(self, chaos: Chaos) -> None:
        """Let faults happen, from when the engine is opened."""
        if self.status == "open":
            raise TestingError("chaos comes before the engine is opened: TestEngine(chaos=...), or with_chaos(engine)")
        self.chaos = chaos
        self._rebind(ChaosStorage(self.storage, chaos))

    async def open(self) -> None:
        while True:
            try:
                return await super().open()
            except (StorageError, EngineDegradedError, SimulatedCrash):
                if self.chaos is None:
                    raise
            await self.crash()
            self.use_storage_again()

    async def deliver_signal(self, run_id: str, message: SignalArrived, extra: OpList | None = None) -> None:
        await super().deliver_signal(run_id, message, extra)
        if self.chaos is not None and message.signal_id is not None and self.chaos.repeats("signal"):
            try:
                await super().deliver_signal(run_id, message)
            except RunFinishedError:
                pass  # the signal was the last that it waited for

    def _outcome(self, run_id: str, message: StepMessage) -> None:
        super()._outcome(run_id, message)
        if self.chaos is not None and self.chaos.repeats("outcome"):
            super()._outcome(run_id, message)
