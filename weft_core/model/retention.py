"""How long finished runs, their events and their idempotency keys are kept."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Any

from weft_core.errors import DefinitionError
from weft_core.model.durations import Duration, duration_ms

_STATUSES = ("completed", "failed", "cancelled", "timed_out", "terminated")


@dataclass(frozen=True)
class Retention:
    """``Retention(completed="30 days", failed="90 days", count=10_000, events=1000)``; what is not named is kept.

    ``completed`` … ``terminated``: how long a run that ended so is kept, from its end on. ``count``: how many finished
    runs of each workflow are kept; the oldest go first. ``events``: how much of a run's event log is kept while it
    goes on: a number of events, or an age as text or timedelta. ``keys``: how long the idempotency key of a purged run
    stays spent (G6); of the engine's policy only. Wrong values: ``DefinitionError``, ``InvalidInputError``.
    """

    completed: Duration | None = None
    failed: Duration | None = None
    cancelled: Duration | None = None
    timed_out: Duration | None = None
    terminated: Duration | None = None
    count: int | None = None
    events: int | str | timedelta | None = None
    keys: Duration | None = None
    _ages: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ages = {name: duration_ms(age, name) for name in _STATUSES if (age := getattr(self, name)) is not None}
        object.__setattr__(self, "_ages", ages)
        if self.keys is not None:
            duration_ms(self.keys, "keys")
        _check_number("count", self.count, 0)
        if isinstance(self.events, (int, float)):
            _check_number("events", self.events, 1)
        elif self.events is not None:
            duration_ms(self.events, "events")

    def age_ms(self, status: str) -> int | None:
        """How long a run that ended with ``status`` is kept; None: for ever."""
        return self._ages.get(status)

    @property
    def removes_runs(self) -> bool:
        return bool(self._ages) or self.count is not None

    @property
    def last_events(self) -> int | None:
        return self.events if isinstance(self.events, int) else None

    @property
    def events_age_ms(self) -> int | None:
        events = self.events
        return None if events is None or isinstance(events, int) else duration_ms(events, "events")

    @property
    def keys_ms(self) -> int | None:
        return None if self.keys is None else duration_ms(self.keys, "keys")

    def to_json(self) -> dict[str, Any]:
        """What it says, for people."""
        named = [f.name for f in fields(self) if f.init and getattr(self, f.name) is not None]
        return {name: v if isinstance(v := getattr(self, name), (int, float, str)) else str(v) for name in named}


def _check_number(name: str, value: Any, least: int) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
        raise DefinitionError(f"Retention({name}={value!r}): it is a whole number, {least} or more")


KEEP = Retention()
"""Everything, for ever."""


def keep_all(workflow: str) -> Retention:
    """The policy of an engine that has none."""
    return KEEP
