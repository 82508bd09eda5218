"""The engine's own chores, one after the other and between other work: purges and bulk operations that were cut off,
and what a retention lets go of. Woken by the engine's clock, never by polling."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from weft_core.errors import EngineError, WeftError
from weft_core.ports import Clock, TimerHandle

log = logging.getLogger("weft")
_AGAIN_MS = 60_000
"""When chores are tried again that failed: their store may be in trouble."""

Chore = Callable[[int], Awaitable[int | None]]
"""Does what is due at a time; says when it is to be called again."""


class Keeper:
    """Has a task only while there is something to do."""

    def __init__(self, clock: Clock, chores: list[Chore]) -> None:
        self._clock, self._chores = clock, chores
        self._task: asyncio.Task[None] | None = None
        self._handle: TimerHandle | None = None
        self._next: int | None = None
        self._again = self._closed = False
        self.rounds = 0

    @property
    def idle(self) -> bool:
        return self._task is None

    def due(self, at_ms: int | None) -> None:
        """Something is to be done at this time, or (None) nothing more than was known."""
        if at_ms is None or self._closed:
            return
        if at_ms <= self._clock.now_ms():
            self.wake()
        elif self._next is None or at_ms < self._next:
            self._disarm()
            self._next = at_ms
            self._handle = self._clock.call_at(at_ms, self._ring)

    def _ring(self) -> None:
        self._handle = self._next = None
        self.wake()

    def wake(self) -> None:
        """Do what is due, soon."""
        if self._closed:
            return
        self._again = True
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work(), name="weft-keeper")

    async def _work(self) -> None:
        try:
            while self._again:
                self._again = False
                self.rounds += 1
                for chore in self._chores:
                    self.due(await chore(self._clock.now_ms()))
        except EngineError:
            pass  # it has stopped; the next one goes on
        except WeftError as trouble:
            log.warning("the store cannot be tidied now: %s", trouble)
            self.due(self._clock.now_ms() + _AGAIN_MS)
        except Exception:
            log.exception("tidying the store broke")
        finally:
            self._task = None

    def diagnostics(self) -> dict[str, Any]:
        return {"next": self._next, "rounds": self.rounds, "busy": self._task is not None}

    def _disarm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._handle = self._next = None

    async def close(self) -> None:
        """Let go. What is under way goes on at the next opening."""
        self._closed = True
        self._disarm()
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
            await asyncio.wait([self._task])
