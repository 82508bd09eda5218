"""Single values of the standard library: numbers, dates, ids, patterns, paths.

``uuid``, ``pathlib`` and ``zoneinfo`` are here as value types only. Paths come back as *pure* paths of the same
flavour where the platform's own class does not exist.
"""

from __future__ import annotations

import datetime as dt
import decimal
import fractions
import pathlib
import re
import types
import uuid
from typing import Any

from weft_core.codec import marks
from weft_core.codec.decoder import Decoder, lifts
from weft_core.codec.encoder import FINDERS, LOWERINGS, Encoder, Lowering, Rejected, lowers
from weft_core.codec.registry import register
from weft_core.codec.wire import SCALARS, damaged, integer, mark
from weft_core.errors import UnknownTypeError

SINGLE_VALUES: frozenset[type] = frozenset(
    {
        dt.date, dt.datetime, dt.time, dt.timedelta, dt.timezone, decimal.Decimal, fractions.Fraction, uuid.UUID,
        complex, range,
    }
)  # fmt: skip
"""Types whose values never change."""

MAX_PATTERN = 65_536
"""Longest regular expression, in characters or bytes: compiling one takes time."""


@lowers(bytearray)
def _lower_bytearray(e: Encoder, value: bytearray) -> Any:
    e.note(value)
    return [mark(marks.BYTEARRAY), bytes(value)]


@lifts(marks.BYTEARRAY)
def _lift_bytearray(d: Decoder, x: list[Any], number: int) -> Any:
    if type(x[1]) is not bytes:  # bytearray(10**9) would believe a number
        raise damaged("a bytearray of something else")
    return bytearray(x[1])


def _numbers(types_: tuple[type, ...], x: list[Any], d: Decoder) -> list[Any]:
    out = d.lift_all(x[1:])
    for v in out:
        if type(v) not in types_:
            raise damaged(f"unexpected {type(v).__name__} in a number or date")
    return out


@lowers(complex)
def _lower_complex(e: Encoder, value: complex) -> Any:
    e.note(value)
    return [mark(marks.COMPLEX), value.real, value.imag]


@lifts(marks.COMPLEX)
def _lift_complex(d: Decoder, x: list[Any], number: int) -> Any:
    return complex(*_numbers((float,), x, d))


@lowers(range, slice)
def _lower_range(e: Encoder, value: Any) -> Any:
    number = e.open(value)
    kind = marks.RANGE if type(value) is range else marks.SLICE
    out = [mark(kind), e.lower(value.start), e.lower(value.stop), e.lower(value.step)]
    e.close(value, number)
    return out


@lifts(marks.RANGE)
def _lift_range(d: Decoder, x: list[Any], number: int) -> Any:
    return range(*_numbers((int,), x, d))


@lifts(marks.SLICE)
def _lift_slice(d: Decoder, x: list[Any], number: int) -> Any:
    parts = d.lift_all(x[1:])
    return d.stand(slice(*parts), parts)


@lowers(types.EllipsisType, types.NotImplementedType)
def _lower_constant(e: Encoder, value: Any) -> Any:
    e.note(value)
    return [mark(marks.CONSTANT), 0 if value is Ellipsis else 1]


@lifts(marks.CONSTANT)
def _lift_constant(d: Decoder, x: list[Any], number: int) -> Any:
    return (Ellipsis, NotImplemented)[x[1]]


# ------------------------------------------------------------------ dates


@lowers(dt.datetime)
def _lower_datetime(e: Encoder, v: dt.datetime) -> Any:
    e.note(v)
    parts = [mark(marks.DATETIME), v.year, v.month, v.day, v.hour, v.minute, v.second, v.microsecond, v.fold]
    if v.tzinfo is not None:
        parts.append(e.lower(v.tzinfo))
    return parts


def _tz(d: Decoder, x: list[Any], at: int) -> dt.tzinfo | None:
    tz = d.lift(x[at]) if len(x) > at else None
    if tz is not None and not isinstance(tz, dt.tzinfo):
        raise damaged("a time zone of another type")
    return tz


@lifts(marks.DATETIME)
def _lift_datetime(d: Decoder, x: list[Any], number: int) -> Any:
    year, month, day, hour, minute, second, micro, fold = x[1:9]
    return dt.datetime(year, month, day, hour, minute, second, micro, _tz(d, x, 9), fold=fold)


@lowers(dt.date)
def _lower_date(e: Encoder, v: dt.date) -> Any:
    e.note(v)
    return [mark(marks.DATE), v.year, v.month, v.day]


@lifts(marks.DATE)
def _lift_date(d: Decoder, x: list[Any], number: int) -> Any:
    return dt.date(*x[1:4])


@lowers(dt.time)
def _lower_time(e: Encoder, v: dt.time) -> Any:
    e.note(v)
    parts = [mark(marks.TIME), v.hour, v.minute, v.second, v.microsecond, v.fold]
    if v.tzinfo is not None:
        parts.append(e.lower(v.tzinfo))
    return parts


@lifts(marks.TIME)
def _lift_time(d: Decoder, x: list[Any], number: int) -> Any:
    hour, minute, second, micro, fold = x[1:6]
    return dt.time(hour, minute, second, micro, _tz(d, x, 6), fold=fold)


@lowers(dt.timedelta)
def _lower_timedelta(e: Encoder, v: dt.timedelta) -> Any:
    e.note(v)
    return [mark(marks.TIMEDELTA), v.days, v.seconds, v.microseconds]


