"""Large text and bytes, kept in pieces. They cannot change; a variable that gets a longer one shares its beginning."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from weft_core.codec import wire
from weft_core.codec.chunks.kept import KINDS, Chunked, Chunks

LARGE = 4096
"""Characters or bytes from which on text in a variable is kept beside the document."""
_PIECE = 4096


def keep_text(chunks: Chunks, value: str | bytes, taken: Set[Chunked]) -> Chunked:
    """Keep ``value`` in pieces. Those of another text, of which nothing is said in ``taken``, are used again."""
    chunked = _grown_from(chunks, value, taken)
    old: Any = b"" if chunked is None else chunked.value
    if chunked is None:
        chunked = chunks.take(value)
    else:
        del chunks.by_id[id(old)]
        chunks.by_id[id(value)] = chunked
        chunked.value = value
    kept = 0
    while kept < len(chunked.chunks) and _piece(old, kept) == _piece(value, kept):
        kept += 1
    for chunk in chunked.chunks[kept:]:
        chunks.discard(chunk)
    del chunked.chunks[kept:]
    chunked.names = None
    for i in range(kept, -(-len(value) // _PIECE)):
        piece = _piece(value, i)
        chunked.chunks.append(chunks.add(chunked, wire.pack([wire.FORMAT, piece], careful=True), len(piece), b""))
    return chunked


def _piece(value: Any, i: int) -> Any:
    return value[i * _PIECE : (i + 1) * _PIECE]


def _grown_from(chunks: Chunks, value: str | bytes, taken: Set[Chunked]) -> Chunked | None:
    kind, first = KINDS[type(value)], value[:_PIECE]
    alike = [c for c in chunks.by_id.values() if c.kind == kind and c not in taken and c.value[:_PIECE] == first]
    return max(alike, key=lambda c: len(c.value), default=None)  # the longest: others may hold how it began
