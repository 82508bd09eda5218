"""The feed: in which order events became durable, over all runs.

Each commit that has events writes one small row ``feed/<n>`` that says which turns they are of; n counts such commits,
also across owners of the store. It is written in the same batch, so no event is durable and missing here, and rows
have no gap: the newest ``Limits.feed_commits`` of them are kept, and a cursor that points below them is found out.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from weft_core.engine.batch import Batch
from weft_core.engine.patience import PatientReads
from weft_core.errors import CorruptRecordError, InvalidInputError, TailOverflowError
from weft_core.machine import failure, records
from weft_core.model import keys
from weft_core.ports import Op, Row, Storage

Place = tuple[int, int]
"""How many events of commit n have been seen, and all of the commits before it: ``(n, seen)``."""
Found = tuple[Place, dict[str, Any]]
"""An event, and the place after it."""
OLDEST: Place = (0, 0)


class FeedWriter:
    """Numbers the commits that have events. One per open engine."""

    def __init__(self, kept: int) -> None:
        self.position = 0
        """Number of the last commit that was handed over to be written."""
        self._kept = max(kept, 1)

    async def open(self, storage: PatientReads) -> list[Op]:
        """Go on after the last owner. Returns what removes rows that are kept no longer: it may have kept more."""
        self.position = await newest(storage)
        ops: list[Op] = []
        while rows := await storage.scan(keys.FEED, after=ops[-1][0] if ops else None, before=self._oldest()):
            ops += [(key, None) for key, _ in rows]
        return ops

    def _oldest(self) -> str:
        return keys.feed(max(self.position - self._kept + 1, 0))

    def add(self, batch: Batch) -> None:
        """Give the batch its number and the row that finds its events."""
        self.position += 1
        batch.position = self.position
        batch.ops.append(records.write_feed(self.position, batch.events))
        if self.position > self._kept:
            batch.ops.append((keys.feed(self.position - self._kept), None))


def cursor_text(place: Place) -> str:
    """A place as programs keep it: opaque text."""
    return f"{place[0]:x}.{place[1]:x}"


def parse_cursor(cursor: Any) -> Place:
    """The place that a cursor means. ``InvalidInputError``: it is none."""
    try:
        position, seen = cursor.split(".")
        place = int(position, 16), int(seen, 16)
    except (AttributeError, TypeError, ValueError):
        place = (-1, 0)
    if min(place) < 0:
        reason = f'{cursor!r} is no cursor; use one that a tail has given, "oldest" or "now"'
        raise InvalidInputError(call="after", reason=reason)
    return place


async def newest(storage: Storage | PatientReads) -> int:
    """Number of the last commit with events."""
    before: str | None = None
    while rows := await storage.scan(keys.FEED, before=before, limit=2, reverse=True):
        for before, _ in rows:
            if position := keys.parse_feed(before):
                return position
    return 0


class FeedPage(NamedTuple):
    """Events of all runs, as they are stored."""

    found: list[Found]
    end: Place
    """The place after the page."""
    complete: bool
    """Nothing lay beyond it when it was read."""


async def read_feed(storage: Storage | PatientReads, after: Place, limit: int) -> FeedPage:
    """Up to ``limit`` events beyond a place. What has been purged is left out.

    ``TailOverflowError``: events beyond the place are not kept in the feed any more.
    """
    start, seen = after
    rows = await storage.scan(keys.FEED, after=keys.feed(max(start - 1, 0)), limit=limit)
    if rows and start and keys.parse_feed(rows[0][0]) > start:
        raise TailOverflowError(cursor=cursor_text(after), oldest=cursor_text((keys.parse_feed(rows[0][0]), 0)))
    if not rows and start > await newest(storage) + 1:
        reason = f"{cursor_text(after)!r} lies ahead of all events; it is of another store, or this one was set back"
        raise InvalidInputError(call="after", reason=reason)
    found: list[Found] = []
    end = after
    for row in rows:
        position = keys.parse_feed(row[0])
        if not position:
            continue  # nobody of us wrote it
        events = await _events(storage, row)
        for i, event in enumerate(events):
            if event is None or (position == start and i < seen):
                continue
            if len(found) == limit:
                return FeedPage(found, end, False)
            end = (position, i + 1) if i + 1 < len(events) else (position + 1, 0)
            found.append((end, event))
        end = (position + 1, 0)
    return FeedPage(found, end, len(rows) < limit)


async def _events(storage: Storage | PatientReads, row: Row) -> list[dict[str, Any] | None]:
    """The events of one commit; None for each that is not there any more."""
    try:
        at, turns = records.read_feed(*row)
    except CorruptRecordError as damage:
        return [_unreadable("", 0, 0, damage)]
    events: list[dict[str, Any] | None] = []
    for run_id, first_seq, count in turns:
        key = keys.log(run_id, first_seq)
        data = await storage.get(key)
        none: list[dict[str, Any] | None] = [None] * count
        try:
            found = records.read_events(key, data) if data is not None else []
            if found and found[0]["at"] != at:
                found = []  # that run was purged; these are of another one that was given its id
        except CorruptRecordError as damage:
            found = [_unreadable(run_id, first_seq, count, damage)]
        events += (found + none)[:count]
    return events


def _unreadable(run_id: str, first_seq: int, count: int, damage: CorruptRecordError) -> dict[str, Any]:
    """What stands for events whose record is damaged: the others go on (G18)."""
    kind = "events_unreadable"
    return {"run_id": run_id, "seq": first_seq, "at": 0, "type": kind, "count": count, "error": failure.brief(damage)}
