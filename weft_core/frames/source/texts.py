"""The text that a function was compiled from: of a file, a zip, a notebook's cell, an interactive line, or given text.

Python's own ``linecache`` is asked, as tracebacks and ``inspect`` do: it knows files, what a module's loader calls its
source (zips, :func:`weft_core.frames.load_source`), notebook cells, and from 3.13 on what was typed at a prompt.
"""

from __future__ import annotations
import __future__

import ast
import linecache
from types import CodeType, FunctionType
from typing import Any

_FUTURE = 0
for _feature in __future__.all_feature_names:
    _FUTURE |= getattr(__future__, _feature).compiler_flag


def lines_of(fn: FunctionType) -> list[str]:
    """The lines of the text that holds ``fn``, as it is now; empty if nobody has it."""
    code = fn.__code__
    linecache.checkcache(code.co_filename)  # a file that was edited and loaded again is read again
    lines = linecache.getlines(code.co_filename, fn.__globals__)
    if not lines:
        # From 3.14 on, what was typed at a prompt is filed by function and not by file.
        typed = getattr(linecache, "_getlines_from_code", None)
        lines = typed(code) if typed is not None else []
    return lines


def split_lines(text: str) -> list[str]:
    """As the compiler counts lines: ``str.splitlines`` also ends them at form feeds and at other separators."""
    return [line + "\n" for line in text.removesuffix("\n").split("\n")]


def loaded_lines(fn: FunctionType) -> list[str]:
    """The lines of a module whose loader was asked for them, if linecache has split them wrongly; else nothing."""
    filename = fn.__code__.co_filename
    loader: Any = fn.__globals__.get("__loader__")
    entry = linecache.cache.get(filename)
    if entry is None or len(entry) != 4 or entry[1] is not None or not hasattr(loader, "get_source"):
        return []
    try:
        text = loader.get_source(fn.__globals__["__name__"]) or ""
    except (ImportError, OSError):
        return []
    lines = split_lines(text)
    if lines == entry[2] or [line + "\n" for line in text.splitlines()] != entry[2]:
        return []
    show_text(filename, lines)
    return lines


def show_text(filename: str, lines: list[str]) -> None:
    """Let tracebacks show these lines for a file that is not there."""
    linecache.cache[filename] = (sum(map(len, lines)), None, lines, filename)


def has_shared_name(filename: str) -> bool:
    """Names like ``<string>`` and ``<stdin>``, under which there may be one text now and another one later."""
    return filename.startswith("<") and not filename.startswith("<ipython-input-")


def is_text_of(text: str, code: CodeType) -> bool:
    """True if compiling ``text`` gives exactly this function.

    Import hooks may compile a file in their own way (pytest rewrites its asserts), so this proves and does not refute;
    where there are no hooks it does both.
    """
    flags = code.co_flags & _FUTURE | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    for optimize in (-1, 0, 1, 2):  # the code may have been compiled with another -O than we run with
        try:
            whole = compile(text, code.co_filename, "exec", flags=flags, dont_inherit=True, optimize=optimize)
        except (SyntaxError, ValueError):
            return False
        if any(found == code for found in functions_in(whole)):
            return True
    return False


def functions_in(code: CodeType) -> list[CodeType]:
    """The code objects inside ``code``, at any depth."""
    found: list[CodeType] = []
    todo: list[Any] = [code]
    while todo:
        inner = [c for c in todo.pop().co_consts if isinstance(c, CodeType)]
        found += inner
        todo += inner
    return found
