"""Reading containers that are kept in chunks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

from weft_core.codec.chunks.kept import BYTES, DICT, LIST, STR, Chunk, Chunked, Chunks, Name
from weft_core.codec.decoder import Decoder
from weft_core.codec.wire import SCALARS, damaged

Fetch = Callable[[Name], bytes]
"""The bytes of a chunk. Raises ``CorruptRecordError`` if there are none or they are damaged."""


class Shared:
    """The containers as a chunk of one of them sees them."""

    def __init__(self, reader: ChunkReader) -> None:
        self._reader = reader
        self.fixups, self.last = reader.fixups, False
        self.container = reader.container
        self.uses: set[Name] = set()

    def inside(self, name: Name, number: int) -> Any:
        self.uses.add(name)
        return self._reader.inside(name, number)

    def add(self, d: Decoder, part: Any) -> None:
        raise damaged("there are late parts that nothing refers to")


class ChunkReader:
    """What is kept in chunks beside one document. Use it once.

    ``directory`` is :meth:`Chunks.directory`. Afterwards ``chunks`` goes on where the writer stood.
    """

    def __init__(self, directory: list[Any], fetch: Fetch) -> None:
        self.chunks = Chunks()
        self.fixups: list[Callable[[], None]] = []
        self.last = True
        self._directory, self._fetch = directory, fetch
        self._by_number: dict[int, Chunked] = {}
        self._values: dict[Name, list[Any]] = {}
        """By chunk, the values inside by number."""
        self._chunk_by_name: dict[Name, Chunk] = {}

    def load(self, new_decoder: Callable[[Shared], Decoder]) -> None:
        """Make the containers, as far as they are in chunks. ``new_decoder`` makes one for each."""
        for kinds in ((STR, BYTES), (LIST, DICT)):
            for chunked, names in self._entries(kinds):
                self._fill(chunked, names, new_decoder)

    # -- what a decoder asks

    def container(self, number: int) -> Any:
        """The list, dict, text or bytes with this number."""
        chunked = self._by_number.get(number)
        if chunked is None:
            raise damaged("a container without chunks")
        return chunked.value

    def inside(self, name: Name, number: int) -> Any:
        """A value inside a chunk that has been read: none refers to one that comes later."""
        values = self._values.get(name, ())
        if not 0 < number < len(values):
            raise damaged("a reference to nothing")
        return values[number]

    def add(self, d: Decoder, part: Any) -> None:
        """The items of a container that its document holds: ``[number, item, …]``."""
        if type(part) is not list or not part or type(part[0]) is not int:
            raise damaged("not the items of a container")
        chunked = self._by_number.get(part[0])
        if chunked is None or chunked.kind not in (LIST, DICT) or chunked.rest:
            raise damaged("items of a container that is none")
        chunked.rest = _put(d, chunked, d.lift_all(part[1:]))

    # -- reading

    def _entries(self, kinds: tuple[int, int]) -> Iterator[tuple[Chunked, Iterator[int]]]:
        found = []
        for entry in self._directory[1:]:
            if type(entry) is not list or len(entry) != 4 or type(entry[3]) is not list:
                raise damaged("not the directory of chunks")
            number, kind, next_chunk, runs = entry
            if any(type(n) is not int or not 0 <= n < 2**32 for n in (number, kind, next_chunk, *runs)):
                raise damaged("not the directory of chunks")
            if kind > BYTES:
                raise damaged("not the directory of chunks")
            if kind not in kinds:
                continue
            chunked = Chunked(number, _EMPTY[kind]())
            chunked.next, chunked.names = next_chunk, runs
            if self._by_number.setdefault(number, chunked) is not chunked:
                raise damaged("two containers of one number")
            found.append((chunked, _numbers(runs)))
        start = self._directory[0]
        if type(start) is not int or any(number >= start for number in self._by_number):
            raise damaged("not the directory of chunks")
        self.chunks.start = start
        yield from sorted(found, key=lambda entry: entry[0].number)

    def _fill(self, chunked: Chunked, numbers: Iterator[int], new_decoder: Callable[[Shared], Decoder]) -> None:
        pieces = []
        for number in numbers:
            name = (chunked.number, number)
            if number >= chunked.next or name in self._values:
                raise damaged("not the directory of chunks")
            data = self._fetch(name)
            shared = Shared(self)
            d = new_decoder(shared)
            value = d.document(data)
            self._values[name] = d.objs
            chunk = self._chunk_by_name[name] = Chunk(chunked, number, 0, len(data), b"")
            self.chunks.size += chunk.size
            chunked.chunks.append(chunk)
            if chunked.kind in (LIST, DICT):
                self._take_items(d, shared, chunk, data, value)
            elif type(value) is type(chunked.value):
                pieces.append(value)
                chunk.count = len(value)
            else:
                raise damaged("a chunk of another kind")
        if pieces:
            chunked.value = chunked.value.join(pieces)
        self.chunks.by_id[id(chunked.value)] = chunked

    def _take_items(self, d: Decoder, shared: Shared, chunk: Chunk, data: bytes, value: Any) -> None:
        chunked = chunk.chunked
        assert chunked is not None
        if type(value) is not list or len(value) % chunked.step:
            raise damaged("a chunk of another kind")
        flat = _put(d, chunked, value)
        chunk.count = len(flat) // chunked.step
        if chunked.step == 1:
            chunked.items += flat
        else:
            chunked.items += flat[::2]
            chunked.values += flat[1::2]
        made = [(v, n) for n, v in enumerate(d.objs) if n and type(v) not in SCALARS]
        nested = [self._by_number[n] for n in d.containers]
        if made:
            chunk.digest = hashlib.blake2b(data, digest_size=16).digest()
        self.chunks.know(chunk, made, nested, {self._chunk_by_name[name] for name in shared.uses})
        chunked.remember(chunk)


_EMPTY: dict[int, Callable[[], Any]] = {LIST: list, DICT: dict, STR: str, BYTES: bytes}


def _put(d: Decoder, chunked: Chunked, flat: list[Any]) -> list[Any]:
    """Add items to the container itself."""
    if chunked.step == 1:
        chunked.value.extend(flat)
        return flat
    if len(flat) % 2:
        raise damaged("a key has no value")
    d.check_keys(flat[::2])
    before = len(chunked.value)
    chunked.value.update(zip(flat[::2], flat[1::2], strict=True))
    if len(chunked.value) != before + len(flat) // 2:
        raise damaged("a key is there twice")
    return flat


def _numbers(runs: list[int]) -> Iterator[int]:
    if len(runs) % 2:
        raise damaged("not the directory of chunks")
    for first, many in zip(runs[::2], runs[1::2], strict=True):
        yield from range(first, first + many)
