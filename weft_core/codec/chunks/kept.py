"""Large containers of a document, kept beside it in chunks, so that a step writes what changed and not the whole (G3).

A list or dict that has grown large is cut into runs of items. Each run is a **chunk**, a record of its own under a
name that is never given twice: what a chunk says never changes, a changed run of items becomes a new chunk. The
document holds only the container's number and the items that are not in a chunk yet; the **directory** says which
chunks belong to which container. Large text and bytes are kept in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from itertools import islice
from typing import Any

from weft_core.codec import wire
from weft_core.codec.chunks.unchanged import Insides, starts_with
from weft_core.codec.wire import SCALARS

LIST, DICT, STR, BYTES = range(4)
KINDS: dict[type, int] = {list: LIST, dict: DICT, str: STR, bytes: BYTES}

Name = tuple[int, int]
"""(number of the container, number of the chunk in it): together the name of a chunk."""


class Chunk:
    """A run of items of a container, as it is stored."""

    __slots__ = ("chunked", "count", "digest", "made", "nested", "number", "size", "used_by", "uses")

    def __init__(self, chunked: Chunked, number: int, count: int, size: int, digest: bytes) -> None:
        self.chunked: Chunked | None = chunked
        """None: no container has it any more."""
        self.number, self.count, self.size = number, count, size
        self.digest = digest
        """Of its bytes, if there are values inside that can change; else empty."""
        self.made: Sequence[tuple[Any, int]] = ()
        """The values inside that have an identity, with their numbers. Held on to, so that their ids stay taken."""
        self.nested: Sequence[Chunked] = ()
        """Containers that it refers to."""
        self.uses: Set[Chunk] = frozenset()
        """Chunks that it refers into: read before it, in containers with a smaller number or earlier in its own."""
        self.used_by: set[Chunk] = set()


class Chunked:
    """A container that is kept in chunks. It holds on to the container, so that its id stays taken."""

    __slots__ = (
        "chunks", "dirty", "insides", "items", "kind", "leaf", "names", "nested", "next", "number", "opaque", "rest",
        "retry_at", "step", "value", "values",
    )  # fmt: skip

    def __init__(self, number: int, value: Any) -> None:
        self.number, self.value = number, value
        self.kind = KINDS[type(value)]
        self.step = 2 if self.kind == DICT else 1
        """How many elements of a flat list make one item."""
        self.leaf = wire.chunked(number)
        self.next = 0
        """Number of the next chunk."""
        self.chunks: list[Chunk] = []
        self.items: list[Any] = []
        """The items (of a dict: the keys) that are in chunks, as they were written."""
        self.values: list[Any] = []
        self.rest: list[Any] = []
        """The items after them at the last writing, flat."""
        self.names: list[int] | None = []
        """The numbers of the chunks, as runs; None: to be made again."""
        self.insides: Insides | None = None
        """None: only values without identity are in chunks."""
        self.opaque = False
        """Something is inside whose changes only show when it is written again."""
        self.nested: dict[Chunked, int] = {}
        """Other such containers that its chunks refer to, and how many of them do."""
        self.dirty: set[Chunk] = set()
        """To be written again."""
        self.retry_at = 0
        """Below this length new items stay out of chunks: they are of a kind that only a document can hold."""

    def covers(self) -> bool:
        """Whether the container still begins with the very items that are in chunks."""
        value, items = self.value, self.items
        if len(value) < len(items) or not starts_with(value, items):
            return False
        return self.kind == LIST or starts_with(value.values(), self.values)

    def flat(self) -> list[Any]:
        """The items that are in chunks; of a dict ``[key, value, key, value, …]``."""
        if self.step == 1:
            return self.items
        return [x for pair in zip(self.items, self.values, strict=True) for x in pair]

    def tail(self) -> list[Any]:
        """The items that are in no chunk, flat."""
        first = len(self.items)
        if self.step == 1:
            return self.value[first:]  # type: ignore[no-any-return]
        last = list(islice(reversed(self.value.items()), len(self.value) - first))
        return [x for pair in reversed(last) for x in pair]

    def append(self, chunk: Chunk, flat: Sequence[Any]) -> None:
        """``chunk`` holds the next items, ``flat``."""
        self.chunks.append(chunk)
        if self.step == 1:
            self.items += flat
        else:
            self.items += flat[::2]
            self.values += flat[1::2]
        if self.names is not None:
            _add_number(self.names, chunk.number)

    def arrange(self, chunks: list[Chunk], flat: list[Any]) -> None:
        """The container is ``flat`` now, and ``chunks`` hold its first items."""
        covered = self.step * sum(c.count for c in chunks)
        self.chunks, self.names, self.rest = chunks, None, flat[covered:]
        self.items = flat[: covered : self.step]
        self.values = flat[1 : covered : self.step] if self.step == 2 else []

    def look_inside(self) -> None:
        """Remember what the values inside the chunks hold now."""
        self.insides, self.opaque = None, False
        for chunk in self.chunks:
            self.remember(chunk)

    def remember(self, chunk: Chunk) -> None:
        """Remember what the values inside ``chunk`` hold now, too."""
        if chunk.made:
            if self.insides is None:
                self.insides = Insides()
            if not self.insides.add(value for value, _ in chunk.made):
                self.opaque = True

    def directory(self) -> list[Any]:
        """``[number, kind, next chunk, [first, how many, first, how many, …]]``"""
        if self.names is None:
            self.names = []
            for chunk in self.chunks:
                _add_number(self.names, chunk.number)
        return [self.number, self.kind, self.next, self.names]


def _add_number(runs: list[int], number: int) -> None:
    if runs and runs[-2] + runs[-1] == number:
        runs[-1] += 1
    else:
        runs += (number, 1)


class Chunks:
    """All that one run keeps in chunks, from one document of it to the next."""

    __slots__ = ("_drops", "_puts", "by_id", "inside", "off", "size", "start", "whole")

    def __init__(self) -> None:
        self.by_id: dict[int, Chunked] = {}
        self.inside: dict[int, tuple[Chunk, int]] = {}
        """Id of a value inside a chunk -> the chunk, and the value's number in it."""
        self.whole: dict[int, Any] = {}
        """Containers that are not to be chunked, by id."""
        self.start = 0
        """Number of the next container."""
        self.size = 0
        """Bytes in chunks."""
        self.off = False
        """Chunks do not work for the values of this run."""
        self._puts: dict[Name, bytes] = {}
        self._drops: list[Name] = []

    def directory(self) -> list[Any]:
        """Which chunks belong to which container: ``[next number, entry, entry, …]``, plain; empty if there is none."""
        return [self.start, *[c.directory() for c in self.by_id.values()]] if self.by_id else []

    def changes(self) -> tuple[dict[Name, bytes], list[Name]]:
        """The chunks to be written with the last document, and those to be deleted. They are given once."""
        changes = self._puts, self._drops
        self._puts, self._drops = {}, []
        return changes

    def names(self) -> list[Name]:
        """Of every chunk there is."""
        return [(c.number, chunk.number) for c in self.by_id.values() for chunk in c.chunks]

    def clear(self) -> None:
        """Let go of everything now, and not when the garbage collector finds the circles."""
        for chunked in self.by_id.values():
            for chunk in chunked.chunks:
                chunk.chunked, chunk.used_by, chunk.uses = None, set(), frozenset()
            chunked.rest = []
        self.by_id.clear()
        self.inside.clear()
        self.whole.clear()

    # -- containers

    def take(self, value: Any) -> Chunked:
        """Keep ``value`` in chunks from now on."""
        chunked = self.by_id[id(value)] = Chunked(self.start, value)
        self.start += 1
        return chunked

    def release(self, chunked: Chunked) -> None:
        """A container that is reachable no more, or is to be written whole."""
        for chunk in chunked.chunks:
            self.discard(chunk)
        chunked.chunks = []
        del self.by_id[id(chunked.value)]

    def write_whole(self, chunked: Chunked) -> None:
        """Never keep this container in chunks again."""
        self.whole[id(chunked.value)] = chunked.value
        self.release(chunked)
        for other in self.by_id.values():
            if chunked in other.nested:
                other.dirty.update(c for c in other.chunks if chunked in c.nested)

    def give_up(self) -> None:
        """Keep nothing in chunks any more."""
        for chunked in list(self.by_id.values()):
            self.release(chunked)
        self.whole.clear()
        self.off = True

    # -- chunks

    def add(self, chunked: Chunked, data: bytes, count: int, digest: bytes) -> Chunk:
        """A new chunk of ``count`` items."""
        chunk = Chunk(chunked, chunked.next, count, len(data), digest)
        chunked.next += 1
        self._puts[chunked.number, chunk.number] = data
        self.size += chunk.size
        return chunk

    def discard(self, chunk: Chunk) -> None:
        """A chunk that its container has no more."""
        chunked = chunk.chunked
        assert chunked is not None
        self.forget(chunk)
        name = (chunked.number, chunk.number)
        if self._puts.pop(name, None) is None:
            self._drops.append(name)
        self.size -= chunk.size
        chunked.dirty.discard(chunk)
        chunk.chunked = None

    def know(self, chunk: Chunk, made: Sequence[tuple[Any, int]], nested: Sequence[Chunked], uses: Set[Chunk]) -> None:
        """What is inside of ``chunk``, and what it refers to."""
        chunk.made, chunk.nested, chunk.uses = made, nested, uses
        for used in uses:
            used.used_by.add(chunk)
        for value, number in made:
            self.inside[id(value)] = (chunk, number)
        for other in nested:
            assert chunk.chunked is not None
            chunk.chunked.nested[other] = chunk.chunked.nested.get(other, 0) + 1

    def forget(self, chunk: Chunk) -> None:
        """What is inside of ``chunk`` may be elsewhere by now: those that refer into it are to be written again."""
        for user in chunk.used_by:
            assert user.chunked is not None
            user.chunked.dirty.add(user)
        for used in chunk.uses:
            used.used_by.discard(chunk)
        chunk.used_by = set()
        for value, _ in chunk.made:
            place = self.inside.get(id(value))
            if place is not None and place[0] is chunk:
                del self.inside[id(value)]
        if chunk.nested:
            assert chunk.chunked is not None
            counts = chunk.chunked.nested
            for other in chunk.nested:
                counts[other] -= 1
                if not counts[other]:
                    del counts[other]
        chunk.made, chunk.nested, chunk.uses = (), (), frozenset()


def size_of(value: Any, most: int, depth: int = 0) -> int:
    """About how many bytes ``value`` takes; once it is past ``most`` no more than that is known."""
    t = type(value)
    if t is str or t is bytes:
        return len(value) + 3
    if t is dict:
        parts: Iterable[Any] = value.values()
        size = 3 + 8 * len(value)
    elif t is list or t is tuple:
        parts, size = value, 3
    elif t in SCALARS:
        return 5
    else:
        parts, size = [getattr(value, name, None) for name in getattr(t, "__dataclass_fields__", ())], 40
    if depth < 5:
        for part in parts:
            size += size_of(part, most, depth + 1)
            if size > most:
                break
    return size
