"""The byte level: documents as msgpack, and what of msgpack they use.

A document is one msgpack array ``[format, root, late part, late part, …]``. None, bool, int, float, str, bytes, and
lists and dicts of them are what msgpack calls them. Everything else is either

* an array whose first element is an ext-1 **mark** (the kind of value, see :mod:`weft_core.codec.marks`), or
* an ext **leaf**: 2 back reference, 3 big integer, 4 "not set", 5 external object.

Every array and every map, marked or not, takes the next number in document order; a back reference holds such a
number. Numbers are not written, writer and reader count alike.

Reading is bounded before anything is built: a first pass by msgpack's own ``skip`` proves that every length that the
bytes claim is really there, so no allocation ever rests on a claim.
"""

from __future__ import annotations

import functools
import sys
from collections import Counter
from typing import Any, Protocol

from msgpack import ExtType, Packer, Unpacker, unpackb

from weft_core.errors import CorruptRecordError

FORMAT = 1
MAX_DEPTH = 100
"""Nesting of values that must be whole before their parent is (tuples, exceptions); lists and objects go deeper."""
READ_DEPTH = MAX_DEPTH + 40
"""What the reader accepts: a value and the marked arrays around it."""

SCALARS = frozenset({type(None), bool, int, float, str, bytes})
"""What msgpack writes as it is, without identity."""

_KEEP_BUFFER = 1 << 20  # a packer that once wrote more than this is dropped with its buffer


class Unset:
    """The value of a variable or field that has none."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<unset>"


UNSET = Unset()


def _ext(code: int, data: bytes) -> Any:
    # ExtType(...) checks its arguments in Python; ours are right by construction.
    return tuple.__new__(ExtType, (code, data))


UNSET_EXT = _ext(4, b"\0")
_REFS: list[Any] = [_ext(2, bytes((n,))) for n in range(256)]


@functools.cache
def mark(number: int) -> Any:
    """The first element of a marked array."""
    return _ext(1, bytes((number,)))


def reference(number: int) -> Any:
    """A leaf that means: the value with this number."""
    if number < 256:
        return _REFS[number]
    return _ext(2, number.to_bytes(2 if number < 65536 else 4, "big"))


def external(name: str) -> Any:
    """A leaf that means: the host's object of this name."""
    return _ext(5, name.encode("utf-8", "surrogatepass"))


def chunked(number: int) -> Any:
    """A leaf that means: the container with this number, which is kept in chunks."""
    return _ext(6, number.to_bytes(4, "big"))


def inside(container: int, chunk: int, number: int) -> Any:
    """A leaf that means: the value with this number inside a chunk."""
    return _ext(7, b"".join(n.to_bytes(4, "big") for n in (container, chunk, number)))


