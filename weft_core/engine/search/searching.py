"""Pages, counts and aggregates. Only pages read records: of the runs they show, and of candidates that do not fit."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from weft_core.engine.present import jsonable
from weft_core.engine.search import gathering
from weft_core.engine.search.filters import EVERY_ROW, Filter, Listing
from weft_core.engine.search.gathering import PAGE, Chosen, Reads, Stream
from weft_core.engine.search.page import Aggregate, Page
from weft_core.engine.search.spans import Condition, Span, end_of, is_text
from weft_core.errors import InvalidFilterError, WeftError
from weft_core.machine import ordered, records
from weft_core.model import keys
from weft_core.model.run import RunHeader
from weft_core.workflow import SearchAttribute

Item = dict[str, Any]
Damage = tuple[str, WeftError]
_MAX_GROUPS = 10_000
_LEAST = 32
"""Candidates that are looked at together."""
_EVERYTHING = Filter()


class _Source(Protocol):
    async def take(self, position: str | None, count: int) -> tuple[list[str], str | None]: ...


class Search:
    """Searches a store. ``present`` makes an item of a record, ``damaged`` one of a record that cannot be read."""

    def __init__(
        self,
        storage: Reads,
        present: Callable[[RunHeader], Awaitable[Item]],
        damaged: Callable[[str, WeftError], Item],
    ) -> None:
        self._storage, self._present, self._damaged = storage, present, damaged

    # -- lists

    async def page(self, listing: Listing) -> Page:
        """The runs that fit, in order. A record that cannot be read is listed with its error where nothing is asked."""
        source, narrow = await self._source(listing), True
        items: list[Item] = []
        position: str | None = listing.position
        while True:
            tried = max(listing.limit - len(items), _LEAST)
            taken, behind = await source.take(position, tried)
            fitting = await self._items(taken, listing.filter)
            for at, item in fitting:
                items.append(item)
                if len(items) == listing.limit:
                    more = behind is not None or at != taken[-1]
                    return Page(items, listing.cursor(at) if more else None)
            if behind is None:
                return Page(items, None)
            position = behind
            if narrow and 2 * len(fitting) < tried:
                narrow = False  # most of what comes in this order is not asked for: let the indexes say which is
                source = await self._narrowed(listing) or source

    async def _source(self, listing: Listing) -> _Source:
        """The rows to try, in order: of one condition, else of all runs."""
        spans: tuple[Span, ...] = (Span(listing.order),)
        if listing.order != keys.BY_TIME:
            return Stream(self._storage, spans, listing.newest_first, EVERY_ROW, listing.filter.wants)
        exact = [c for c in listing.filter.conditions if c.exact]
        if exact or listing.filter.state is not None:
            narrowest = min(exact, key=lambda c: (c is listing.filter.state, len(c.spans)), default=None)
            spans = await gathering.in_order(self._storage, narrowest or listing.filter.state)  # type: ignore[arg-type]
        return Stream(self._storage, spans, listing.newest_first, listing.filter.created, listing.filter.wants)

    async def _narrowed(self, listing: Listing) -> _Source | None:
        """Those for which every condition holds, as far as the indexes tell; None if that are too many."""
        wanted = listing.filter
        found = None
        if wanted.conditions:
            found = await gathering.intersection(self._storage, wanted.conditions, 2 * listing.limit)
        elif wanted.id_prefix:
            found = await gathering.ends_by_id(self._storage, wanted.id_prefix, _created)
        if found is None:
            return None
        if listing.order == keys.BY_TIME:
            return Chosen(filter(wanted.wants, found), listing.newest_first)
        return Stream(
            self._storage, (Span(listing.order),), listing.newest_first, EVERY_ROW,
            lambda end: end in found and wanted.wants(end),
        )  # fmt: skip

    async def _items(self, positions: list[str], wanted: Filter) -> list[tuple[str, Item]]:
        found = await asyncio.gather(*[self._item(end_of(position)[13:], wanted) for position in positions])
        return [(at, item) for at, item in zip(positions, found, strict=True) if item is not None]

    async def _item(self, run_id: str, wanted: Filter) -> Item | None:
        data = await self._storage.get(keys.run(run_id))
        if data is None:
            return None
        try:
            header = records.read_header(run_id, data)
            item = await self._present(header) if wanted.fits(header) else None
        except WeftError as damage:
            return self._damaged(run_id, damage) if wanted == _EVERYTHING else None
        if item is None or wanted.updated is None or wanted.updated[0] <= item["updated_at"] < wanted.updated[1]:
            return item
        return None

    # -- numbers

    async def count(self, wanted: Filter) -> int:
        """How many runs fit. Reads index rows only."""
        _must_be_indexed(wanted)
        conditions = wanted.conditions or (_ALL_RUNS,)
        if len(conditions) > 1 or wanted.bounded or len(conditions[0].spans) > 1:
            return len(await self._ends(wanted))
        return await self._rows(conditions[0].spans[0], lambda _: None)

    async def _ends(self, wanted: Filter) -> set[str]:
        found = await gathering.intersection(self._storage, wanted.conditions or (_ALL_RUNS,)) or set()
        return {end for end in found if wanted.wants(end)} if wanted.bounded else found

    async def _rows(self, span: Span, visit: Callable[[list[str]], None]) -> int:
        """Visit the keys of a span, page by page; how many there are."""
        count, after = 0, span.after
        while True:
            rows = await self._storage.scan(span.prefix, after=after, before=span.before, limit=PAGE)
            visit([key for key, _ in rows])
            count += len(rows)
            if len(rows) < PAGE:
                return count
            after = rows[-1][0]

    async def aggregate(self, wanted: Filter, by: Any, limit: int) -> Aggregate:
        """How many runs fit, by ``by``. Reads index rows only."""
        _must_be_indexed(wanted)
        if type(limit) is not int or not 1 <= limit <= _MAX_GROUPS:
            raise InvalidFilterError(filter="limit", reason=f"{limit!r} is not between 1 and {_MAX_GROUPS}")
        group_of, prefix = _dimension(by)
        chosen = None if wanted == _EVERYTHING else await self._ends(wanted)
        beginnings: Counter[str] = Counter()  # of rows, up to their end: few of them are taken apart
        seen: set[str] = set()

        def visit(rows: list[str]) -> None:
            if chosen is not None:
                rows = [row for row in rows if end_of(row) in chosen]
            if prefix != keys.BY_STATE:  # of which every run has one
                seen.update(map(end_of, rows))
            beginnings.update([row[: row.rfind("/") - 12] for row in rows])

        await self._rows(Span(prefix), visit)
        total = await self.count(wanted) if chosen is None else len(chosen)
        counts: Counter[Any] = Counter()
        for beginning, count in beginnings.items():
            counts[group_of(beginning)] += count
        groups = [{"key": jsonable(key), "count": count} for key, count in counts.items()]
        if prefix != keys.BY_STATE and total > len(seen):
            groups.append({"key": None, "count": total - len(seen)})
        groups.sort(key=lambda group: (-group["count"], str(group["key"])))
        return Aggregate(total, groups[:limit], len(groups) > limit)


_ALL_RUNS = Condition((Span(keys.BY_TIME),), exact=True)


def _created(run_id: str, data: bytes) -> int | None:
    try:
        return records.read_header(run_id, data).created_at
    except WeftError:
        return None


def _must_be_indexed(wanted: Filter) -> None:
    if wanted.updated is not None:
        reason = "a run is updated by each of its steps, so no index knows when; list() can filter by it"
        raise InvalidFilterError(filter="updated", reason=reason)


def _dimension(by: Any) -> tuple[Callable[[str], Any], str]:
    """How a row names its group, and the rows that do."""
    if by == "status":
        return lambda row: row.split("/", 2)[1], keys.BY_STATE
    if by == "workflow":
        return lambda row: row.split("/", 3)[2], keys.BY_STATE
    if by == "failure":
        return lambda row: keys.name_in(row.split("/", 2)[1]), "by-failure/"
    name = by.name if isinstance(by, SearchAttribute) else by
    if not is_text(name) or not name:
        raise InvalidFilterError(filter="by", reason=f"{by!r} is not status, workflow, failure or an attribute's name")
    prefix = keys.by_name("attribute", name)
    return lambda row: ordered.decode(row[len(prefix) : row.rfind(ordered.END)]), prefix
