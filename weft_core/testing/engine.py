"""TestEngine: the real engine over memory and virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from weft_core.engine import Engine, WorkflowHandle
from weft_core.errors import EngineClosedError, RunStuckError
from weft_core.model.durations import Duration, duration_ms, instant_ms
from weft_core.model.limits import DEFAULT_LIMITS, Limits
from weft_core.model.run import FINISHED, STOPPED
from weft_core.ports import Ids, Storage
from weft_core.storage import MemoryStorage
from weft_core.testing.virtual import VirtualClock, virtual_host
from weft_core.testing.watching import WatchedAttempts, Watcher
from weft_core.workflow import Activity, Workflow

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

    def _assembled(self) -> None:
        super()._assembled()
        attempts = self._pump.attempts
        assert isinstance(attempts, WatchedAttempts)
        attempts.watcher = self.watcher

    def mock(self, activity: Activity[..., Any] | str, fn: Callable[..., Any]) -> None:
        """Run ``fn`` instead of an activity's function; its retry policy and timeout stay."""
        self.registry.replace(activity if isinstance(activity, str) else activity.name, fn)

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
            calm = calm + 1 if self.idle or self.state != "open" else 0
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
        handle = await self.start(workflow, *inputs, id=id)
        await self.settle()
        if drive is not None:
            await drive(self, handle)
        return await self.run_to_end(handle, limit)

    # -- crashes

    def check_alive(self) -> None:
        """Raise what has stopped the engine, if it is not open."""
        if self.state != "open":
            raise self.trouble or EngineClosedError(state=self.state)

    async def crash_and_recover(self) -> None:
        """Lose everything that is not in the store, at once, and open the store again as a new process would."""
        await self.crash()
        self.use_storage_again()
        await self.open()
        await self.settle()

    def use_storage_again(self) -> None:
        """After ``crash``: what a new process finds. Only what was written is there."""
        if isinstance(self.storage, MemoryStorage):
            self._rebind(self.storage.reopen())
