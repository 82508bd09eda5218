"""Search values as text whose order is theirs, so that a range of values is a range of keys.

A letter for the type comes first, because values of different types have no order. Numbers, whole or not, are one type
and compare exactly; text compares by its UTF-8 bytes, instants by the microsecond.
"""

from __future__ import annotations

import math
import struct
from datetime import UTC, datetime, timedelta
from typing import Any

END = "\x01"
"""What follows a value in a key. No value holds it, so a value ends before whatever is longer."""
BEHIND = "\x02"
"""Sorts behind every key of a value, and before those of the next one."""

_ESCAPE = {0: "\x020", 1: "\x021", 2: "\x022"}
_UNESCAPE = {written: chr(code) for code, written in _ESCAPE.items()}
_SIGN = 1 << 63
_ALL = (1 << 64) - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MIDDLE = 1 << 62
"""The instant 1970 in the middle of what 16 digits can say."""
_MICROSECOND = timedelta(microseconds=1)
WHOLE = range(-(1 << 63), 1 << 63)
"""Whole numbers that can be searched for."""


def encode(value: Any) -> str | None:
    """The text of a search value; None for what is none: NaN, naive datetimes, other types."""
    kind = type(value)
    if kind is str:
        return f"s{value.translate(_ESCAPE)}"
    if kind is bool:
        return "b1" if value else "b0"
    if (kind is int and value in WHOLE) or (kind is float and not math.isnan(value)):
        return _number(value)
    if isinstance(value, datetime) and value.utcoffset() is not None:
        return f"t{(value - _EPOCH) // _MICROSECOND + _MIDDLE:016x}"
    return None


def encode_each(value: Any) -> list[str]:
    """A list of text is found by each of its items; any other value by itself."""
    found = {encode(item) for item in value if type(item) is str} if type(value) is list else {encode(value)}
    return sorted(text for text in found if text is not None)


def decode(text: str) -> Any:
    """The value. A whole number may have been written as ``3.0``."""
    kind, rest = text[0], text[1:]
    if kind == "s":
        for written, char in _UNESCAPE.items():
            rest = rest.replace(written, char)
        return rest
    if kind == "b":
        return rest == "1"
    if kind == "t":
        return _EPOCH + (int(rest, 16) - _MIDDLE) * _MICROSECOND
    bits = int(rest[:16], 16)
    (low,) = struct.unpack(">d", (bits ^ _SIGN if bits & _SIGN else bits ^ _ALL).to_bytes(8, "big"))
    return int(low) + int(rest[16:], 16) if math.isfinite(low) and low.is_integer() else low


def _number(value: int | float) -> str:
    """The next double at or below it, and how far above that it is: at most 2,047 for 64 bits."""
    low = float(value)
    if low > value:
        low = math.nextafter(low, -math.inf)
    over = value - int(low) if type(value) is int else 0
    bits = int.from_bytes(struct.pack(">d", low + 0.0), "big")
    return f"n{bits ^ _ALL if bits & _SIGN else bits | _SIGN:016x}{over:03x}"
