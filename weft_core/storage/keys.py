"""What a key, a value and a scan bound may be. Every store of ours refuses the same things with the same words."""

from __future__ import annotations

from collections.abc import Iterable

from weft_core.errors import StorageKeyError, StorageValueError
from weft_core.ports import MAX_KEY_BYTES, Op


def check_key(key: str, limit: int = MAX_KEY_BYTES) -> None:
    """Refuse what is not non-empty text of at most ``limit`` UTF-8 bytes without NUL: :class:`StorageKeyError`."""
    # The common key is short ASCII; only others pay for an encoding.
    if type(key) is str and key and key.isascii() and len(key) <= limit and "\0" not in key:
        return
    _check_bytes(key, limit)


def _check_bytes(key: object, limit: int) -> None:
    if not isinstance(key, str):
        raise StorageKeyError(reason=f"a {type(key).__name__} is not text", limit=limit, key=repr(key)[:80])
    if not key:
        raise StorageKeyError(reason="it is empty", limit=limit, key=key)
    if "\0" in key:
        raise StorageKeyError(reason="it contains NUL", limit=limit, key=_short(key))
    size = len(encode_text(key, limit))
    if size > limit:
        raise StorageKeyError(reason=f"it has {size} bytes", limit=limit, key=_short(key))


def encode_text(text: str, limit: int = MAX_KEY_BYTES) -> bytes:
    """The UTF-8 bytes of a key or scan bound; a lone surrogate has none: :class:`StorageKeyError`."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise StorageKeyError(reason="it contains a lone surrogate", limit=limit, key=_short(text)) from None


def _short(key: str) -> str:
    return ascii(key[:80])


def check_value(key: str, value: object) -> None:
    """Refuse what is not exactly ``bytes`` (a bytearray could change after the call): :class:`StorageValueError`."""
    if not isinstance(value, bytes):
        raise StorageValueError(key=key, type=type(value).__name__)


def check_ops(ops: Iterable[Op], limit: int = MAX_KEY_BYTES) -> None:
    """Check every key and value of a batch before anything of it is written."""
    for key, value in ops:
        check_key(key, limit)
        if value is not None:
            check_value(key, value)


def check_bounds(prefix: str, after: str | None, before: str | None) -> None:
    """Refuse scan bounds that are not proper text; they need not be possible keys (an empty prefix means all)."""
    for bound in (prefix, after, before):
        if bound is not None and not bound.isascii():
            encode_text(bound)


def prefix_end(prefix: str) -> str | None:
    """The smallest text above every key with this prefix; None when there is no such text.

    Python compares text by code points, which is the order of the UTF-8 bytes.
    """
    kept = prefix.rstrip("\U0010ffff")
    if not kept:
        return None
    last = ord(kept[-1]) + 1
    return kept[:-1] + chr(0xE000 if last == 0xD800 else last)
