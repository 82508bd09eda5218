"""Values and records to bytes and back, without pickle and without importing anything by name.

What can be written: None, bool, int of any size, float, str, bytes, bytearray, complex, range, list, tuple, dict, set,
frozenset, deque, OrderedDict, defaultdict, Counter, dates and times, ZoneInfo, Decimal, Fraction, UUID, patterns,
paths, enums, dataclasses, named tuples, exceptions, functions and classes by name, and registered types. Identity and
cycles survive. Everything else raises :class:`~weft_core.errors.NotSerializableError`.
"""

from __future__ import annotations

from weft_core.codec import (  # noqa: F401  (they fill the tables)
    containers,
    exceptions,
    objects,
    references,
    types_models,
    types_stdlib,
)
from weft_core.codec.chunks.kept import Chunks
from weft_core.codec.chunks.reader import ChunkReader
from weft_core.codec.decoder import Decoder, loads
from weft_core.codec.encoder import Encoder, Externals, dumps
from weft_core.codec.names import allow_module
from weft_core.codec.records import seal, unseal
from weft_core.codec.registry import register

__all__ = [
    "ChunkReader",
    "Chunks",
    "Decoder",
    "Encoder",
    "Externals",
    "allow_module",
    "dumps",
    "loads",
    "register",
    "seal",
    "unseal",
]
