"""Cron expressions: five fields, read exactly, and the minutes of a calendar that they name.

    ┌ minute 0-59   ┌ hour 0-23   ┌ day 1-31, L      ┌ month 1-12, JAN-DEC   ┌ weekday 0-7 (0 and 7: Sunday), SUN-SAT,
    30              3             *                  *                       MON-FRI       5#3 third Friday, 5L last one

A field is ``*``, numbers, names, ranges, lists, each with ``/step``. If both day fields are restricted (neither begins
with ``*``) a day that fits either fits, as in every cron since Vixie's.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

from weft_core.errors import InvalidInputError

_MACROS = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_LONGEST_GAP_DAYS = 366 * 45
"""29 February on one certain weekday comes once in 28 years, and once in 40 across a century that has none."""


@dataclass(frozen=True, slots=True)
class _Field:
    """What one field may hold."""

    name: str
    low: int
    high: int
    names: dict[str, int]


_FIELDS = (
    _Field("minute", 0, 59, {}),
    _Field("hour", 0, 23, {}),
    _Field("day", 1, 31, {}),
    _Field("month", 1, 12, {name: i for i, name in enumerate(_MONTHS, 1)}),
    _Field("weekday", 0, 7, {name: i for i, name in enumerate(_WEEKDAYS)}),
)


@dataclass(frozen=True, slots=True)
class Cron:
    """The days and times of day that an expression names; made by :func:`parse_cron`."""

    times: tuple[tuple[int, int], ...]
    """(hour, minute) in order."""
    months: frozenset[int]
    days: frozenset[int]
    """Days of the month; 0 is the last one."""
    weekdays: frozenset[int]
    """0 is Sunday."""
    nth_weekdays: frozenset[tuple[int, int]]
    """(weekday, which of the month); 0 is the last one."""
    either_day: bool
    """A day fits if the day or the weekday does; else both must."""
    by_real_time: bool
    """Minute or hour begin with ``*``: it means an interval, and follows real time when clocks change."""

    def first_from(self, moment: datetime) -> datetime | None:
        """The first fitting minute at or after a naive local minute; None if there is none in 45 years."""
        day = moment.date()
        if self.fits(day):
            at = bisect_left(self.times, (moment.hour, moment.minute))
            if at < len(self.times):
                return _at(day, self.times[at])
        try:
            for _ in range(_LONGEST_GAP_DAYS):
                day = day + timedelta(days=1) if day.month in self.months else _next_month(day)
                if self.fits(day):
                    return _at(day, self.times[0])
        except (OverflowError, ValueError):  # the calendar ends
            pass
        return None

    def fits(self, day: date) -> bool:
        """Whether it names any minute of this day."""
        if day.month not in self.months:
            return False
        in_month = day.day in self.days or (0 in self.days and day.day == _length(day))
        in_week = self._fits_week(day)
        return in_month or in_week if self.either_day else in_month and in_week

    def _fits_week(self, day: date) -> bool:
        weekday = day.isoweekday() % 7
        if weekday in self.weekdays:
            return True
        last = day.day > _length(day) - 7
        return (weekday, (day.day + 6) // 7) in self.nth_weekdays or (last and (weekday, 0) in self.nth_weekdays)


def _at(day: date, time: tuple[int, int]) -> datetime:
    return datetime(day.year, day.month, day.day, *time)


def _length(day: date) -> int:
    return 31 if day.month == 12 else (_next_month(day) - timedelta(days=1)).day


def _next_month(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


@lru_cache(maxsize=1024)
def parse_cron(text: str) -> Cron:
    """Read an expression or a macro such as ``@daily``. ``InvalidInputError`` names the field that cannot be read."""
    parts = _MACROS.get(text.strip().lower(), text).split()
    if len(parts) != 5:
        raise _refused(text, f"it has {len(parts)} fields, not five: minute hour day month weekday, or @daily")
    minute, hour, day, month, weekday = parts
    weekdays, nth = _weekdays(text, weekday)
    days = frozenset(n for item in day.split(",") for n in ((0,) if item == "L" else _numbers(text, 2, item)))
    cron = Cron(
        tuple((h, m) for h in sorted(_field(text, 1, hour)) for m in sorted(_field(text, 0, minute))),
        _field(text, 3, month), days, weekdays, nth,
        either_day=day[0] != "*" and weekday[0] != "*",
        by_real_time=minute[0] == "*" or hour[0] == "*",
    )  # fmt: skip
    if cron.first_from(datetime(2000, 1, 1)) is None:
        raise _refused(text, "no day of any year fits it")
    return cron


def _field(text: str, which: int, part: str) -> frozenset[int]:
    return frozenset(n for item in part.split(",") for n in _numbers(text, which, item))


def _weekdays(text: str, part: str) -> tuple[frozenset[int], frozenset[tuple[int, int]]]:
    plain: set[int] = set()
    nth: set[tuple[int, int]] = set()
    for item in part.split(","):
        day, sharp, which = item.partition("#")
        if sharp:
            if which not in ("1", "2", "3", "4", "5"):
                raise _refused(text, f"{item!r}: a month has up to five of each weekday, #1 to #5")
            nth.add((_number(text, _FIELDS[4], day) % 7, int(which)))
        elif item.endswith("L") and len(item) > 1:
            nth.add((_number(text, _FIELDS[4], item[:-1]) % 7, 0))
        else:
            plain |= {n % 7 for n in _numbers(text, 4, item)}
    return frozenset(plain), frozenset(nth)


def _numbers(text: str, which: int, item: str) -> range:
    """One item of a list: ``*``, ``a``, ``a-b``, each perhaps with ``/step``."""
    field = _FIELDS[which]
    span, slash, step = item.partition("/")
    every = 1
    if slash:
        if not (step.isascii() and step.isdigit() and int(step)):
            raise _refused(text, f"{item!r} in the {field.name}: a step is a number above zero")
        every = int(step)
    if span == "*":
        return range(field.low, min(field.high, 6 if which == 4 else field.high) + 1, every)
    first, dash, last = span.partition("-")
    low = _number(text, field, first)
    high = _number(text, field, last) if dash else field.high if slash else low
    if low > high:
        raise _refused(text, f"{span!r} in the {field.name} runs backwards; write two ranges")
    return range(low, high + 1, every)


def _number(text: str, field: _Field, word: str) -> int:
    number = field.names.get(word.upper())
    if number is None and word.isascii() and word.isdigit() and len(word) <= 2:
        number = int(word)
    if number is None or not field.low <= number <= field.high:
        known = f", {next(iter(field.names))}..." if field.names else ""
        raise _refused(text, f"{word!r} is no {field.name}; use {field.low}-{field.high}{known}")
    return number


def _refused(text: str, reason: str) -> InvalidInputError:
    return InvalidInputError(call=f"cron {text!r}", reason=reason)
