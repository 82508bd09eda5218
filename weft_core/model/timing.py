"""When a schedule is due: pure arithmetic on instants, time zones and their clock changes included.

Local times that a clock change leaves out are due once, at the first minute after the gap; those that it repeats are
due once, the first time. An expression whose minute or hour begins with ``*`` means an interval: it follows real time,
so it is due in both passes of a repeated hour and has nothing to make up after a gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

from weft_core.errors import InvalidInputError
from weft_core.model.cron import Cron, parse_cron
from weft_core.model.durations import MAX_INSTANT_MS, from_ms

_MS = timedelta(milliseconds=1)
_MINUTE = timedelta(minutes=1)
_STRIDE = timedelta(hours=6)
"""No time zone has changed its clocks twice in less."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=64)
def time_zone(name: str) -> tzinfo:
    """The time zone of this name, as ``Europe/Zurich``. Not known here: ``InvalidInputError``."""
    if name == "UTC":
        return UTC
    import zoneinfo  # only where one is named: a browser loads its database only then

    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        reason = f"the time zone {name!r} is not known on this machine; check its name, or install the tzdata package"
        raise InvalidInputError(call="timezone", reason=reason) from None


@dataclass(frozen=True, slots=True)
class Timing:
    """Either a cron expression in a time zone, or an interval that counts from ``anchor_ms``. 0: not given."""

    cron: str = ""
    every_ms: int = 0
    timezone: str = "UTC"
    anchor_ms: int = 0
    start_ms: int = 0
    """Nothing is due before."""
    end_ms: int = 0
    """Nothing is due at or after."""

    def after(self, instant_ms: int) -> int | None:
        """The first time strictly after an instant, in epoch milliseconds; None if there is none."""
        instant_ms = max(instant_ms, self.start_ms - 1)
        found = self._next_interval(instant_ms) if self.every_ms else self._next_cron(instant_ms)
        if found is None or found >= (self.end_ms or MAX_INSTANT_MS):
            return None
        return found

    def _next_interval(self, instant_ms: int) -> int:
        return self.anchor_ms + ((instant_ms - self.anchor_ms) // self.every_ms + 1) * self.every_ms

    def _next_cron(self, instant_ms: int) -> int | None:
        cron, zone = parse_cron(self.cron), time_zone(self.timezone)
        search = _by_real_time if cron.by_real_time else _by_wall_clock
        try:
            found = search(cron, zone, from_ms(instant_ms))
        except OverflowError:  # the calendar ends
            return None
        return None if found is None else (found - _EPOCH) // _MS


def _by_wall_clock(cron: Cron, zone: tzinfo, instant: datetime) -> datetime | None:
    local = _wall(instant, zone)
    minute = cron.first_from(local.replace(second=0, microsecond=0) + _MINUTE)
    while minute is not None:
        due = _instant_of(minute, zone)
        if due > instant:
            return due
        minute = cron.first_from(minute + _MINUTE)  # it is in the second pass of a repeated hour
    return None


def _instant_of(minute: datetime, zone: tzinfo) -> datetime:
    """When clocks show this local minute for the first time; or the end of the gap that leaves it out."""
    instant = minute.replace(tzinfo=zone).astimezone(UTC)
    gap = _wall(instant, zone) - minute
    return _first_change(instant - gap, instant, zone) or instant if gap else instant


def _by_real_time(cron: Cron, zone: tzinfo, instant: datetime) -> datetime | None:
    start = instant + _MS
    while True:
        local = _wall(start, zone)
        minute = cron.first_from(_whole(local))
        if minute is None:
            return None
        due = start + (minute - local)
        change = _first_change(start, due, zone)
        if change is None:
            return due
        start = change


def _whole(local: datetime) -> datetime:
    """The minute that begins now or next."""
    begun = local.replace(second=0, microsecond=0)
    return begun if begun == local else begun + _MINUTE


def _wall(instant: datetime, zone: tzinfo) -> datetime:
    """What clocks show there, without the zone."""
    return instant.astimezone(zone).replace(tzinfo=None)


def _first_change(start: datetime, end: datetime, zone: tzinfo) -> datetime | None:
    """The first instant after ``start`` and not after ``end`` at which clocks differ otherwise from UTC."""
    offset = start.astimezone(zone).utcoffset()
    while start < end:
        probe = min(start + _STRIDE, end)
        if probe.astimezone(zone).utcoffset() != offset:
            return _between(start, probe, offset, zone)
        start = probe
    return None


def _between(before: datetime, after: datetime, offset: timedelta | None, zone: tzinfo) -> datetime:
    while after - before > _MS:
        middle = before + (after - before) // 2
        middle -= timedelta(microseconds=middle.microsecond % 1000)
        if middle <= before:
            middle = before + _MS
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after
