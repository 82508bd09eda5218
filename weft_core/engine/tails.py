"""Tails: events as an async iterator, stored ones first and then live ones, without gap or repetition.

The store holds every event, so a tail needs no queue that grows: live events go into a buffer of bounded size, and a
consumer that falls behind it reads from the store again where it stands. The order is that of the commits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol, TypeVar

from weft_core.engine.events import EventBus, Told
from weft_core.engine.feed import FeedPage, Found, Place, cursor_text
from weft_core.engine.following import Following
from weft_core.engine.present import present_event
from weft_core.model.events import ENDINGS
from weft_core.model.run import FINISHED, RunHeader

BUFFER = 1_000
"""Live events that wait in memory for one consumer."""
PAGE = 256
T = TypeVar("T")


class Source(Protocol):
    """Where a tail reads what it has not been told."""

    @property
    def run_id(self) -> str | None: ...

    async def read(self, after: Place) -> FeedPage | None:
        """Stored events beyond a place. None: there are none and none will come."""
        ...

    def places(self, told: Told) -> Iterable[Found]: ...


class Runs(Protocol):
    """What is read of one run."""

    async def header(self, run_id: str) -> RunHeader: ...

    async def history(self, run_id: str, *, after: int = 0, limit: int = 1000) -> list[dict[str, Any]]: ...


class RunSource:
    """The log of one run. A place is ``(number of the last event seen, 0)``."""

    def __init__(self, runs: Runs, run_id: str) -> None:
        self._runs, self.run_id = runs, run_id

    async def read(self, after: Place) -> FeedPage | None:
        header = await self._runs.header(self.run_id)  # before the events: else it could finish between the two
        events = await self._runs.history(self.run_id, after=after[0], limit=PAGE)
        if not events and header.status in FINISHED:
            return None
        found: list[Found] = [((event["seq"], 0), event) for event in events]
        return FeedPage(found, found[-1][0] if found else after, len(events) < PAGE)

    def places(self, told: Told) -> Iterable[Found]:
        return [((event["seq"], 0), event) for event in told.shown()]


class FeedSource:
    """All runs. A place is ``(number of a commit, how many of its events were seen)``."""

    run_id: str | None = None

    def __init__(self, read: Callable[[Place, int], Awaitable[FeedPage]]) -> None:
        self._read = read

    async def read(self, after: Place) -> FeedPage | None:
        return await self._read(after, PAGE)

    def places(self, told: Told) -> Iterable[Found]:
        found: list[Found] = [
            ((told.position, told.offset + i), event) for i, event in enumerate(told.shown(), start=1)
        ]
        if told.last:
            found[-1] = ((told.position + 1, 0), found[-1][1])
        return found


class EventTail(Following[T]):
    """``async for event in tail``: for one consumer. ``cursor`` resumes after the last event it has given.

    ``async with`` or ``aclose()`` ends it; so does letting go of it.
    """

    CALL = "tail"

    def __init__(
        self,
        bus: EventBus,
        source: Source,
        after: Place,
        show: Callable[[dict[str, Any]], T],
        names: frozenset[str] | None = None,
        buffer: int = BUFFER,
    ) -> None:
        super().__init__(bus, source.run_id)
        self._source, self._place = source, after
        self._show, self._names, self._bound = show, names, buffer
        self._buffer: deque[Found] = deque()
        self._behind = True
        """There may be stored events that are not in the buffer; then nothing is added to it."""

    @property
    def cursor(self) -> int | str:
        """Where it stands: number of the run's last event seen, or a text for all runs. Give it to ``after=``."""
        return self._place[0] if self._source.run_id is not None else cursor_text(self._place)

    async def _next(self) -> T:
        while not self._over:
            event = self._take()
            if event is not None:
                return self._show(present_event(event))
            if self._behind:
                await self._catch_up()
            elif self._trouble is not None:
                raise self._trouble
            else:
                self._wake.clear()
                await self._wake.wait()
        await self.aclose()
        raise StopAsyncIteration

    def _take(self) -> dict[str, Any] | None:
        """The next event in the buffer that is new and wanted."""
        while self._buffer:
            place, event = self._buffer.popleft()
            if place <= self._place:
                continue
            self._place = place
            if self._source.run_id is not None and event["type"] in ENDINGS:
                self._behind = True  # the store says whether that is the end: it may have been begun again
            if self._names is None or event["type"] in self._names:
                return event
        return None

    async def _catch_up(self) -> None:
        """Read a page. What is published from its beginning on goes into the buffer: nothing is in neither."""
        self._behind = False
        try:
            page = await self._source.read(self._place)
        except BaseException as error:  # also a consumer that stops waiting: nothing may be missing when it comes again
            self._behind = True
            self._buffer.clear()
            if self._trouble is not None and isinstance(error, Exception):
                raise self._trouble from error  # the engine has stopped, and closed its store
            raise
        if page is None:
            self._over = True
            return
        if page.complete:
            self._buffer.extendleft(reversed(page.found))
        else:
            self._buffer, self._behind = deque(page.found), True
        if not page.found:
            self._place = page.end  # what lay between has been purged

    # -- what the engine says

    def _told(self, told: Told) -> None:
        if not self._behind:
            for found in self._source.places(told):
                if len(self._buffer) >= self._bound:
                    self._behind = True
                    break
                self._buffer.append(found)
        self._wake.set()

    def _started(self) -> None:
        self._behind = True
        super()._started()

    def _forget(self) -> None:
        self._buffer.clear()
