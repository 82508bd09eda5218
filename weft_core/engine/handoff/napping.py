"""A pause that can be cut short."""

from __future__ import annotations

import asyncio

from weft_core.ports import Clock


class Nap:
    """Of one task, by the engine's clock. Rung while nobody sleeps, it cuts the next pause short."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rung = asyncio.Event()
        self.sleeping = False

    def ring(self) -> None:
        self._rung.set()

    async def sleep(self, ms: int | None) -> None:
        """None: until it is rung."""
        timer = self._clock.call_at(self._clock.now_ms() + ms, self._rung.set) if ms is not None else None
        self.sleeping = not self._rung.is_set()
        try:
            await self._rung.wait()
        finally:
            self.sleeping = False
            self._rung.clear()
            if timer is not None:
                timer.cancel()
