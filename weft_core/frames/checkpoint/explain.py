"""Saying where a value that cannot be stored is: function, line, variable, and the path inside the variable."""

from __future__ import annotations

import types
from collections.abc import Iterable, Sequence
from typing import Any

from weft_core.codec.encoder import Rejected
from weft_core.codec.registry import slot_names
from weft_core.frames.checkpoint.sites import Site
from weft_core.frames.live import place

_LIMIT = 100_000  # objects looked at before giving up
_ATOMS = (str, int, float, bytes, type(None), type, types.ModuleType)
_HIDDEN = {
    ".i": "the iterator of the enclosing for loop",
    ".m": "the context manager of the enclosing with block",
    ".t": "a partial result of the expression",
}

Seen = Sequence[tuple[Site, Sequence[Any], dict[str, Any]]]


def explain(no: Rejected, seen: Seen, where: int | None) -> dict[str, Any]:
    """The facts of a NotSerializableError, with the place if the value can be found from a frame."""
    facts = no.facts()
    order = ([where] if where is not None else []) + [i for i in range(len(seen)) if i != where]
    for index in order:
        site, values, cells = seen[index]
        for name, value in [*zip(site.names, values, strict=True), *cells.items()]:
            path = find_path(value, no.value)
            if path is not None:
                return facts | place(site.plan, site.label) | _variable(site, name, path)
    if order:
        site = seen[order[0]][0]
        facts |= place(site.plan, site.label)
    return facts


def _variable(site: Site, name: str, path: str) -> dict[str, Any]:
    if name.startswith("."):
        return {"variable": None, "path": path, "where": f"{_HIDDEN.get(name[:2], 'internal state')}{path}"}
    lines = sorted(set(site.plan.stores.get(name) or ()))[:4]
    note = f"  (assigned at line {', '.join(map(str, lines))})" if lines else ""
    if not lines and name in site.plan.params:
        note = "  (parameter)"
    return {"variable": name, "path": f"{name}{path}", "where": f"local variable {name!r}: {name}{path}{note}"}


def find_path(start: Any, target: Any) -> str | None:
    """The shortest way from a value to an object inside it, as the tail of an expression; None if there is none."""
    if start is target:
        return ""
    seen = {id(start)}
    todo = [("", start)]
    alive = []  # children made on the way, so that ids stay theirs
    while todo and len(seen) < _LIMIT:
        following = []
        for path, value in todo:
            for step, child in _children(value):
                if child is target:
                    return path + step
                if id(child) not in seen and not isinstance(child, _ATOMS):
                    seen.add(id(child))
                    alive.append(child)
                    following.append((path + step, child))
        todo = following
    return None


def _children(v: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(v, dict):
        return [(f"[{_short(k)}]", x) for k, x in v.items()] + [(" (a key)", k) for k in v]
    if isinstance(v, (set, frozenset)):
        return [(" (an element)", x) for x in v]
    if isinstance(v, tuple) and hasattr(v, "_fields"):
        return [(f".{n}", x) for n, x in zip(v._fields, v, strict=False)]
    if isinstance(v, (tuple, list)):
        return [(f"[{i}]", x) for i, x in enumerate(v)]
    if isinstance(v, (types.MethodType, types.BuiltinFunctionType)):
        return [(".__self__", v.__self__)]
    if isinstance(v, types.FunctionType):
        cells = zip(v.__code__.co_freevars, v.__closure__ or (), strict=False)
        found: list[tuple[str, Any]] = [(f" (captured variable {n})", c) for n, c in cells]
        return found + [(" (default value)", x) for x in (v.__defaults__ or ())]
    if isinstance(v, types.CellType):
        try:
            return [("", v.cell_contents)]
        except ValueError:  # an empty cell
            return []
    if isinstance(v, BaseException):
        links = [(".args", v.args), (".__cause__", v.__cause__), (".__context__", v.__context__)]
        return links + [(f".{k}", x) for k, x in vars(v).items()]
    return _attributes(v)


def _attributes(v: Any) -> list[tuple[str, Any]]:
    state = getattr(v, "__dict__", None)
    out = [(f".{k}", x) for k, x in state.items()] if isinstance(state, dict) else []
    for name in slot_names(type(v)):
        try:
            out.append((f".{name}", object.__getattribute__(v, name)))
        except AttributeError:  # an empty slot
            continue
    return out or _inside(v)


def _inside(v: Any) -> list[tuple[str, Any]]:
    """What iterators and their like are made of."""
    try:
        reduced = v.__reduce__()
    except Exception:  # most objects refuse; then there is nothing to show
        return []
    if isinstance(reduced, tuple) and len(reduced) > 1 and isinstance(reduced[1], tuple):
        return [(" (inside)", x) for x in reduced[1]]
    return []


def _short(key: Any) -> str:
    text = repr(key) if isinstance(key, (str, int, float, bytes, tuple)) else f"<{type(key).__name__}>"
    return text if len(text) <= 60 else text[:57] + "..."
