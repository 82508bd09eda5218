"""Errors as records: what is stored of a failure, and how a frame is told that it awaited something foreign."""

from __future__ import annotations

import traceback
from typing import Any

from weft_core import codec, frames
from weft_core.errors import ActivityFailedError, ForeignAwaitError, NotSerializableError, WeftError

_MAX_TRACEBACK = 8_000
_MAX_TEXT = 8_000
"""Characters of an error's text that records and events keep: lists read them."""
_MAX_VALUE = 2 * 1024 * 1024
"""Bytes of an error that is kept itself, as of any payload."""


def type_name(error: BaseException) -> str:
    cls = type(error)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def text(error: BaseException) -> str:
    """``str(error)``, whatever an author's ``__str__`` does; the beginning of one that is long."""
    try:
        full = str(error)
    except Exception as broken:
        return f"({type_name(error)} has no text: its __str__ raised {type_name(broken)})"
    return full if len(full) <= _MAX_TEXT else f"{full[:_MAX_TEXT]}… ({len(full):,} characters)"


def line(error: BaseException) -> str:
    """Class and text in one line."""
    return f"{type_name(error)}: {text(error)}"


def brief(error: BaseException) -> dict[str, Any]:
    """``{code, message}`` for events and lists."""
    return {"code": error.code if isinstance(error, WeftError) else type_name(error), "message": text(error)}


def record(error: BaseException) -> dict[str, Any]:
    """What the record of a failed run keeps: code, message, traceback as text, and the error itself if it can be."""
    lines = "".join(traceback.format_exception(error))
    kept = {**brief(error), "type": type_name(error), "traceback": lines[-_MAX_TRACEBACK:]}
    value = _kept(error)  # else its text is kept, and `result()` raises without a cause
    if value is not None:
        kept["value"] = value
    if isinstance(error, WeftError):
        kept["facts"] = error.to_json()["facts"] if value is not None else {}
    return kept


def _kept(error: BaseException) -> bytes | None:
    """The error, encoded; None if it cannot be, also because of an author's own state, or if it is too large."""
    try:
        value = codec.dumps(error)
    except Exception:
        return None
    return value if len(value) <= _MAX_VALUE else None


def durable_error(error: BaseException, activity: str) -> BaseException:
    """The error as the workflow sees it: itself if a checkpoint can hold it, else an ActivityFailedError that names it.

    Decided when the error is recorded, so that an ``except`` clause sees the same class before and after a crash (G4).

    One that says that a value of the activity's cannot be stored is told as such a failure, too.
    """
    try:
        value = codec.dumps(error)
        codec.loads(value)
        storable = len(value) <= _MAX_VALUE and not isinstance(error, NotSerializableError)
    except Exception:
        storable = False
    if storable:
        return error
    return ActivityFailedError(activity=activity, error_type=type_name(error), error_message=text(error))


def foreign_await(frame: Any, yielded: Any) -> ForeignAwaitError:
    """The error for a frame that awaited something which is no operation; names the line and the remedy."""
    stack = frames.stack(frame)
    place = stack[-1] if stack else None
    cls = type(yielded)
    awaited = f"{cls.__module__}.{cls.__qualname__}"
    where = f"{place.function}, {place.filename}:{place.lineno}" if place else "a workflow"
    return ForeignAwaitError(
        f"{where} awaits {awaited}, which is not a ctx operation and would not survive a crash. "
        f"Put it in an activity (await ctx.run(...)) or in ctx.step(...)",
        awaited=awaited, function=place.function if place else None, filename=place.filename if place else None,
        lineno=place.lineno if place else None,
    )  # fmt: skip
