"""The build-time cache of one module: what ``weft compile`` makes of a ``.py`` file, found beside it as ``.weft``.

It holds the module's text, which any Python can compile, and durable functions compiled for one Python or several,
which need not be compiled again. The text decides whether it may be used: it must be the very text of the module that
was loaded. It is code, and is trusted as code is.
"""

from __future__ import annotations

import importlib.util
import marshal
import sys
from types import CodeType, FunctionType
from typing import Any

import msgpack

from weft_core.frames.source.texts import is_text_of, split_lines
from weft_core.version import VERSION

FORMAT = 2
SUFFIX = ".weft"
_WEFT = f"/{VERSION}/{FORMAT}"


def this_python() -> str:
    """Whose code objects can be used here."""
    return f"{sys.implementation.cache_tag}/{importlib.util.MAGIC_NUMBER.hex()}{_WEFT}"


class StoredModule:
    """A module's text, and its compiled functions by :func:`this_python`."""

    __slots__ = ("_functions", "compiled", "lines", "text")

    def __init__(self, text: str, compiled: dict[str, bytes]) -> None:
        self.text, self.compiled = text, compiled
        self.lines = split_lines(text)
        self._functions: dict[tuple[str, int], bytes] | None = None

    def to_bytes(self) -> bytes:
        packed: bytes = msgpack.packb([SUFFIX, FORMAT, self.text, self.compiled], unicode_errors="surrogatepass")
        return packed

    @classmethod
    def from_bytes(cls, data: bytes) -> StoredModule | None:
        """None if these bytes are of another format."""
        try:
            kind, number, text, compiled = msgpack.unpackb(data, unicode_errors="surrogatepass")
        except (ValueError, TypeError):
            return None
        known = (kind, number) == (SUFFIX, FORMAT) and isinstance(text, str) and isinstance(compiled, dict)
        return cls(text, compiled) if known else None

    def merged(self, other: StoredModule) -> StoredModule:
        """With what ``other`` compiled of the same text for other Pythons, if the same Weft did."""
        if other.text != self.text:
            return self
        theirs = {python: data for python, data in other.compiled.items() if python.endswith(_WEFT)}
        return StoredModule(self.text, theirs | self.compiled)

    def is_source_of(self, fn: FunctionType) -> bool:
        """For a function whose module came without its text: is it this text?"""
        return is_text_of(self.text, fn.__code__)

    @property
    def count(self) -> int:
        """How many functions are compiled for this Python."""
        return len(self._compiled())

    def function(self, code: CodeType) -> Any:
        """What was compiled of the function with this code; None if nothing was, or not for this Python."""
        found = self._compiled().get((code.co_name, code.co_firstlineno))
        if found is None:
            return None
        signed, function = marshal.loads(found)
        return function if signed == signature(code) else None

    def _compiled(self) -> dict[tuple[str, int], bytes]:
        if self._functions is None:
            data = self.compiled.get(this_python())
            self._functions = {} if data is None else marshal.loads(data)
        return self._functions


def signature(code: CodeType) -> tuple[Any, ...]:
    """What an author's function must still be for its compiled form to fit."""
    count = code.co_argcount + code.co_kwonlyargcount
    return code.co_qualname, sorted(code.co_freevars), code.co_varnames[:count], code.co_flags


_stored: dict[str, tuple[object, StoredModule | None]] = {}
"""path -> (the loader that was asked, what it had); a module that is loaded again has another loader."""


def stored_module(globals_: dict[str, Any]) -> StoredModule | None:
    """The cache beside the module with these globals, read by the module's own loader; None if there is none."""
    path = stored_path(globals_)
    loader: Any = globals_.get("__loader__") or getattr(globals_.get("__spec__"), "loader", None)
    if path is None or not hasattr(loader, "get_data"):
        return None
    asked = _stored.get(path)
    if asked is None or asked[0] is not loader:
        asked = _stored[path] = loader, _read(loader, path)
    return asked[1]


def _read(loader: Any, path: str) -> StoredModule | None:
    try:
        return StoredModule.from_bytes(loader.get_data(path))
    except (OSError, ImportError):
        return None


def stored_path(globals_: dict[str, Any]) -> str | None:
    """Where the cache of a module would lie."""
    file = globals_.get("__file__") or getattr(globals_.get("__spec__"), "origin", None)
    stem, dot, kind = (file or "").rpartition(".")
    return stem + SUFFIX if dot and kind in ("py", "pyc", "pyw") else None
