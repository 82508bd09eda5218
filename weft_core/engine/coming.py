"""A page that is waited for: who cannot hold a tail open need not ask again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from weft_core.engine.events import EventBus, Told
from weft_core.model.streams import StreamPage


async def page_to_come(
    bus: EventBus, run_id: str, read: Callable[[], Awaitable[StreamPage]], seconds: float
) -> StreamPage:  # fmt: skip
    """The page when there is something in it, or it has ended, or the time is over. The store is read only when
    something of the run has been committed."""
    wake = _Waker()
    end = asyncio.get_running_loop().time() + seconds
    leave = bus.join(wake, run_id)
    try:
        while True:
            wake.news.clear()  # before reading: what is written from now on wakes it
            page = await read()
            if page.items or page.ended:
                return page
            try:
                async with asyncio.timeout_at(end):
                    await wake.news.wait()
            except TimeoutError:
                return page
    finally:
        leave()


class _Waker:
    """Hears that something may have come."""

    def __init__(self) -> None:
        self.news = asyncio.Event()

    def told(self, told: Told) -> None:
        self.news.set()

    def stopped(self, error: BaseException) -> None:
        self.news.set()  # the next reading fails

    def started(self) -> None:
        self.news.set()
