"""Imports our modules from one file, `weft.pack`: all that is compiled, then a zip of this module and of the index.

Importing is what a start spends most of its time on. Here a module is one dict lookup and one read (``zipimport`` looks
for each under several names, and reads it twice), the methods of dataclasses are compiled while a site is built and not
at every start, and the garbage collector does not go through what was imported again and again, to find nothing.

It is the first of our modules that a page loads, so it imports nothing of ours. `precompile.py` makes the pack.
"""

from __future__ import annotations

import builtins
import dataclasses
import gc
import importlib
import marshal
import sys
from importlib.machinery import ModuleSpec
from io import FileIO
from types import CodeType, ModuleType
from typing import Any, TypeAlias

ARCHIVE = "/lib/weft.zip"
"""Where a page has the pack: code names its source for tracebacks. Python reads a zip that has something before it."""

INDEX = "index"

Entry: TypeAlias = tuple[bool, int, int, int, int]
"""Is it a package; where it begins; and the sizes of the three parts that follow one another: its code, marshalled;
{what a dataclass of it would compile: the code}, marshalled; its text, if it has durable functions: they need it."""


class Importer:
    """A finder, and the loader of what it finds."""

    def __init__(self, archive: str = ARCHIVE, index: dict[str, Entry] | None = None) -> None:
        self._archive = archive
        self._index = index
        self._file: FileIO | None = None
        self._methods: dict[str, dict[str, CodeType]] = {}

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        entry = self._entries().get(name)
        if entry is None:
            return None
        is_package, _, _, _, text = entry
        file = f"{ARCHIVE}/{name.replace('.', '/')}{'/__init__' if is_package else ''}.py{'' if text else 'c'}"
        spec = ModuleSpec(name, self, origin=file, is_package=is_package)  # type: ignore[arg-type]
        spec.has_location = True
        if is_package:
            spec.submodule_search_locations = [file.rpartition("/")[0]]
        return spec

    def create_module(self, spec: ModuleSpec) -> None:
        """As Python does it."""

    def exec_module(self, module: ModuleType) -> None:
        exec(self.get_code(module.__name__), module.__dict__)
        self._methods.pop(module.__name__, None)  # its classes are made: a snapshot need not hold it

    def get_code(self, name: str) -> CodeType:
        _, begin, size, _, _ = self._entry(name)
        code: CodeType = marshal.loads(self._read(begin, size))
        return code

    def get_source(self, name: str) -> str | None:
        _, begin, code, methods, size = self._entry(name)
        return self._read(begin + code + methods, size).decode() if size else None

    def is_package(self, name: str) -> bool:
        return self._entry(name)[0]

    def compiled(self, module: str, text: str) -> str | CodeType:
        """What was compiled of the ``text`` that a dataclass of ``module`` made; the text itself if it is another."""
        if module not in self._methods:
            _, begin, code, size, _ = self._entries().get(module, (False, 0, 0, 0, 0))
            self._methods[module] = marshal.loads(self._read(begin + code, size)) if size else {}
        return self._methods[module].get(text, text)

    def forget(self) -> None:
        """Keep nothing that can be read again, and no open file: for a memory snapshot."""
        if self._file is not None:
            self._file.close()
        self._index = self._file = None
        self._methods.clear()

    def _entry(self, name: str) -> Entry:
        entry = self._entries().get(name)
        if entry is None:
            raise ImportError(f"{name} is not in {self._archive}", name=name)
        return entry

    def _entries(self) -> dict[str, Entry]:
        if self._index is None:
            loader: Any = globals()["__loader__"]  # of the zip
            self._index = marshal.loads(loader.get_data(f"{self._archive}/{INDEX}"))
        return self._index

    def _read(self, begin: int, size: int) -> bytes:
        if self._file is None:
            self._file = open(self._archive, "rb", buffering=0)  # noqa: SIM115 - kept: a start reads hundreds of modules
        self._file.seek(begin)
        return self._file.read(size)


importer = Importer()


def install() -> None:
    """Import from the pack from now on."""
    use(importer)


def use(found: Importer) -> None:
    """Let ``found`` answer imports, and bring the methods of dataclasses.

    ``dataclasses`` writes the text of ``__init__`` and others and gives it to ``exec``, a builtin that a name in the
    module hides; its namespace says whose class it is. A text that is not known is compiled as ever.
    """

    def quick_exec(text: str, namespace: dict[str, Any], local: dict[str, Any]) -> None:
        builtins.exec(found.compiled(namespace.get("__name__", ""), text), namespace, local)

    sys.meta_path.insert(0, found)
    dataclasses.exec = quick_exec  # type: ignore[attr-defined]


def load(name: str) -> ModuleType:
    """Import a module with all that it needs. What is imported stays, so no collection ever needs to look at it."""
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        gc.freeze()
        gc.enable()
