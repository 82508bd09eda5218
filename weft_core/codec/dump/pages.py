"""The body of a page: rows to bytes and back."""

from __future__ import annotations

import zlib

from weft_core.codec.dump.layout import DEFLATED, PAGE_BYTES, ROWS
from weft_core.errors import ExportFileError
from weft_core.ports import MAX_KEY_BYTES, Op

_LEVEL = 1


def row_bytes(key: str, value: bytes | None) -> bytes:
    name = key.encode()
    size = 0 if value is None else len(value) + 1
    return b"%b%b%b%b" % (len(name).to_bytes(2, "big"), name, size.to_bytes(4, "big"), value or b"")


def deflated(body: bytes) -> bytes | None:
    """The body of a Z frame, or None where that is no smaller, or the page too large."""
    if len(body) > PAGE_BYTES:
        return None
    packed = len(body).to_bytes(4, "big") + zlib.compress(body, _LEVEL)
    return packed if len(packed) < len(body) else None


def rows_of(kind: int, body: bytes, at: int = 0) -> list[Op]:
    """The rows of the body of an R or Z frame. ``ExportFileError`` at ``at``: it is none."""
    plain = _inflated(body, at) if kind == DEFLATED else body
    return _Rows(plain, at).read() if kind in (ROWS, DEFLATED) else []


def _inflated(body: bytes, at: int) -> bytes:
    length = int.from_bytes(body[:4], "big")
    if len(body) < 4 or length > PAGE_BYTES:
        raise ExportFileError(reason=f"a page claims to be {length} bytes long", offset=at)
    stream = zlib.decompressobj()
    try:
        plain = stream.decompress(body[4:], length + 1)  # one more, so that a longer stream shows itself
    except zlib.error as error:
        raise ExportFileError(reason=f"a page cannot be inflated: {error}", offset=at) from None
    if len(plain) != length or not stream.eof or stream.unused_data:
        raise ExportFileError(reason="a page has another length than it says", offset=at)
    return plain


class _Rows:
    def __init__(self, body: bytes, at: int) -> None:
        self._body, self._at, self._here = body, at, 0

    def read(self) -> list[Op]:
        rows: list[Op] = []
        while self._here < len(self._body):
            rows.append(self._row())
            if len(self._body) > PAGE_BYTES and self._here < len(self._body):
                raise self._damage("a page is too long")
        return rows

    def _row(self) -> Op:
        name = self._take(int.from_bytes(self._take(2), "big"))
        size = int.from_bytes(self._take(4), "big")
        value = self._take(size - 1) if size else None
        try:
            key = name.decode()
        except UnicodeDecodeError:
            raise self._damage("a key is not UTF-8 text") from None
        if not 0 < len(name) <= MAX_KEY_BYTES or b"\0" in name:
            raise self._damage("a key is empty, too long, or has a NUL")
        return key, value

    def _take(self, count: int) -> bytes:
        end = self._here + count
        if end > len(self._body):
            raise self._damage("a row is longer than its page")
        taken = self._body[self._here : end]
        self._here = end
        return taken

    def _damage(self, reason: str) -> ExportFileError:
        return ExportFileError(reason=reason, offset=self._at)
