"""Stored values as people and JSON see them. Nothing here is ever read back."""

from __future__ import annotations

import base64
import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from weft_core import codec
from weft_core.errors import WeftError

_MAX_DEPTH = 12
_MAX_PREVIEW_BYTES = 64 * 1024


def jsonable(value: Any, depth: int = 0) -> Any:
    """A JSON-safe likeness: dicts, lists, text, numbers. What has no likeness becomes its ``repr``."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value) if -(2**53) < value < 2**53 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if depth >= _MAX_DEPTH:
        return "…"
    if isinstance(value, Mapping):
        return {k if isinstance(k, str) else repr(k): jsonable(v, depth + 1) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [jsonable(v, depth + 1) for v in value]
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: jsonable(getattr(value, f.name, None), depth + 1) for f in dataclasses.fields(value)}
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return str(value)


def decoded(data: bytes | None) -> Any:
    """The JSON-safe likeness of a stored value; also when its class is not at hand here."""
    if data is None:
        return None
    if len(data) > _MAX_PREVIEW_BYTES:
        return f"({len(data):,} bytes)"
    try:
        return jsonable(codec.loads(data))
    except WeftError as unreadable:
        return f"({len(data):,} bytes: {unreadable.code})"
    except Exception as broken:  # an author's __str__, __repr__ or property: it must not stop the engine that shows it
        return f"({len(data):,} bytes that cannot be shown: {type(broken).__name__})"


def present_event(event: dict[str, Any]) -> dict[str, Any]:
    """An event with its stored values decoded; JSON-safe."""
    return {k: _present(v) for k, v in event.items()}


def _present(value: Any) -> Any:
    if isinstance(value, bytes):
        return decoded(value)
    if isinstance(value, dict):
        return {k: _present(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_present(v) for v in value]
    return value
