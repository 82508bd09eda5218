"""Reading index rows: whole conditions at once, their intersection, and streams in order."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence

from weft_core.engine.patience import PatientReads
from weft_core.engine.search.spans import Condition, Span, end_of
from weft_core.model import keys
from weft_core.ports import Row, Storage

Reads = Storage | PatientReads
PAGE = 1024
"""Rows in one read: about half a millisecond on SQLite."""
_LARGEST = 4 * PAGE
_MOST = 200 * PAGE
"""Rows of one condition that are held in memory at once for a page of a list."""
_LAST = "\U0010ffff"


class Reading:
    """A condition being read: the ends of its rows so far."""

    def __init__(self, storage: Reads, condition: Condition) -> None:
        self._storage = storage
        self._spans = list(condition.spans)
        self._after: str | None = None
        self.ends: set[str] = set()
        self.done = False

    async def read(self, limit: int) -> None:
        """One more page."""
        span = self._spans[0]
        rows = await self._storage.scan(span.prefix, after=self._after or span.after, before=span.before, limit=limit)
        self.ends.update([key[max(0, key.rfind("/") - 12) :] for key, _ in rows])  # end_of, without a call for each
        if len(rows) == limit:
            self._after = rows[-1][0]
            return
        self._after = None
        del self._spans[0]
        self.done = not self._spans


async def intersection(storage: Reads, conditions: Sequence[Condition], enough: int | None = None) -> set[str] | None:
    """The ends of rows of runs for which all conditions hold.

    With ``enough`` it may be more than that: reading stops as soon as only so many are left. It is None then if every
    condition holds for more runs than can be kept.
    """
    readings = [Reading(storage, condition) for condition in conditions]
    limit, rows = PAGE, 0
    while True:
        await asyncio.gather(*[reading.read(limit) for reading in readings if not reading.done])
        rows, limit = rows + limit, min(2 * limit, _LARGEST)
        found = [reading.ends for reading in readings if reading.done]
        both = set.intersection(*found) if found else None
        if len(found) == len(readings) or (both is not None and len(both) <= (enough or 0)):
            return both
        if enough is not None and rows >= _MOST:
            return both


class Stream:
    """Rows of spans in one order, as positions: what follows the name of a span."""

    def __init__(
        self, storage: Reads, spans: Sequence[Span], newest_first: bool, bounds: Span, wants: Callable[[str], bool]
    ) -> None:
        self._storage, self._spans, self._reverse = storage, spans, newest_first
        self._bounds, self._wants = bounds, wants

    async def take(self, position: str | None, count: int) -> tuple[list[str], str | None]:
        """Up to ``count`` wanted positions behind this one, and where to go on; None: at the end."""
        pages = await asyncio.gather(*[self._scan(span, position, count) for span in self._spans])
        found = sorted({position for page in pages for position in page}, reverse=self._reverse)[:count]
        behind = found[-1] if len(found) == count else None
        return [position for position in found if self._wants(end_of(position))], behind

    async def _scan(self, span: Span, position: str | None, count: int) -> list[str]:
        after, before = self._bounds.after, self._bounds.before
        if position is not None and self._reverse:
            before = position if before is None else min(before, position)
        elif position is not None:
            after = position if after is None else max(after, position)
        rows = await self._storage.scan(
            span.prefix,
            after=None if after is None else span.prefix + after,
            before=None if before is None else span.prefix + before,
            limit=count,
            reverse=self._reverse,
        )
        return [key[len(span.prefix) :] for key, _ in rows]


class Chosen:
    """Positions that are known already, as a stream."""

    def __init__(self, positions: Iterable[str], newest_first: bool) -> None:
        self._positions, self._reverse = sorted(positions), newest_first

    async def take(self, position: str | None, count: int) -> tuple[list[str], str | None]:
        known = self._positions
        if self._reverse:
            end = len(known) if position is None else bisect_left(known, position)
            first = max(0, end - count)
            return known[first:end][::-1], known[first] if first else None
        first = 0 if position is None else bisect_right(known, position)
        found = known[first : first + count]
        return found, found[-1] if first + count < len(known) else None


async def in_order(storage: Reads, condition: Condition) -> tuple[Span, ...]:
    """The spans of a condition on status alone, one for each workflow that has such runs, in order of creation."""
    if condition.exact:
        return condition.spans
    found = await asyncio.gather(*[_workflows(storage, span) for span in condition.spans])
    return tuple(Span(prefix) for spans in found for prefix in spans)


async def _workflows(storage: Reads, span: Span) -> list[str]:
    found: list[str] = []
    after: str | None = None
    while rows := await storage.scan(span.prefix, after=after, limit=1):
        name = _first(rows, span)
        found.append(f"{span.prefix}{name}/")
        after = f"{span.prefix}{name}/{_LAST}"
    return found


def _first(rows: list[Row], span: Span) -> str:
    return rows[0][0][len(span.prefix) :].partition("/")[0]


async def ends_by_id(storage: Reads, id_prefix: str, created: Callable[[str, bytes], int | None]) -> set[str] | None:
    """The ends of rows of runs whose id begins so; None if there are many."""
    rows = await storage.scan(keys.run(id_prefix), limit=PAGE)
    if len(rows) == PAGE:
        return None
    found = set()
    for key, data in rows:
        run_id = key.removeprefix(keys.RUNS)
        if (at := created(run_id, data)) is not None:
            found.add(keys.created(at, run_id))
    return found
