"""Finding the source of a function: the text that was loaded, and in it the function's syntax tree.

Durable functions are compiled from source, so the source must be there and must be what was loaded.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from weft_core.errors import SourceUnavailableError
from weft_core.frames.fingerprint import digest
from weft_core.frames.nodes import FUNCTIONS, FunctionNode
from weft_core.frames.plan import Root, kind_of
from weft_core.frames.source.texts import has_shared_name, is_text_of, lines_of, loaded_lines

__all__ = ["FunctionSource", "SourceFile", "file_of", "first_line_of", "index", "kind_of", "locate", "source_of"]


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


Functions = dict[tuple[str, int], list[tuple[FunctionNode, str | None]]]
"""(name, first line) -> the functions there, each with the class whose body it stands in."""


class SourceFile:
    """One text that functions were compiled from."""

    __slots__ = ("_functions", "_taken", "filename", "lines", "text")

    def __init__(self, filename: str, lines: list[str], text: str) -> None:
        self.filename, self.lines, self.text = filename, lines, text
        self._functions: Functions | None = None
        self._taken: set[tuple[str, int]] = set()

    def take(self, at: tuple[str, int]) -> list[tuple[FunctionNode, str | None]]:
        """The functions with this name and first line, as trees that are the caller's: compiling rewrites them."""
        if self._functions is None or at in self._taken:
            self._functions = index(ast.parse(self.text, self.filename))
            self._taken.clear()
        self._taken.add(at)
        return self._functions.get(at, [])


_files: dict[str, SourceFile] = {}


def file_of(fn: FunctionType) -> SourceFile | None:
    """The text that ``fn`` was loaded from, as far as it is there."""
    filename = fn.__code__.co_filename
    lines = lines_of(fn)
    if not lines:
        return None
    file = _files.get(filename)
    if file is not None and file.lines is lines:
        return file
    lines = loaded_lines(fn) or lines
    text = "".join(lines)
    if file is None or file.text != text:
        file = _files[filename] = SourceFile(filename, lines, text)
    return file


def locate(fn: FunctionType, file: SourceFile) -> tuple[FunctionNode, str | None]:
    """The tree of a function and the name of the class it is a method of.

    Raises SourceUnavailableError if the file does not hold the function that was loaded.
    """
    code = fn.__code__
    found = file.take((code.co_name, code.co_firstlineno))
    if len(found) != 1:
        raise unavailable(
            fn,
            "does not match the code that was loaded",
            "restart if the file was edited since; if a decorator replaced the function, put it outside @durable",
        )
    node, cls = found[0]
    a = node.args
    names = tuple(x.arg for x in a.posonlyargs + a.args + a.kwonlyargs)
    same = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount] == names
    if not same or (has_shared_name(code.co_filename) and not is_text_of(file.text, code)):
        raise unavailable(fn, "was edited since it was loaded", "restart the program")
    return node, cls


def index(tree: ast.Module) -> Functions:
    """The functions of a module by name and first line."""
    out: Functions = {}
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


def unavailable(fn: FunctionType, problem: str, remedy: str) -> SourceUnavailableError:
    """The error that names the function and where it was compiled."""
    where = f"{fn.__code__.co_filename}:{fn.__code__.co_firstlineno}"
    return SourceUnavailableError(function=fn.__qualname__, filename=where, problem=problem, remedy=remedy)


def absent(fn: FunctionType, module_file: str | None) -> SourceUnavailableError:
    """The error for a function whose text nobody has."""
    if fn.__code__.co_filename.startswith("<"):
        return unavailable(
            fn,
            "was not kept",
            "put the function in a .py file or a notebook, or give its text to weft_core.load_source(name, text); "
            "python -c and the interactive prompt keep theirs in linecache from Python 3.13 on",
        )
    stem = (module_file or fn.__code__.co_filename).rpartition(".")[0]
    return unavailable(
        fn,
        "cannot be read",
        f"ship the .py file, or beside the compiled module the file {stem}.weft that `weft compile` makes of it",
    )


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
