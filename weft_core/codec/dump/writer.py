"""Writing an export: rows in, bytes out, a page at a time."""

from __future__ import annotations

import hashlib
from zlib import crc32

from weft_core.codec.dump.layout import DEFLATED, FORMAT, HEADER, MAGIC, PAGE_BYTES, ROWS, TRAILER, Header, Trailer
from weft_core.codec.dump.pages import deflated, row_bytes


class DumpWriter:
    """``begin``, any number of ``add``, ``end``: what they return, in order, is the file. It keeps one page."""

    def __init__(self, *, compress: bool = True) -> None:
        self._compress = compress
        self._digest = hashlib.sha256()
        self._page: list[bytes] = []
        self._filled = 0
        self._frames = 0
        self.rows = 0
        self.size = 0
        """Bytes that were returned."""

    def begin(self, header: Header) -> bytes:
        return self._out(MAGIC + FORMAT.to_bytes(2, "big") + self._frame(HEADER, header.pack()))

    def add(self, key: str, value: bytes | None) -> bytes:
        """Add a row; None: that it was deleted after it was added. Mostly returns nothing."""
        row = row_bytes(key, value)
        full = self._flush() if self._filled + len(row) > PAGE_BYTES else b""
        self._page.append(row)
        self._filled += len(row)
        self.rows += 1
        return full

    def end(self, commits: int) -> bytes:
        last = self._flush()
        trailer = Trailer(self.rows, self.size, commits, self._digest.digest())
        return last + self._out(self._frame(TRAILER, trailer.pack()))

    def _flush(self) -> bytes:
        if not self._page:
            return b""
        body = b"".join(self._page)
        self._page.clear()
        self._filled = 0
        packed = deflated(body) if self._compress else None
        return self._out(self._frame(ROWS, body) if packed is None else self._frame(DEFLATED, packed))

    def _frame(self, kind: int, body: bytes) -> bytes:
        head = bytes((kind,)) + len(body).to_bytes(4, "big")
        checksum = crc32(body, crc32(head, crc32(self._frames.to_bytes(4, "big"))))
        self._frames += 1
        return b"%b%b%b" % (head, body, checksum.to_bytes(4, "big"))

    def _out(self, data: bytes) -> bytes:
        self._digest.update(data)
        self.size += len(data)
        return data
