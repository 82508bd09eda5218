"""Names, ids and reasons that others give: what they may be (G19)."""

from __future__ import annotations

from typing import Any

from weft_core.errors import InvalidInputError, LimitExceededError
from weft_core.model.limits import Limits


def check_id(text: Any, what: str, limits: Limits) -> None:
    """Ids become parts of keys: text, no slash, not too long."""
    if not isinstance(text, str) or not text or "/" in text or "\0" in text:
        raise InvalidInputError(call=what, reason=f"{text!r} is no id; use non-empty text without slashes")
    check_text(text, what, limits)


def check_text(text: Any, what: str, limits: Limits) -> None:
    """Names and ids: text that can be written as UTF-8, not too long."""
    size = utf8_size(text, what)
    if size > limits.max_id_bytes:
        raise LimitExceededError(what=f"{what} in bytes", actual=size, limit=limits.max_id_bytes)


def utf8_size(text: Any, what: str) -> int:
    """In bytes. ``InvalidInputError``: it is no text, or cannot be written as UTF-8."""
    if not isinstance(text, str):
        raise InvalidInputError(call=what, reason=f"{text!r} is not text")
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise InvalidInputError(call=what, reason=f"{text!r} holds half a character (a lone surrogate)") from None


def check_told(call: str, limits: Limits, **texts: Any) -> None:
    """What somebody says of a call, for people to read: its ``reason``, and who it is ``by``; text or None."""
    for name, text in texts.items():
        if text is None:
            continue
        if not isinstance(text, str):
            raise InvalidInputError(call=call, reason=f"the {name} is text, not {text!r}")
        size = len(text.encode("utf-8", "surrogatepass"))
        if size > limits.max_reason_bytes:
            raise LimitExceededError(what=f"the {name} of {call} in bytes", actual=size, limit=limits.max_reason_bytes)
