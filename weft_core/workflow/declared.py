"""Which messages a workflow waits for, read from its source, so that a mistyped name is refused at the door."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FunctionType, ModuleType
from typing import Any

from weft_core.frames import known_names, mentions_of, value_of

SIGNALS = frozenset({"wait_for_signal", "on_signal"})
UPDATES = frozenset({"wait_for_update", "on_update"})


def declared_names(fn: Callable[..., Any], methods: frozenset[str]) -> frozenset[str] | None:
    """Names that a durable function, and the durable helpers it names, give to these methods of ``ctx``.

    None: some name is only known at run time.
    """
    names: set[str] = set()
    return frozenset(names) if _collect(fn, methods, names, set()) else None


def _collect(fn: Callable[..., Any], methods: frozenset[str], names: set[str], seen: set[Any]) -> bool:
    seen.add(fn)
    known = known_names(fn)
    mentions = mentions_of(fn)
    for method, kind, argument in mentions.calls:
        if method in methods and not _name(kind, argument, known, names):
            return False
    for dotted in mentions.names:
        helper = value_of(dotted, known, (ModuleType, type))
        durable = isinstance(helper, FunctionType) and hasattr(helper, "__durable__")
        if durable and helper not in seen and not _collect(helper, methods, names, seen):
            return False
    return True


def _name(kind: str, argument: str, known: Mapping[str, Any], names: set[str]) -> bool:
    name = argument if kind == "text" else getattr(value_of(argument, known, (ModuleType, type)), "name", None)
    if not isinstance(name, str):
        return False
    names.add(name)
    return True
