"""Reading streams: pages from the store, and tails, which read it again whenever something has been written.

A tail holds one page and no queue: however fast a stream grows and however slow its reader is, it misses nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

from weft_core import codec
from weft_core.engine.events import EventBus
from weft_core.engine.following import Following
from weft_core.errors import InvalidInputError
from weft_core.machine import records
from weft_core.machine.streams import CLOSED, Streams, read_stream_record
from weft_core.model import keys
from weft_core.model.run import FINISHED
from weft_core.model.streams import StreamItem, StreamPage
from weft_core.ports import Row

PAGE = 256
MOST = 1_000
_SCAN = 64


class Reads(Protocol):
    """What is used of a store."""

    async def get(self, key: str) -> bytes | None: ...

    async def scan(
        self, prefix: str, *, after: str | None = None, before: str | None = None, limit: int = 1000,
        reverse: bool = False,
    ) -> list[Row]: ...  # fmt: skip


async def find_streams(storage: Reads, run_id: str) -> Streams:
    """Where the streams of a run stand, from the last record of each: one read for each, however long it is."""
    streams, before = Streams(), None
    while rows := await storage.scan(keys.streams_prefix(run_id), before=before, limit=1, reverse=True):
        key, data = rows[0]
        name = key.split("/")[2]
        streams.found(name, key, data)
        before = keys.stream_prefix(run_id, name)
    return streams


async def read_page(storage: Reads, run_id: str, name: str, after: int, limit: int) -> StreamPage:
    """Entries with a number above ``after``. A run that is not there: an empty page that has ended."""
    if type(after) is not int or after < 0 or type(limit) is not int or not 1 <= limit <= MOST:
        reason = f"after is {after!r} and limit {limit!r}; they are a number of an entry, and at most {MOST}"
        raise InvalidInputError(call="read_stream", reason=reason)
    header = await storage.get(keys.run(run_id))  # before the entries: else it could write some and finish in between
    over = header is None or records.read_header(run_id, header).status in FINISHED
    found, closed = await _entries(storage, keys.stream_prefix(run_id, name), after, limit)
    items = [item for item in found if item is not None][:limit]
    more = len(found) > limit
    cursor = items[-1].seq if more else after + len(found)
    return StreamPage(items, cursor, not more and (closed or over))


async def _entries(storage: Reads, prefix: str, after: int, limit: int) -> tuple[list[StreamItem | None], bool]:
    """At least ``limit`` entries, if there are as many; None for the one that closes the stream."""
    found: list[StreamItem | None] = []
    # The record that holds entry `after + 1` may begin before it.
    holder = await storage.scan(prefix, before=f"{prefix}{after + 2:012x}", limit=1, reverse=True) if after else []
    rows, last, closed = holder, holder[0][0] if holder else None, False
    while True:
        for key, data in rows:
            first, _, entries, _ = read_stream_record(key, data)
            closed = entries[-1] == CLOSED
            for seq, entry in enumerate(entries, start=first):
                if seq > after:
                    found.append(_item(seq, *entry) if entry != CLOSED else None)
        if len(found) > limit:
            return found, closed
        rows = await storage.scan(prefix, after=last, limit=_SCAN)
        if not rows:
            return found, closed
        last = rows[-1][0]


def _item(seq: int, step: int, data: bytes | None = None) -> StreamItem:
    return StreamItem(seq, None, step, True) if data is None else StreamItem(seq, codec.loads(data), step)


class StreamTail(Following[StreamItem]):
    """``async for item in tail``: for one consumer. ``cursor`` is the number of the last entry it has given.

    Ends when the stream is closed or the run has ended, and all entries were given. ``async with`` or ``aclose()`` ends
    it; so does letting go of it. Raises what stopped the engine; a new tail goes on with ``after=cursor``.
    """

    CALL = "tail_stream"

    def __init__(
        self, bus: EventBus, run_id: str, after: int, read: Callable[[int], Awaitable[StreamPage]]
    ) -> None:  # fmt: skip
        super().__init__(bus, run_id)
        self._read = read
        self.cursor = after
        self._page: deque[StreamItem] = deque()
        self._end = after
        """The cursor of the page that was read last."""
        self._ended = False

    async def _next(self) -> StreamItem:
        while not self._over:
            if self._page:
                item = self._page.popleft()
                self.cursor = item.seq
                return item
            self.cursor = self._end
            if self._ended:
                break
            self._wake.clear()  # before reading: what is written from now on wakes it
            try:
                page = await self._read(self._end)
            except Exception:
                if self._trouble is not None:
                    raise self._trouble from None  # the engine has stopped, and closed its store
                raise
            moved = page.cursor != self._end
            self._page.extend(page.items)
            self._end, self._ended = page.cursor, page.ended
            if not moved and not self._ended:
                if self._trouble is not None:
                    raise self._trouble
                await self._wake.wait()
        await self.aclose()
        raise StopAsyncIteration

    def _forget(self) -> None:
        self._page.clear()
