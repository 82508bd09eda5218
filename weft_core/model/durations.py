"""Durations and instants as people write them, turned into milliseconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from weft_core.errors import InvalidInputError

Duration = int | float | str | timedelta
"""Seconds as a number, a timedelta, or text: "90s", "24 hours", "1h30m", "1 year" (365 days), ISO 8601 "PT1H"."""

_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000, "y": 31_536_000_000}
_WORDS = {
    "ms": "ms", "msec": "ms", "msecs": "ms", "millisecond": "ms", "milliseconds": "ms",
    "s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s",
    "m": "m", "min": "m", "mins": "m", "minute": "m", "minutes": "m",
    "h": "h", "hr": "h", "hrs": "h", "hour": "h", "hours": "h",
    "d": "d", "day": "d", "days": "d", "w": "w", "week": "w", "weeks": "w",
    "y": "y", "year": "y", "years": "y",
}  # fmt: skip
_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*(?:,|and)?", re.ASCII)
_ISO = re.compile(
    r"P(?:(?P<w>\d+(?:\.\d+)?)W)?(?:(?P<d>\d+(?:\.\d+)?)D)?"
    r"(?:T(?:(?P<h>\d+(?:\.\d+)?)H)?(?:(?P<m>\d+(?:\.\d+)?)M)?(?:(?P<s>\d+(?:\.\d+)?)S)?)?",
    re.ASCII,
)
MAX_DURATION_MS = 1_000 * 365 * 86_400_000
MAX_INSTANT_MS = 253_402_300_800_000
"""The end of the year 9999, the last that a datetime can name."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def duration_ms(value: Duration, what: str = "duration") -> int:
    """Whole milliseconds, rounded up so that nothing fires early. Negative or unreadable: ``InvalidInputError``."""
    ms = _to_ms(value, what)
    if not 0 <= ms <= MAX_DURATION_MS:  # also refuses NaN
        raise InvalidInputError(call=what, reason=f"{value!r} is not between zero and a thousand years")
    whole = int(ms)
    return whole if whole == ms else whole + 1


def _to_ms(value: Duration, what: str) -> float:
    if isinstance(value, bool):
        raise InvalidInputError(call=what, reason=f"{value!r} is a truth value, not a duration")
    if isinstance(value, (int, float)):
        return value * 1000
    if isinstance(value, timedelta):
        return value / timedelta(milliseconds=1)
    if isinstance(value, str):
        return _parse(value, what)
    raise InvalidInputError(call=what, reason=f"a {type(value).__name__} is no duration; use a number or text")


def _parse(text: str, what: str) -> float:
    stripped = text.strip()
    iso = _ISO.fullmatch(stripped.upper())
    if iso and any(iso.groupdict().values()):
        return sum(float(n) * _UNITS[unit] for unit, n in iso.groupdict().items() if n)
    total, at, lowered = 0.0, 0, stripped.lower()
    while at < len(lowered):
        part = _PART.match(lowered, at)
        if part is None or part[2] not in _WORDS:
            break
        total += float(part[1]) * _UNITS[_WORDS[part[2]]]
        at = part.end()
    if at == 0 or at < len(lowered):
        reason = f'cannot read {text!r} as a duration; write "90s", "24 hours" or "1h30m"'
        raise InvalidInputError(call=what, reason=reason)
    return total


def instant_ms(value: datetime | int | float, what: str = "instant") -> int:
    """UTC epoch milliseconds. A naive datetime is refused: it names no instant. Numbers are epoch seconds."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise InvalidInputError(call=what, reason=f"{value!r} has no time zone; use datetime.now(UTC)")
        return -((_EPOCH - value) // timedelta(milliseconds=1))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidInputError(call=what, reason=f"a {type(value).__name__} is no instant; use an aware datetime")
    if not abs(value * 1000) <= MAX_INSTANT_MS:  # also refuses NaN
        raise InvalidInputError(call=what, reason=f"{value!r} is not between the years 0 and 10,000")
    return int(value * 1000)


def from_ms(ms: int) -> datetime:
    """The aware UTC datetime of epoch milliseconds."""
    return _EPOCH + timedelta(milliseconds=ms)