def integer(value: int) -> Any:
    """``value`` itself if msgpack has room for it, else a leaf."""
    if -0x8000000000000000 <= value < 0x10000000000000000:
        return value
    return _ext(3, value.to_bytes((value.bit_length() + 8) // 8, "big", signed=True))


# ------------------------------------------------------------------ writing

_fast: list[Any] = []
_careful: list[Any] = []


def pack(document: list[Any], careful: bool = False) -> bytes:
    """Bytes of a lowered document. ``careful`` also takes text with lone surrogates.

    Raises OverflowError or UnicodeEncodeError if it holds what only a careful encoder may write.
    """
    pool = _careful if careful else _fast
    try:
        packer = pool.pop()
    except IndexError:
        packer = Packer(strict_types=True, buf_size=4096, unicode_errors="surrogatepass" if careful else None)
    data: bytes = packer.pack(document)
    if len(data) < _KEEP_BUFFER:
        pool.append(packer)
    return data


# ------------------------------------------------------------------ reading


class Mark:
    """What an ext-1 leaf becomes. Unhashable, so that it cannot be a key."""

    __slots__ = ("number",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, number: int) -> None:
        self.number = number


class Lookup(Protocol):
    """What a leaf asks of the decoder that reads its document."""

    unset: Any

    def at(self, number: int, /) -> Any: ...

    def external(self, name: str, /) -> Any: ...

    def container(self, number: int, /) -> Any: ...

    def inside(self, container: int, chunk: int, number: int, /) -> Any: ...


class Leaf:
    """What another ext leaf becomes until the decoder looks at it. Unhashable as well."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    def value(self, decoder: Lookup) -> Any:
        raise NotImplementedError


class _Reference(Leaf):
    __slots__ = ("number",)

    def __init__(self, data: bytes) -> None:
        self.number = int.from_bytes(data, "big")

    def value(self, decoder: Lookup) -> Any:
        return decoder.at(self.number)


class _Integer(Leaf):
    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data

    def value(self, decoder: Lookup) -> Any:
        return int.from_bytes(self.data, "big", signed=True)


class _Unset(Leaf):
    __slots__ = ()

    def value(self, decoder: Lookup) -> Any:
        return decoder.unset


class _External(Leaf):
    __slots__ = ("name",)

    def __init__(self, data: bytes) -> None:
        self.name = data.decode("utf-8", "surrogatepass")

    def value(self, decoder: Lookup) -> Any:
        return decoder.external(self.name)


class _Chunked(_Reference):
    __slots__ = ()

    def value(self, decoder: Lookup) -> Any:
        return decoder.container(self.number)


class _Inside(Leaf):
    __slots__ = ("place",)

    def __init__(self, data: bytes) -> None:
        self.place = [int.from_bytes(data[i : i + 4], "big") for i in (0, 4, 8)]

    def value(self, decoder: Lookup) -> Any:
        return decoder.inside(*self.place)


_MARKS = [Mark(n) for n in range(256)]
_LEAVES: dict[int, Any] = {
    2: _Reference, 3: _Integer, 4: lambda data: _Unset(), 5: _External, 6: _Chunked, 7: _Inside,
}  # fmt: skip


def _read_ext(code: int, data: bytes) -> Any:
    if code == 1 and len(data) == 1:
        return _MARKS[data[0]]
    return _LEAVES[code](data)


def unpack(data: bytes) -> Any:
    """The msgpack value of ``data``, with marks and leaves in it. Raises :class:`CorruptRecordError` and nothing "
    "else."""
    try:
        _prove(data)
        return unpackb(data, ext_hook=_read_ext, strict_map_key=False, unicode_errors="surrogatepass", **_MAP_HOOK)
    except (CorruptRecordError, MemoryError):
        raise
    except Exception as error:
        raise damaged(f"{type(error).__name__}: {error}") from None


def _checked_map(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    if len(pairs) > 64 and max(Counter(hash(k) for k, _ in pairs).values()) > 64:
        raise ValueError("too many keys have the same hash")
    return dict(pairs)


# Where hashes have 32 bits (in the browser) thousands of 64-bit integers can be found that share one.
_MAP_HOOK: dict[str, Any] = {} if sys.hash_info.width > 32 else {"object_pairs_hook": _checked_map}

_provers: list[Any] = []


def _prove(data: bytes) -> None:
    """Fail unless ``data`` is one whole msgpack value. Allocates nothing but one copy of ``data``."""
    try:
        prover = _provers.pop()
    except IndexError:
        prover = Unpacker(max_buffer_size=2**31 - 1)
    start = prover.tell()
    prover.feed(data)
    prover.skip()
    if prover.tell() - start != len(data):
        raise ValueError("there are bytes after its end")
    if len(data) < _KEEP_BUFFER:
        _provers.append(prover)


def damaged(reason: str) -> CorruptRecordError:
    """Bytes that no encoder writes. The engine adds the record's key when it knows it."""
    return CorruptRecordError(f"these bytes are not a value that Weft wrote ({reason[:200]})", reason=reason[:200])
