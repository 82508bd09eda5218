"""Reading an export: bytes in, verified pages out. What is claimed is believed when it is there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn
from zlib import crc32

from weft_core.codec.dump.layout import (
    CRC_BYTES,
    DEFLATED,
    FORMAT,
    HEAD_BYTES,
    HEADER,
    MAGIC,
    MAX_FACTS_BYTES,
    MAX_FRAME_BYTES,
    PAGE_BYTES,
    ROWS,
    START_BYTES,
    TRAILER,
    Header,
    Trailer,
)  # fmt: skip
from weft_core.codec.dump.pages import rows_of
from weft_core.errors import ExportFileError, ExportVersionError
from weft_core.ports import Op


@dataclass(frozen=True, slots=True)
class Page:
    """Rows that were written together, and the bytes they were written as."""

    kind: int
    body: bytes
    rows: list[Op]


class DumpReader:
    """Give it the file in pieces of any size. It keeps what does not make a whole frame yet."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._offset = 0
        """Of the first byte that is kept."""
        self._digest = hashlib.sha256()
        self._frames = 0
        self._started = False
        self.header: Header | None = None
        self.trailer: Trailer | None = None
        self.rows = 0

    def feed(self, data: bytes) -> Iterator[Page]:
        """The pages that these bytes complete, each decoded when it is asked for. ``ExportFileError``: damaged."""
        self._rest += data
        if not self._started:
            self._start()
        while self._started and (frame := self._frame()) is not None:
            page = self._take(*frame)
            del frame
            if page is not None:
                yield page

    def finish(self) -> Trailer:
        """There is no more. ``ExportFileError``: something is missing."""
        if self.trailer is None or self._rest:
            self._damaged("it ends in the middle" if self._offset or self._rest else "it is empty")
        return self.trailer

    def _start(self) -> None:
        start = bytes(self._rest[:START_BYTES])
        if not MAGIC.startswith(start[: len(MAGIC)]):
            self._damaged("it does not begin as an export does")
        if len(start) < START_BYTES:
            return
        found = int.from_bytes(start[len(MAGIC) :], "big")
        if found > FORMAT:
            raise ExportVersionError(format=found, known=FORMAT)
        if not found:
            self._damaged("there is no format 0")
        self._drop(START_BYTES)
        self._started = True

    def _frame(self) -> tuple[int, bytes, int] | None:
        """(kind, body, offset) of the next frame, verified; None while it is not whole."""
        if self.trailer is not None and self._rest:
            self._damaged("something follows its end")
        if len(self._rest) < HEAD_BYTES:
            return None
        kind, length = self._rest[0], int.from_bytes(self._rest[1:HEAD_BYTES], "big")
        self._check_place(kind, length)
        end = HEAD_BYTES + length
        if len(self._rest) < end + CRC_BYTES:
            return None
        with memoryview(self._rest) as view:
            body = bytes(view[HEAD_BYTES:end])
            found = int.from_bytes(view[end : end + CRC_BYTES], "big")
            checksum = crc32(view[:end], crc32(self._frames.to_bytes(4, "big")))
        if checksum != found:
            self._damaged("a checksum is wrong")
        if kind == TRAILER:
            self._close(Trailer.unpack(body, self._offset))
        at = self._offset
        self._drop(end + CRC_BYTES)
        self._frames += 1
        return kind, body, at

    def _check_place(self, kind: int, length: int) -> None:
        if (kind == HEADER) != (self._frames == 0) or kind not in (HEADER, ROWS, DEFLATED, TRAILER):
            self._damaged(f"there is no part of kind {kind} at this place")
        limit = {ROWS: MAX_FRAME_BYTES, DEFLATED: PAGE_BYTES}.get(kind, MAX_FACTS_BYTES)
        if length > limit:
            self._damaged(f"a part claims to be {length} bytes long")

    def _take(self, kind: int, body: bytes, at: int) -> Page | None:
        if kind == HEADER:
            self.header = Header.unpack(body, at)
        if kind not in (ROWS, DEFLATED):
            return None
        rows = rows_of(kind, body, at)
        self.rows += len(rows)
        return Page(kind, body, rows)

    def _close(self, trailer: Trailer) -> None:
        if (trailer.rows, trailer.size, trailer.sha256) != (self.rows, self._offset, self._digest.digest()):
            self._damaged("its trailer does not fit what is before it")
        self.trailer = trailer

    def _drop(self, count: int) -> None:
        with memoryview(self._rest) as view:
            self._digest.update(view[:count])
        del self._rest[:count]
        self._offset += count

    def _damaged(self, reason: str) -> NoReturn:
        raise ExportFileError(reason=reason, offset=self._offset)
