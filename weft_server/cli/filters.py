"""Filters as they are typed: ``city=Bern``, ``total>=10``."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any, Final

from weft_server.cli.failure import CommandError

_OPERATORS: Final = {"=": "eq", "!=": "ne", ">": "gt", ">=": "gte", "<": "lt", "<=": "lte", "^=": "prefix"}
_FILTER = re.compile(r"([^=!<>^]+)(!=|>=|<=|\^=|=|>|<)(.*)", re.DOTALL)


def attributes(texts: list[str]) -> dict[str, dict[str, Any]]:
    """Of the texts on one attribute all must hold. A value is JSON (``10``, ``true``, ``"10"``), an instant in ISO form
    with its zone, or text."""
    found: dict[str, dict[str, Any]] = {}
    for text in texts:
        parts = _FILTER.fullmatch(text)
        if parts is None:
            raise CommandError(f"{text!r} is no filter; write NAME=VALUE, or != > >= < <= ^= (begins with) for =")
        name, operator, value = parts.groups()
        found.setdefault(name.strip(), {})[_OPERATORS[operator]] = _value(value.strip())
    return found


def _value(text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if isinstance(value, (bool, int, float, str)):
        return value
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return text
    return instant if instant.tzinfo is not None else text
