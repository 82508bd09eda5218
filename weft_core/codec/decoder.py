"""Documents to values: the walk that lifts what msgpack read to the objects it stands for.

The walk meets arrays and maps in the order in which the encoder numbered them. Plain lists and dicts are used as
msgpack built them. How a marked array becomes a value is said in :data:`LIFTINGS`, one function per mark.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from weft_core.codec import wire
from weft_core.codec.encoder import Externals, as_externals
from weft_core.codec.wire import READ_DEPTH, SCALARS, Leaf, Mark, damaged
from weft_core.errors import RestoreError, WeftError

Lifting = Callable[["Decoder", "list[Any]", int], Any]
"""``fn(decoder, array, number)``: array[0] is the mark. Set ``decoder.objs[number]`` early to allow cycles."""


class Chunked(Protocol):
    """Where a decoder finds what is kept beside its document."""

    fixups: list[Callable[[], None]]
    last: bool
    """Whether this document is the one whose end completes everything."""

    def container(self, number: int, /) -> Any: ...

    def inside(self, name: tuple[int, int], number: int, /) -> Any: ...

    def add(self, decoder: Decoder, part: Any, /) -> None:
        """A part of the document that belongs to a container."""


LIFTINGS: dict[int, Lifting] = {}
_PENDING = wire.Unset()
_MAX_HEIGHT = 1000
"""References let values stand on each other higher than bytes are nested. CPython hashes tuples and frees iterators and
their like by recursion in C, without looking at its stack."""
_HASH_BUDGET = 1_000_000  # elementary hash operations for composite keys, beside 64 for each byte of the document


def lifts(*numbers: int) -> Callable[[Lifting], Lifting]:
    """Say how these marks are read."""

    def deco(fn: Lifting) -> Lifting:
        for number in numbers:
            LIFTINGS[number] = fn
        return fn

    return deco


class Decoder:
    """Lifts one document. Use it once."""

    liftings = LIFTINGS

    def __init__(self, externals: Externals, frames: Any = None, chunks: Chunked | None = None) -> None:
        self.objs: list[Any] = []
        self.syms: list[str] = []
        self.records: list[Any] = []
        self.queue: list[Callable[[Any], None]] = []
        self.fixups: list[Callable[[], None]] = [] if chunks is None else chunks.fixups
        """Done in reverse order when everything has been filled."""
        self.externals = externals
        self.frames = frames
        self.chunks = chunks
        self.containers: list[int] = []
        """Numbers of the containers kept in chunks that were met."""
        self.unset: Any = wire.UNSET
        self.depth = 0
        self.heights: dict[int, int] = {}
        self.hash_budget = 0
        self.hash_costs: dict[int, tuple[int, int]] = {}

    def document(self, data: bytes) -> Any:
        """The root value of ``data``."""
        doc = wire.unpack(data)
        if type(doc) is not list or len(doc) < 2 or doc[0] != wire.FORMAT or doc[0] is True:
            raise damaged(f"not a document of format {wire.FORMAT}")
        self.hash_budget = _HASH_BUDGET + 64 * len(data)
        try:
            return self._read(doc)
        finally:
            # The parts refer to us: a cycle would keep a run's generators alive until the collector comes.
            self.queue.clear()
            if self._is_last():
                self.fixups.clear()

    def _read(self, doc: list[Any]) -> Any:
        root = self.lift(doc[1])
        done = at = 0
        for at in range(2, len(doc)):
            self.depth = 0
            if done < len(self.queue):  # which grows while it runs
                self.queue[done](doc[at])
                done += 1
            elif self.chunks is not None:
                self.chunks.add(self, doc[at])
            else:
                raise damaged("there are late parts that nothing refers to")
        if done < len(self.queue):
            raise damaged("a late part is missing")
        for fix in reversed(self.fixups) if self._is_last() else ():  # the inner ones first
            fix()
        return root

    def _is_last(self) -> bool:
        return self.chunks is None or self.chunks.last

    def lift(self, x: Any) -> Any:
        """The value of what msgpack read."""
        t = type(x)
        if t in SCALARS:
            return x
        if t is list:
            if x and type(x[0]) is Mark:
                return self._marked(x)
            self.objs.append(x)
            if len(x) > 12 and SCALARS.issuperset(map(type, x)):
                return x
            self.down()
            for i, y in enumerate(x):
                if type(y) not in SCALARS:
                    x[i] = self.lift(y)
            self.depth -= 1
            return x
        if t is dict:
            self.objs.append(x)
            self.down()
            for k, y in x.items():
                if type(y) not in SCALARS:
                    x[k] = self.lift(y)
            self.depth -= 1
            return x
        if isinstance(x, Leaf):
            return x.value(self)
        raise damaged(f"unexpected {t.__name__}")

    def _marked(self, x: list[Any]) -> Any:
        number = len(self.objs)
        self.objs.append(_PENDING)
        self.down()
        fn = self.liftings.get(x[0].number)
        if fn is None:
            raise damaged(f"unknown mark {x[0].number}")
        value = fn(self, x, number)
        self.objs[number] = value
        self.depth -= 1
        return value

    def down(self) -> None:
        self.depth += 1
        if self.depth > READ_DEPTH:
            raise damaged("nested too deeply")

    def lift_all(self, xs: list[Any]) -> list[Any]:
        """A new list with each element lifted."""
        out = []  # a loop: on 3.11 a comprehension is a call, which small lists notice
        for y in xs:
            out.append(y if type(y) in SCALARS else self.lift(y))
        return out

    def at(self, number: int) -> Any:
        """The value with this number."""
        if number >= len(self.objs):
            raise damaged("a reference to nothing")
        value = self.objs[number]
        if value is _PENDING:
            raise damaged("a value that contains itself before it is whole")
        return value

    def external(self, name: str) -> Any:
        try:
            return self.externals.by_name[name]
        except KeyError:
            raise RestoreError(
                f"these bytes need the external object {name!r}, which was not given; pass it in externals",
                external=name,
            ) from None

    def container(self, number: int) -> Any:
        """The container with this number, which is kept in chunks."""
        self.containers.append(number)
        return self._chunks().container(number)

    def inside(self, container: int, chunk: int, number: int) -> Any:
        """A value inside a chunk."""
        return self._chunks().inside((container, chunk), number)

    def _chunks(self) -> Chunked:
        if self.chunks is None:
            raise damaged("it needs chunks, which were not given")
        return self.chunks

    def sym(self, x: Any) -> str:
        """Text written by :meth:`Encoder.sym`."""
        if type(x) is str:
            self.syms.append(x)
            return x
        if type(x) is int and 0 <= x < len(self.syms):
            return self.syms[x]
        raise damaged("a symbol is missing")

    def record(self, x: Any, read: Callable[[bytes], Any]) -> Any:
        """What ``read`` makes of a description written by :meth:`Encoder.record`; read once per document."""
        if type(x) is bytes:
            made = read(x)
            self.records.append(made)
            return made
        if type(x) is int and 0 <= x < len(self.records):
            return self.records[x]
        raise damaged("a description is missing")

    def late(self, fn: Callable[..., None], *args: Any) -> None:
        """Call ``fn(*args, part)`` with the late part that belongs to this value, when the document so far is done."""
        self.queue.append(functools.partial(fn, *args))

    # -- keys

    def check_keys(self, keys: list[Any]) -> None:
        """Refuse keys that would take forever to put into a dict or set: deep, or all with one hash."""
        if SCALARS.issuperset(map(type, keys)) and len(keys) <= 64:
            return
        for key in keys:
            cost, height = self._hash_cost(key)
            self.hash_budget -= cost
            if self.hash_budget < 0 or height > _MAX_HEIGHT:
                raise damaged("keys are too large to hash")
        if len(keys) > 64 and max(Counter(map(hash, keys)).values()) > 64:
            raise damaged("too many keys have the same hash")

    def _hash_cost(self, key: Any) -> tuple[int, int]:
        """(elementary operations, depth of recursion) of hashing ``key``."""
        if type(key) in SCALARS:
            return 1, 0
        known = self.hash_costs.get(id(key))
        if known is None:
            parts: Any = ()
            if isinstance(key, (tuple, frozenset)):
                parts = key
            elif hasattr(type(key), "__dataclass_fields__"):
                parts = [getattr(key, name, None) for name in type(key).__dataclass_fields__]
            self.hash_costs[id(key)] = 1, 1  # a cycle
            costs = [self._hash_cost(part) for part in parts]
            known = 1 + sum(c for c, _ in costs), 1 + max((h for _, h in costs), default=0)
            self.hash_costs[id(key)] = known
        return known

    def stand(self, value: Any, on: Any) -> Any:
        """Return ``value``, whose freeing recurses in C into the values ``on``; refuse a tower of such."""
        height = 1 + max((self.heights.get(id(part), 0) for part in on), default=0)
        if height > _MAX_HEIGHT:
            raise damaged("a tower of values")
        self.heights[id(value)] = height
        return value


def guarded(read: Callable[[], Any]) -> Any:
    """Run a decoder; whatever hostile bytes make it stumble over becomes one of our errors."""
    try:
        return read()
    except WeftError:
        raise
    except RecursionError:
        raise damaged("nested too deeply") from None
    except MemoryError:
        raise
    except Exception as error:
        raise damaged(f"{type(error).__name__}: {error}") from error


def loads(data: bytes, *, externals: Externals | Mapping[str, Any] | None = None) -> Any:
    """The value of bytes made by :func:`dumps`.

    Raises :class:`CorruptRecordError` for bytes that no encoder wrote, :class:`UnknownTypeError` for names that are
    not allowed or not there, :class:`RestoreError` for missing externals; nothing else, whatever the bytes are.
    """
    return guarded(lambda: Decoder(as_externals(externals)).document(data))
