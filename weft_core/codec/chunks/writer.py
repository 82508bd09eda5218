"""Writing documents whose large containers are kept in chunks.

One pass lowers the document as always, except that a container kept in chunks becomes its number. When the rest is
done, each such container is brought up to date (:mod:`weft_core.codec.chunks.upkeep`), and the items that are in no
chunk yet are written into the document. What a pass finds out may make it void: it is then done anew, with what is
known now.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from weft_core.codec import wire
from weft_core.codec.chunks import texts
from weft_core.codec.chunks.kept import LIST, STR, Chunk, Chunked, Chunks, size_of
from weft_core.codec.chunks.upkeep import LARGE, refresh, rewrite
from weft_core.codec.encoder import Encoder, Externals, Rejected

FROM = 4096
"""A document that is larger than this is written with chunks."""
_PASSES = 32


class _Again(Exception):
    """Begin the pass anew."""


def encode_in_chunks(root: Any, externals: Externals, frames: Callable[[], Any], chunks: Chunks) -> bytes:
    """Like :func:`weft_core.codec.encoder.encode`; ``chunks`` says afterwards what is to be written beside it.

    ``frames`` makes the frames' half of an encoder, one for each pass.
    """
    careful = flat = False
    for _ in range(_PASSES):
        encoder = ChunkingEncoder(externals, frames(), chunks, careful, flat)
        try:
            return wire.pack(encoder.document(root), careful)
        except _Again:
            continue
        except (OverflowError, UnicodeEncodeError):
            careful = True
        except Rejected as no:
            if flat or not no.circle:
                raise
            careful = flat = True
    chunks.give_up()
    return wire.pack(Encoder(externals, frames(), careful=True, flat=flat).document(root), careful=True)


class ChunkingEncoder(Encoder):
    """Lowers one document whose large containers are kept in ``chunks``. Use it once."""

    __slots__ = ("chunks", "externals", "order", "used", "visited", "void")

    def __init__(self, externals: Externals, frames: Any, chunks: Chunks, careful: bool, flat: bool) -> None:
        super().__init__(externals, frames, careful, flat)
        self.chunks, self.externals = chunks, externals
        self.visited: set[Chunked] = set()
        self.order: list[Chunked] = []
        """The containers whose last items the document holds, in the order in which it met them."""
        self.used: list[Chunk] = []
        """Chunks that the document refers into."""
        self.void = False
        """Something was written in a way that is wrong by now."""

    def document(self, root: Any) -> list[Any]:
        try:
            out = [wire.FORMAT, super().lower(root)]
            parts = containers = 0
            while True:
                self.depth, self.solid = self.floor, False
                if parts < len(self.queue):
                    fn, args = self.queue[parts]
                    parts += 1
                    out.append(fn(*args))
                elif containers < len(self.order):
                    chunked = self.order[containers]
                    containers += 1
                    refresh(self, chunked)
                    self._settled()
                    out.append([chunked.number, *self._tail(chunked)])
                elif not self._rewrote():
                    break
            self._finish()
            return out
        finally:
            self.queue.clear()

    def lower(self, value: Any, now: bool = False) -> Any:
        t = type(value)
        if t in self.scalars:
            return self.text(value) if (t is str or t is bytes) and len(value) >= texts.LARGE else value
        key = id(value)
        if key in self.memo:
            return super().lower(value, now)
        chunks = self.chunks
        chunked = chunks.by_id.get(key)
        if chunked is None:
            place = chunks.inside.get(key)
            if place is not None:
                return self._inside(*place)
            large = (t is list or t is dict) and not now and not self.solid and size_of(value, LARGE) >= LARGE
            if not large or key in chunks.whole:
                return super().lower(value, now)
            chunked = chunks.take(value)
        elif now or self.solid:
            chunks.write_whole(chunked)
            raise _Again
        self.visit(chunked)
        return chunked.leaf

    def lower_all(self, values: Any) -> list[Any]:
        return [self.lower(x) for x in values]

    def text(self, value: str | bytes) -> Any:
        """Text or bytes of such a size that they are kept beside the document."""
        chunked = self.chunks.by_id.get(id(value))
        if chunked is None:
            chunked = texts.keep_text(self.chunks, value, self.visited)
        self.visit(chunked)
        return chunked.leaf

    def visit(self, chunked: Chunked) -> None:
        """The document, or a chunk it needs, refers to this container."""
        if chunked not in self.visited:
            self.visited.add(chunked)
            if chunked.kind < STR:
                self.order.append(chunked)

    def _inside(self, chunk: Chunk, number: int) -> Any:
        chunked = chunk.chunked
        assert chunked is not None
        self.used.append(chunk)
        return wire.inside(chunked.number, chunk.number, number)

    def _tail(self, chunked: Chunked) -> Sequence[Any]:
        tail = chunked.tail()
        if chunked.kind == LIST:
            return self.lower_all(tail)
        lower = self.lower_solid, self.lower  # in the order in which they are read
        return [lower[i % 2](x) for i, x in enumerate(tail)]

    # -- what makes a pass void

    def _settled(self) -> None:
        if self.void:
            raise _Again

    def _rewrote(self) -> bool:
        """Chunks whose values are kept elsewhere by now were written again."""
        dirty = [c for c in self.order if c.dirty]
        for chunked in dirty:
            rewrite(self, chunked)
            self._settled()
        return bool(dirty)

    def _finish(self) -> None:
        """Containers that the document does not reach are let go."""
        chunks = self.chunks
        if len(self.visited) != len(chunks.by_id):
            for chunked in [c for c in chunks.by_id.values() if c not in self.visited]:
                chunks.release(chunked)
        self.void |= any(chunk.chunked is None for chunk in self.used) or any(c.dirty for c in self.order)
        self._settled()

    # -- trying something that may be refused

    def save(self) -> tuple[int, ...]:
        return (*super().save(), len(self.order), len(self.used))

    def rollback(self, state: tuple[int, ...]) -> None:
        super().rollback(state)
        self.visited.difference_update(self.order[state[7] :])
        del self.order[state[7] :], self.used[state[8] :]
