"""What a search asks for, as spans of index rows: one meaning for finding runs and for judging a record."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any, get_args

from weft_core.engine.search.attribute_filters import attribute_conditions
from weft_core.engine.search.spans import Condition, Span, is_text
from weft_core.errors import InvalidFilterError, InvalidInputError
from weft_core.machine import index
from weft_core.model import keys
from weft_core.model.durations import instant_ms
from weft_core.model.run import RunHeader, Status

STATUSES: tuple[str, ...] = get_args(Status)
ORDERS = {"created": keys.BY_TIME, "finished": keys.BY_FINISHED, "deadline": keys.BY_DEADLINE}
MAX_LIMIT = 1000
EVERY_ROW = Span("")
_MAX_MS = 1 << 47


@dataclass(frozen=True, slots=True)
class Filter:
    """A search, checked. Every condition must hold."""

    conditions: tuple[Condition, ...] = ()
    state: Condition | None = None
    """That of ``conditions`` which is about status and workflow."""
    created: Span = EVERY_ROW
    """Of the ends of rows: ``<created>/<id>``."""
    id_prefix: str = ""
    updated: tuple[int, int] | None = None
    """Epoch ms, the end exclusive; no index knows it."""

    def wants(self, end: str) -> bool:
        """Whether the end of a row is within what does not need the record."""
        return self.created.holds(end) and (not self.id_prefix or end[13:].startswith(self.id_prefix))

    @property
    def bounded(self) -> bool:
        """Whether :meth:`wants` says no to any."""
        return bool(self.id_prefix) or self.created != EVERY_ROW

    def fits(self, header: RunHeader) -> bool:
        """Whether a record is what is asked for, apart from ``wants`` and ``updated``."""
        return all(condition.fits(header.indexed) for condition in self.conditions)


@dataclass(frozen=True, slots=True)
class Listing:
    """A page that is asked for."""

    filter: Filter
    order: str = keys.BY_TIME
    """The index whose order it is."""
    newest_first: bool = True
    limit: int = 50
    position: str | None = None
    """Where the page before it ended: the row without the name of its index."""

    def cursor(self, position: str) -> str:
        text = f"{self.order}{'-' if self.newest_first else '+'}{position}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def parse(
    *,
    status: str | Sequence[str] | None = None,
    workflow: Any = None,
    tags: Sequence[str] = (),
    attributes: Mapping[Any, Any] | None = None,
    id_prefix: str = "",
    created: Mapping[str, Any] | None = None,
    updated: Mapping[str, Any] | None = None,
    finished: Mapping[str, Any] | None = None,
    deadline: Mapping[str, Any] | None = None,
    parent: str | Sequence[str] | None = None,
    schedule: str | Sequence[str] | None = None,
    failure: str | Sequence[str] | None = None,
) -> Filter:
    """The filter that these words mean. ``InvalidFilterError``."""
    found: list[Condition] = []
    state = _state(status, workflow)
    if state is not None:
        found.append(state)
    for kind, wanted in (("parent", parent), ("schedule", schedule)):
        if wanted is not None:
            found.append(_any_of([keys.by_name(kind, name) for name in _texts(kind, wanted)]))
    if failure is not None:
        found.append(_any_of([index.failure(code) for code in _texts("failure", failure)]))
    found += [_any_of([keys.by_name("tag", tag)]) for tag in _texts("tags", tags)]
    if attributes:
        found += attribute_conditions(attributes)
    for name, bounds in (("finished", finished), ("deadline", deadline)):
        if bounds is not None:
            low, high = _instants(name, bounds)
            prefix = ORDERS[name]
            found.append(Condition((Span(prefix, f"{prefix}{low:012x}", f"{prefix}{high:012x}"),), exact=False))
    if not is_text(id_prefix):
        raise InvalidFilterError(filter="id_prefix", reason=f"{id_prefix!r} is not text")
    within = EVERY_ROW
    if created is not None:
        low, high = _instants("created", created)
        within = Span("", f"{low:012x}", f"{high:012x}")
    return Filter(
        tuple(found), state, within, id_prefix, _instants("updated", updated) if updated is not None else None
    )


def parse_words(words: Mapping[str, Any]) -> Filter:
    """The filter that these words mean. ``InvalidFilterError``, also for a word that there is not."""
    for name in words:
        if name not in _WORDS:
            raise InvalidFilterError(filter=name, reason=f"there is no such filter; there are {', '.join(_WORDS)}")
    return parse(**words)


_WORDS = (
    "status", "workflow", "tags", "attributes", "id_prefix", "created", "updated", "finished", "deadline", "parent",
    "schedule", "failure",
)  # fmt: skip


def parse_listing(*, order: str = "-created", limit: int = 50, cursor: str | None = None, **words: Any) -> Listing:
    """The page that these words mean. ``InvalidFilterError``."""
    if type(limit) is not int or not 1 <= limit <= MAX_LIMIT:
        raise InvalidFilterError(filter="limit", reason=f"limit is {limit!r}; it must be between 1 and {MAX_LIMIT}")
    name = order.removeprefix("-") if isinstance(order, str) else ""
    if name not in ORDERS:
        known = ", ".join(f"{sign}{name}" for name, sign in product(ORDERS, ("-", "")))
        raise InvalidFilterError(filter="order", reason=f"{order!r} is none of {known}")
    listing = Listing(parse_words(words), ORDERS[name], order.startswith("-"), limit)
    if cursor is None:
        return listing
    return Listing(listing.filter, listing.order, listing.newest_first, limit, _position(cursor, listing))


def _position(cursor: str, listing: Listing) -> str:
    try:
        text = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)).decode()
    except (AttributeError, ValueError, binascii.Error):
        text = ""
    beginning = f"{listing.order}{'-' if listing.newest_first else '+'}"
    if not text.startswith(beginning):
        reason = "it is not the cursor of a page in this order; pass on what Page.cursor gave, with the same filters"
        raise InvalidFilterError(filter="cursor", reason=reason)
    return text.removeprefix(beginning)


def _texts(name: str, wanted: Any) -> list[str]:
    found = [wanted] if isinstance(wanted, str) else list(wanted) if isinstance(wanted, (list, tuple, set)) else [None]
    for text in found:
        if not is_text(text):
            raise InvalidFilterError(filter=name, reason=f"{wanted!r} is neither text nor a list of text")
    return list(dict.fromkeys(found))


def _any_of(prefixes: Sequence[str]) -> Condition:
    return Condition(tuple(Span(prefix) for prefix in prefixes), exact=True)


def _state(status: Any, workflow: Any) -> Condition | None:
    if status is None and workflow is None:
        return None
    statuses = STATUSES if status is None else _texts("status", status)
    for name in statuses:
        if name not in STATUSES:
            raise InvalidFilterError(filter="status", reason=f"{name!r} is none of {', '.join(STATUSES)}")
    if workflow is None:
        # in order of creation only among the runs of one workflow: a search looks up which workflows there are
        return Condition(tuple(Span(f"{keys.BY_STATE}{name}/") for name in statuses), exact=False)
    workflows = _texts("workflow", getattr(workflow, "name", workflow))
    return _any_of([keys.by_state(*pair) for pair in product(statuses, workflows)])


def _instants(name: str, bounds: Any) -> tuple[int, int]:
    """From and until (exclusive), in epoch ms."""
    if not isinstance(bounds, Mapping) or not bounds or not {*bounds} <= {"gte", "gt", "lt", "lte"}:
        raise InvalidFilterError(
            filter=name, reason=f"{bounds!r} is no range; use gte, gt, lt and lte, as in {_EXAMPLE}"
        )
    low, high = 0, _MAX_MS
    for operator, value in bounds.items():
        at = _instant(name, value)
        if operator in ("gte", "gt"):
            low = max(low, at + (operator == "gt"))
        else:
            high = min(high, at + (operator == "lte"))
    return low, max(low, high)


_EXAMPLE = '{"gte": datetime.now(UTC) - timedelta(hours=1)}'


def _instant(name: str, value: Any) -> int:
    try:
        return max(0, instant_ms(datetime.fromisoformat(value) if isinstance(value, str) else value, name))
    except (ValueError, InvalidInputError) as error:
        raise InvalidFilterError(filter=name, reason=str(error)) from None
