"""Following events: tails, pages, listeners."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from weft_core.engine.feed import OLDEST, FeedPage, Place, cursor_text, parse_cursor
from weft_core.engine.present import present_event
from weft_core.engine.tails import EventTail, FeedSource, RunSource
from weft_core.engine.verbs.looking import LookingVerbs
from weft_core.errors import InvalidInputError
from weft_core.model.events import Event, event_names, parse_event

E = TypeVar("E", bound=Event)
EventTypes = Iterable[type[Event] | str]


@dataclass(frozen=True, slots=True)
class EventPage:
    """A page of events of all runs; ``cursor`` asks for the next one, ``more`` says whether that has any yet."""

    events: list[dict[str, Any]]
    cursor: str
    more: bool


class TailingVerbs(LookingVerbs):
    """tail, feed, subscribe."""

    @overload
    def tail(
        self, run_id: str | None = None, *, types: Iterable[type[E]], after: int | str | None = None
    ) -> EventTail[E]: ...

    @overload
    def tail(
        self, run_id: str | None = None, *, types: EventTypes | None = None, after: int | str | None = None
    ) -> EventTail[Event]: ...

    def tail(
        self, run_id: str | None = None, *, types: EventTypes | None = None, after: int | str | None = None
    ) -> EventTail[Any]:
        """Follow the events of a run, or of all runs in the order in which they became durable: stored ones first, then
        live ones, none missing, none twice.

        Of a run: those with a number above ``after``, from the first by default; ends with the run. Of all runs:
        ``after`` is a ``cursor`` that a tail has given, also one before a restart, or "oldest" (that is kept in the
        feed), or "now" (the default); ends never. ``types`` are classes or stored names.
        """
        names = event_names(types)
        if run_id is None:
            return EventTail(self.events, FeedSource(self._read_feed), self._place(after), parse_event, names)
        if after is not None and (not isinstance(after, int) or after < 0):
            reason = f"{after!r} is no number of an event; of one run, tails start after a number"
            raise InvalidInputError(call="after", reason=reason)
        return EventTail(self.events, RunSource(self, run_id), (after or 0, 0), parse_event, names)

    async def _read_feed(self, after: Place, limit: int) -> FeedPage:
        return await self.reader.feed(after, limit)

    async def feed(self, *, after: str = "oldest", limit: int = 1000, types: EventTypes | None = None) -> EventPage:
        """One page of the events of all runs, as dicts, for who cannot hold a tail open. ``after`` as in :meth:`tail`.

        ``limit`` (1 to 1000) bounds what is looked at: with ``types`` a page may be empty and others follow.
        ``TailOverflowError``: the feed does not go back so far any more.
        """
        if not isinstance(limit, int) or not 1 <= limit <= 1000:
            raise InvalidInputError(call="feed", reason=f"limit is {limit}; it must be between 1 and 1000")
        names, place = event_names(types), self._place(after)
        page = await self.reader.feed(place, limit)
        events = [present_event(event) for _, event in page.found if names is None or event["type"] in names]
        return EventPage(events, cursor_text(page.end), not page.complete)

    def _place(self, after: Any) -> Place:
        if after == "oldest":
            return OLDEST
        return (self.events.position + 1, 0) if after in (None, "now") else parse_cursor(after)

    @overload
    def subscribe(
        self, listener: Callable[[E], None], run_id: str | None = None, *, types: Iterable[type[E]]
    ) -> Callable[[], None]: ...

    @overload
    def subscribe(
        self, listener: Callable[[Event], None], run_id: str | None = None, *, types: EventTypes | None = None
    ) -> Callable[[], None]: ...

    def subscribe(
        self, listener: Callable[[Any], None], run_id: str | None = None, *, types: EventTypes | None = None
    ) -> Callable[[], None]:
        """Call ``listener`` with every event (of one run; of these types) once it is durable, and not again after a
        crash: a listener may miss what a :meth:`tail` would give. Returns the function that ends this.

        It is called on the event loop between two commits: it must be short. What it raises is logged.
        """
        return self.events.subscribe(lambda event: listener(parse_event(event)), run_id, event_names(types))
