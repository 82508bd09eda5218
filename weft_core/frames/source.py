"""Finding the source of a function.

Durable functions are compiled from source, so the source must be there and must be what was loaded. Text in
``linecache`` counts, which is how notebooks and the browser provide it.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from weft_core.errors import SourceUnavailableError

from .fingerprint import digest
from .nodes import FUNCTIONS, FunctionNode
from .plan import Root, kind_of

__all__ = ["FunctionSource", "first_line_of", "kind_of", "locate", "source_of", "uses_private"]


@dataclass(frozen=True, slots=True)
class FunctionSource:
    """The source of one durable function, to be stored beside its runs.

    ``key`` is the function's registered name, ``first_line`` the line of its first decorator, ``text`` ends with a
    newline. ``fingerprint`` changes with key, place and text, so it can be the name under which the source is stored.
    """

    key: str
    filename: str
    first_line: int
    text: str
    fingerprint: str


def source_of(fn: Any) -> FunctionSource:
    """The source of a durable function, or of a method that is one. Raises TypeError for anything else."""
    root = getattr(fn, "__durable__", None)
    if not isinstance(root, Root):
        raise TypeError(f"{fn!r} is not a durable function")
    text = "".join(root.lines[root.lineno - 1 : root.end_lineno])
    text = text if text.endswith("\n") else text + "\n"
    return FunctionSource(
        key=root.key,
        filename=root.filename,
        first_line=root.lineno,
        text=text,
        fingerprint=digest(f"{root.key}\n{root.lineno}\n{text}"),
    )


# ------------------------------------------------------------------ locating


@dataclass(slots=True)
class _File:
    text: str
    lines: list[str]
    # (name, first line) -> the functions there, each with the class whose body it stands in
    functions: dict[tuple[str, int], list[tuple[FunctionNode, str | None]]]


_files: dict[str, _File] = {}


def locate(fn: FunctionType) -> tuple[FunctionNode, str | None, Sequence[str]]:
    """The tree of a function, the name of the class it is a method of, and the lines of its file.

    Raises SourceUnavailableError if there is no source, or not the one that was loaded.
    """
    code = fn.__code__
    file = _load(code.co_filename, fn)
    found = file.functions.get((code.co_name, code.co_firstlineno), [])
    if len(found) != 1:
        raise _unavailable(
            fn,
            "does not match the code that was loaded",
            "restart if the file was edited since; if a decorator replaced the function, put it outside @durable",
        )
    node, cls = found[0]
    a = node.args
    names = tuple(x.arg for x in a.posonlyargs + a.args + a.kwonlyargs)
    if code.co_varnames[: code.co_argcount + code.co_kwonlyargcount] != names:
        raise _unavailable(fn, "was edited since it was loaded", "restart the program")
    return node, cls, file.lines


def _load(filename: str, fn: FunctionType) -> _File:
    lines = linecache.getlines(filename, fn.__globals__)
    if not lines:
        raise _unavailable(fn, "cannot be read", "put the function in a .py file, or register its text in linecache")
    text = "".join(lines)
    file = _files.get(filename)
    if file is None or file.text != text:
        file = _files[filename] = _File(text, lines, _index(ast.parse(text, filename)))
    return file


def _index(tree: ast.Module) -> dict[tuple[str, int], list[tuple[FunctionNode, str | None]]]:
    out: dict[tuple[str, int], list[tuple[FunctionNode, str | None]]] = {}
    todo: list[tuple[ast.AST, str | None]] = [(tree, None)]
    while todo:
        n, cls = todo.pop()
        if isinstance(n, FUNCTIONS):
            out.setdefault((n.name, first_line_of(n)), []).append((n, cls))
            cls = None
        elif isinstance(n, ast.ClassDef):
            cls = n.name
        todo.extend((c, cls) for c in ast.iter_child_nodes(n))
    return out


def _unavailable(fn: FunctionType, problem: str, remedy: str) -> SourceUnavailableError:
    where = f"{fn.__code__.co_filename}:{fn.__code__.co_firstlineno}"
    return SourceUnavailableError(function=fn.__qualname__, filename=where, problem=problem, remedy=remedy)


def first_line_of(node: Any) -> int:
    """Where a function's code object says it begins: at its first decorator."""
    line: int = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
    return line


def uses_private(node: ast.AST) -> bool:
    """Does the tree name something like ``__x``, which a class mangles?"""
    for n in ast.walk(node):
        for f in ("id", "attr", "arg", "name"):
            value = getattr(n, f, None)
            if isinstance(value, str) and value.startswith("__") and not value.endswith("__"):
                return True
    return False
