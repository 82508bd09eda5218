"""What a function names: for tools that look for declarations in it without parsing it again."""

from __future__ import annotations

import ast
import builtins
from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from weft_core.frames.nodes import FunctionNode, all_args
from weft_core.frames.scope import bound_names


class Mentions(NamedTuple):
    """``names``: dotted names from outside the function, each once. ``calls``: (method, kind, first argument) of every
    ``x.method(...)``; kind says what the argument is: ``text``, ``name`` (a dotted name) or ``unknown``."""

    names: tuple[str, ...] = ()
    calls: tuple[tuple[str, str, str], ...] = ()


def mentions_of(fn: Callable[..., Any]) -> Mentions:
    """What the source of a durable function mentions; found when it was compiled."""
    found: Mentions = fn.__durable__.mentions  # type: ignore[attr-defined]
    return found


def known_names(fn: Callable[..., Any]) -> Mapping[str, Any]:
    """What the names around a durable function stand for now: captured variables, globals, builtins."""
    root = fn.__durable__  # type: ignore[attr-defined]
    captured = {}
    for name, cell in root.env.items():
        try:
            captured[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    return ChainMap(captured, root.globals, vars(builtins))


def find_mentions(fn: FunctionNode) -> Mentions:
    """Look through the body of ``fn`` and of everything nested in it."""
    own = bound_names(fn.body) | {a.arg for a in all_args(fn.args)}
    names: dict[str, None] = {}
    calls: list[tuple[str, str, str]] = []
    for statement in fn.body:
        for n in ast.walk(statement):
            if isinstance(n, (ast.Name, ast.Attribute)):
                found = _dotted(n)
                if found is not None and found.partition(".")[0] not in own:
                    names[found] = None
            elif isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute):
                calls.append((n.func.attr, *_argument(n)))
    return Mentions(tuple(names), tuple(calls))


def value_of(dotted: str, known: Mapping[str, Any], through: tuple[type, ...]) -> Any:
    """What a dotted name stands for, looking into values of the types ``through`` only; None if that is not known."""
    first, *rest = dotted.split(".")
    value = known.get(first)
    for attribute in rest:
        value = getattr(value, attribute, None) if isinstance(value, through) else None
    return value


def _argument(call: ast.Call) -> tuple[str, str]:
    first = call.args[0] if call.args else None
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        return "text", first.value
    dotted = _dotted(first)
    return ("unknown", "") if dotted is None else ("name", dotted)


def _dotted(n: ast.AST | None) -> str | None:
    parts: list[str] = []
    while isinstance(n, ast.Attribute):
        parts.append(n.attr)
        n = n.value
    return ".".join([n.id, *reversed(parts)]) if isinstance(n, ast.Name) else None
