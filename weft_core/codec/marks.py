"""The kinds of marked arrays. Numbers are part of the stored format: append, never reuse."""

from __future__ import annotations

from typing import Final

TUPLE: Final = 0
SET: Final = 1
FROZENSET: Final = 2
DICT: Final = 3  # a dict with keys that are not scalars: [mark, key, value, key, value, …]
BYTEARRAY: Final = 4
COMPLEX: Final = 5
RANGE: Final = 6
SLICE: Final = 7
CONSTANT: Final = 8
DEQUE: Final = 9
ORDERED_DICT: Final = 10
DEFAULT_DICT: Final = 11
COUNTER: Final = 12
MAPPING_PROXY: Final = 13

DATETIME: Final = 20
DATE: Final = 21
TIME: Final = 22
TIMEDELTA: Final = 23
TIMEZONE: Final = 24
ZONEINFO: Final = 25
DECIMAL: Final = 26
FRACTION: Final = 27
UUID: Final = 28
PATTERN: Final = 29
PATH: Final = 30

ENUM: Final = 40
DATACLASS: Final = 41
REGISTERED: Final = 42
NAMEDTUPLE: Final = 43
EXCEPTION: Final = 44
TRACEBACK: Final = 45
MODEL: Final = 46  # of pydantic, msgspec or attrs
MODEL_UNSET: Final = 47  # msgspec.UNSET

NAMED: Final = 50  # a class or function, by name
MODULE: Final = 51
METHOD: Final = 52
PARTIAL: Final = 53

LATE_LIST: Final = 60  # the contents follow as a late part
LATE_DICT: Final = 61
LATE_REGISTERED: Final = 62
LATE_DATACLASS: Final = 63
LATE_EXCEPTION: Final = 64  # cause and context follow as a late part
LATE_MODEL: Final = 65

FRAME: Final = 80
CLOSED_FRAME: Final = 81
FUNCTION: Final = 82
CELL: Final = 83
ASYNC_NEXT: Final = 84
ASYNC_CLOSE: Final = 85
NEXT_OR: Final = 86

SEQUENCE_ITERATOR: Final = 100
REVERSE_ITERATOR: Final = 101
RANGE_ITERATOR: Final = 102
DICT_ITERATOR: Final = 103
SET_ITERATOR: Final = 104
DEAD_ITERATOR: Final = 105
NEXT_ONLY: Final = 106
ENUMERATE: Final = 107
ZIP: Final = 108
MAP: Final = 109
FILTER: Final = 110
CALL_ITERATOR: Final = 111
DICT_VIEW: Final = 112
DEQUE_ITERATOR: Final = 113