@lifts(marks.TIMEDELTA)
def _lift_timedelta(d: Decoder, x: list[Any], number: int) -> Any:
    return dt.timedelta(*_numbers((int,), x, d))


@lowers(dt.timezone)
def _lower_timezone(e: Encoder, v: dt.timezone) -> Any:
    e.note(v)
    delta, *name = v.__getinitargs__()  # type: ignore[attr-defined]
    return [mark(marks.TIMEZONE), delta.days, delta.seconds, delta.microseconds, *name]


@lifts(marks.TIMEZONE)
def _lift_timezone(d: Decoder, x: list[Any], number: int) -> Any:
    delta = dt.timedelta(*x[1:4])
    if len(x) > 4:
        return dt.timezone(delta, x[4])
    return dt.timezone(delta) if delta else dt.UTC


def _find_zone(t: type) -> Lowering | None:
    if t.__module__.partition(".")[0] in ("zoneinfo", "_zoneinfo") and hasattr(t, "key"):
        return _lower_zone
    return None


def _lower_zone(e: Encoder, v: Any) -> Any:
    if v.key is None:
        raise Rejected(v, "a ZoneInfo without a key cannot be written", "make it with ZoneInfo(name)")
    e.note(v)
    return [mark(marks.ZONEINFO), v.key]


FINDERS.append(_find_zone)
_ZONE_KEY = re.compile(r"[A-Za-z0-9_+-]{1,40}(/[A-Za-z0-9_+-]{1,40}){0,3}")


@lifts(marks.ZONEINFO)
def _lift_zone(d: Decoder, x: list[Any], number: int) -> Any:
    import zoneinfo

    if type(x[1]) is not str or not _ZONE_KEY.fullmatch(x[1]):
        raise damaged("not the name of a time zone")
    try:
        return zoneinfo.ZoneInfo(x[1])
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise UnknownTypeError(
            f"the time zone {x[1]!r} is not known on this machine; install the tzdata package", name=x[1]
        ) from None


# ------------------------------------------------------------------ numbers and ids


@lowers(decimal.Decimal)
def _lower_decimal(e: Encoder, v: decimal.Decimal) -> Any:
    e.note(v)
    return [mark(marks.DECIMAL), str(v)]


@lifts(marks.DECIMAL)
def _lift_decimal(d: Decoder, x: list[Any], number: int) -> Any:
    if type(x[1]) is not str:
        raise damaged("a Decimal of something else")
    return decimal.Decimal(x[1])


@lowers(fractions.Fraction)
def _lower_fraction(e: Encoder, v: fractions.Fraction) -> Any:
    e.note(v)
    return [mark(marks.FRACTION), integer(v.numerator), integer(v.denominator)]


@lifts(marks.FRACTION)
def _lift_fraction(d: Decoder, x: list[Any], number: int) -> Any:
    numerator, denominator = _numbers((int,), x, d)
    if denominator <= 0:
        raise damaged("a fraction without a denominator")
    # Written in lowest terms: Fraction(n, d) would look for a common divisor, which takes minutes for huge numbers.
    out: Any = object.__new__(fractions.Fraction)
    out._numerator, out._denominator = numerator, denominator
    return out


@lowers(uuid.UUID)
def _lower_uuid(e: Encoder, v: uuid.UUID) -> Any:
    e.note(v)
    return [mark(marks.UUID), v.bytes]


@lifts(marks.UUID)
def _lift_uuid(d: Decoder, x: list[Any], number: int) -> Any:
    return uuid.UUID(bytes=x[1])


# ------------------------------------------------------------------ patterns and paths


@lowers(re.Pattern)
def _lower_pattern(e: Encoder, v: re.Pattern[Any]) -> Any:
    if type(v.pattern) not in SCALARS or len(v.pattern) > MAX_PATTERN:
        raise Rejected(v, f"a regular expression longer than {MAX_PATTERN} cannot be written", "keep it in the module")
    e.note(v)
    return [mark(marks.PATTERN), v.pattern, v.flags & ~re.DEBUG.value]


@lifts(marks.PATTERN)
def _lift_pattern(d: Decoder, x: list[Any], number: int) -> Any:
    _, pattern, flags = x
    if type(pattern) not in (str, bytes) or len(pattern) > MAX_PATTERN or type(flags) is not int or flags & re.DEBUG:
        raise damaged("not a regular expression")
    return re.compile(pattern, flags)


_PATHS: dict[str, Any] = {
    "PurePosixPath": pathlib.PurePosixPath,
    "PureWindowsPath": pathlib.PureWindowsPath,
    "PosixPath": pathlib.PosixPath,
    "WindowsPath": pathlib.WindowsPath,
}


def _lower_path(e: Encoder, v: Any) -> Any:
    e.note(v)
    return [mark(marks.PATH), type(v).__name__, str(v)]


for _cls in _PATHS.values():
    LOWERINGS[_cls] = _lower_path


@lifts(marks.PATH)
def _lift_path(d: Decoder, x: list[Any], number: int) -> Any:
    _, kind, text = x
    if type(text) is not str:
        raise damaged("a path of something else")
    try:
        return _PATHS[kind](text)
    except NotImplementedError:  # UnsupportedOperation: a Windows path read on POSIX, or the other way round
        return _PATHS["Pure" + kind](text)


register(types.SimpleNamespace, name="types:SimpleNamespace")
