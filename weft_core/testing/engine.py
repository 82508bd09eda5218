"""TestEngine: the real engine over memory and virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from weft_core.engine import Engine
from weft_core.model.durations import Duration, duration_ms
from weft_core.model.limits import DEFAULT_LIMITS, Limits
from weft_core.ports import Storage
from weft_core.storage import MemoryStorage
from weft_core.testing.virtual import VirtualClock, virtual_host
from weft_core.workflow import Activity, Workflow

REAL_LIMIT_S = 10.0


class TestEngine(Engine):
    """``async with TestEngine(workflows=[checkout]) as engine:``; nothing in it is a second implementation.

    Months pass in ``advance_time``; ``crash_and_recover`` is a kill -9 and a restart; ``mock`` replaces an activity.
    """

    retry_delays_s = (0.0,) * 5
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
    ) -> None:
        self.clock = clock or VirtualClock()
        super().__init__(
            storage=storage if storage is not None else MemoryStorage(),
            workflows=workflows,
            activities=activities,
            host=virtual_host(self.clock, seed),
            limits=limits,
            close_storage=False,
        )

    def mock(self, activity: Activity[..., Any] | str, fn: Callable[..., Any]) -> None:
        """Run ``fn`` instead of an activity's function; its retry policy and timeout stay."""
        self.registry.replace(activity if isinstance(activity, str) else activity.name, fn)

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
        until = self.clock.now_ms() + duration_ms(by, "advance_time")
        await self.settle()
        while (deadline := self.clock.next_deadline()) is not None and deadline <= until:
            self.clock.advance_to(deadline)
            await self.settle()
        self.clock.advance_to(until)
        await self.settle()

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
