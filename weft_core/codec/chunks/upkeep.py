"""Bringing the chunks of one container up to date with what it holds now.

The usual case costs a comparison of identities and nothing else. New items at the end become chunks when there are
enough of them. After other changes the chunks before the first difference and after the last one stay.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Set
from itertools import compress, count, repeat
from operator import is_
from typing import Any, Protocol

from weft_core.codec import wire
from weft_core.codec.chunks.kept import Chunk, Chunked, Chunks, size_of
from weft_core.codec.chunks.unchanged import common_end, first_difference, is_immutable
from weft_core.codec.encoder import Encoder, Externals, Rejected

LARGE = 2048
"""Bytes of a container from which on it is kept in chunks."""
_ENOUGH = 512  # bytes of new items that become a chunk
_FEW = 8  # chunks that refer into one; the lists and dicts that more of them share are kept by themselves
_BULK = 4096  # and the size of chunks when there are many new items at once


class Pass(Protocol):
    """The writing of a document that is under way."""

    externals: Externals
    chunks: Chunks
    memo: dict[int, Any]
    void: bool

    def visit(self, chunked: Chunked, /) -> None: ...


def refresh(e: Pass, chunked: Chunked) -> None:
    """Make the chunks say what their items are now, and put new items into chunks. May make the pass void."""
    insides = chunked.insides
    changed = insides is not None and (chunked.opaque or not insides.unchanged())
    if not chunked.covers():
        _realign(e, chunked)
    if changed:
        chunked.dirty.update(c for c in chunked.chunks if c.made)
    if chunked.dirty:
        rewrite(e, chunked)
    if not e.void:
        _extend(e, chunked)
    for nested in chunked.nested:
        e.visit(nested)


# ------------------------------------------------------------------ new items at the end


def _extend(e: Pass, chunked: Chunked) -> None:
    tail = chunked.tail()
    if len(chunked.value) >= chunked.retry_at and size_of(tail, _BULK) >= _ENOUGH:
        taken = 0
        for group, size in _cut(tail, chunked.step):
            if size < _ENOUGH:
                break
            chunk = _write(e, chunked, group)
            if chunk is None:
                chunked.retry_at = 2 * len(chunked.value)
                break
            chunked.append(chunk, group)
            chunked.remember(chunk)
            taken += len(group)
        tail = tail[taken:]
    chunked.rest = tail


def _cut(flat: list[Any], step: int) -> Iterator[tuple[list[Any], int]]:
    """Runs of items of a good size, each with its size in bytes, roughly."""
    first = size = 0
    for i in range(0, len(flat), step):
        size += sum(size_of(x, _BULK) for x in flat[i : i + step])
        if size >= _BULK:
            yield flat[first : i + step], size
            first, size = i + step, 0
    if first < len(flat):
        yield flat[first:], size


# ------------------------------------------------------------------ other changes


def _realign(e: Pass, chunked: Chunked) -> None:
    value = chunked.value
    new = list(value) if chunked.step == 1 else [x for pair in value.items() for x in pair]
    old = [*chunked.flat(), *chunked.rest]
    gone = _find(old, new[0]) if new else 0
    if gone and gone % chunked.step == 0 and len(new) >= len(old) - gone:  # a queue: taken at its front, put at its end
        old = _edit(e, chunked, old, old[gone:])
    if not e.void:
        _edit(e, chunked, old, new)


def _find(values: list[Any], wanted: Any) -> int:
    """Where the very object ``wanted`` is; 0 if nowhere."""
    return next(compress(count(), map(is_, values, repeat(wanted))), 0)


def _edit(e: Pass, chunked: Chunked, old: list[Any], new: list[Any]) -> list[Any]:
    """The container was ``old`` and is ``new``: keep the chunks before the first difference and after the last one."""
    step = chunked.step
    if len(old) == len(new):
        _mark_replaced(chunked, old, new)
        chunked.arrange(chunked.chunks, new)
        return new
    chunks = chunked.chunks
    lead, start = 0, 0
    same = first_difference(old, new)
    while lead < len(chunks) and start + chunks[lead].count * step <= same:
        start += chunks[lead].count * step
        lead += 1
    kept_from = len(old) - common_end(old, new, min(len(old), len(new)) - start)
    trail, stop = len(chunks), len(old) - len(chunked.rest)
    while trail > lead and stop - chunks[trail - 1].count * step >= kept_from:
        trail -= 1
        stop -= chunks[trail].count * step
    if trail < len(chunks) and chunks[trail].size < _ENOUGH:  # lest edits at one place leave ever smaller chunks
        stop += chunks[trail].count * step
        trail += 1
    gone, after = chunks[lead:trail], chunks[trail:]
    looked_into = any(chunk.made for chunk in gone)
    for chunk in gone:
        e.chunks.discard(chunk)
    between: list[Chunk] = []
    for group, _ in _cut(new[start : stop + len(new) - len(old)], step) if after else ():
        made = _write(e, chunked, group, set(after))
        if made is None:
            chunked.chunks = [*chunks[:lead], *between, *after]
            _write_whole(e, chunked)
            return new
        between.append(made)
    chunked.arrange([*chunks[:lead], *between, *after], new)
    if looked_into or any(chunk.made for chunk in between):
        chunked.look_inside()
    return new


def _mark_replaced(chunked: Chunked, old: list[Any], new: list[Any]) -> None:
    """Items were replaced by others, one for one."""
    first = 0
    for chunk in chunked.chunks:
        last = first + chunk.count * chunked.step
        if first_difference(old[first:last], new[first:last]) < last - first:
            chunked.dirty.add(chunk)
        first = last


def rewrite(e: Pass, chunked: Chunked) -> None:
    """Write the dirty chunks again; those that say what they said stay."""
    dirty, chunked.dirty = chunked.dirty, set()
    for chunk in dirty:
        e.chunks.forget(chunk)
    chunked.dirty -= dirty
    flat, first, later = chunked.flat(), 0, set(chunked.chunks)
    for i, chunk in enumerate(chunked.chunks):
        last = first + chunk.count * chunked.step
        later.discard(chunk)
        if chunk in dirty:
            new = _write(e, chunked, flat[first:last], later, chunk)
            if new is None:
                _write_whole(e, chunked)
                return
            chunked.chunks[i] = new
        first = last
    chunked.names = None
    chunked.look_inside()


def _write_whole(e: Pass, chunked: Chunked) -> None:
    e.chunks.write_whole(chunked)
    e.void = True


# ------------------------------------------------------------------ writing one chunk


def _write(
    e: Pass, chunked: Chunked, flat: list[Any], later: Set[Chunk] = frozenset(), old: Chunk | None = None
) -> Chunk | None:
    """The chunk that holds these items, perhaps ``old``, before those that come ``later`` in the container.

    None: only a document can hold them.
    """
    inner = _InsideEncoder(e, chunked, later)
    try:
        try:
            data = inner.write(flat)
        except (OverflowError, UnicodeEncodeError):
            inner = _InsideEncoder(e, chunked, later, careful=True)
            data = inner.write(flat)
    except Rejected:
        return None
    digest = hashlib.blake2b(data, digest_size=16).digest() if inner.made else b""
    chunk = old
    if old is None or not digest or digest != old.digest:
        chunk = e.chunks.add(chunked, data, len(flat) // chunked.step, digest)
        if old is not None:
            e.chunks.discard(old)
    assert chunk is not None
    e.chunks.know(chunk, inner.made, inner.nested, inner.uses)
    for nested in inner.nested:
        e.visit(nested)
    # The document may have written one of these values itself, before we did.
    e.void |= any(id(value) in e.memo and not is_immutable(value) for value, _ in inner.made)
    return chunk


class _InsideEncoder(Encoder):
    """Lowers the items of one chunk, which has numbers of its own."""

    __slots__ = ("careful", "chunked", "chunks", "later", "made", "nested", "outer", "uses")

    def __init__(self, outer: Pass, chunked: Chunked, later: Set[Chunk], careful: bool = False) -> None:
        super().__init__(outer.externals, None, careful)
        self.outer, self.chunks = outer, outer.chunks
        self.chunked, self.later, self.careful = chunked, later, careful
        self.made: list[tuple[Any, int]] = []
        self.nested: list[Chunked] = []
        self.uses: set[Chunk] = set()

    def write(self, flat: list[Any]) -> bytes:
        """Raises :class:`Rejected`, or what asks for a careful encoder."""
        out = [wire.FORMAT, super().lower(flat)]
        try:
            for fn, args in self.queue:  # grows while it runs
                self.depth, self.solid = 0, False
                out.append(fn(*args))
        finally:
            self.queue.clear()
        return wire.pack(out, self.careful)

    def lower(self, value: Any, now: bool = False) -> Any:
        if type(value) in self.scalars:
            return value
        key = id(value)
        if key in self.memo:
            return super().lower(value, now)
        place = self.chunks.inside.get(key)
        if place is not None and key not in self.chunks.by_id and not is_immutable(value):
            leaf = self._shared(value, *place, now or self.solid)
        else:
            leaf = self._container(value, now or self.solid)
        if leaf is not None:
            return leaf
        lowered = super().lower(value, now)
        if key in self.memo:
            self.made.append((value, self.memo[key] - self.base))
        return lowered

    def _container(self, value: Any, needed_now: bool) -> Any:
        """The leaf for ``value`` if it is kept in chunks of its own."""
        chunks, key = self.chunks, id(value)
        chunked = chunks.by_id.get(key)
        if chunked is None:
            holds = type(value) is list or type(value) is dict
            if not holds or needed_now or key in chunks.whole or size_of(value, LARGE) < LARGE:
                return None
            chunked = chunks.take(value)
        elif needed_now:
            chunks.write_whole(chunked)
            self.outer.void = True
            return None
        self.nested.append(chunked)
        return chunked.leaf

    def _shared(self, value: Any, chunk: Chunk, number: int, needed_now: bool) -> Any:
        """The leaf for a value that is inside another chunk. None: it is to be written here."""
        owner = chunk.chunked
        assert owner is not None
        mine = owner is self.chunked
        before = chunk not in self.later if mine else owner.number < self.chunked.number
        apart = not needed_now and (type(value) is list or type(value) is dict)  # it can be made empty, filled later
        crowded = mine or (len(chunk.used_by) >= _FEW and chunk not in self.uses)
        if before and not (apart and crowded):
            self.uses.add(chunk)
            return wire.inside(owner.number, chunk.number, number)
        owner.dirty.add(chunk)
        if not (apart and (before or mine)):
            return None
        chunked = self.chunks.take(value)
        self.nested.append(chunked)
        return chunked.leaf
