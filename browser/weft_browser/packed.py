"""Imports our modules from one pack: `weft.pack` is a zip of this module and of ``modules``, a marshalled ``Pack``.

Importing is what a start spends most of its time on. Here a module is one dict lookup (``zipimport`` looks for each
under several names, and reads it twice), the methods of dataclasses are compiled while a site is built and not at every
start, and the garbage collector does not go through what has been imported again and again, to find nothing.

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
from types import CodeType, ModuleType
from typing import Any, NamedTuple, TypeAlias

ROOT = "/lib/weft.zip/"
"""Where a page has the archive: code names its source for tracebacks."""

MEMBER = "modules"


class Packed(NamedTuple):
    """One module. In the pack it is a plain tuple."""

    is_package: bool
    code: bytes
    """Marshalled."""
    methods: bytes
    """Marshalled: {what a dataclass of this module would compile: the code}. Empty if it has none."""
    source: str | None
    """Of a module with durable functions, which are compiled from their text."""


Pack: TypeAlias = dict[str, tuple[bool, bytes, bytes, str | None]]


class Importer:
    """A finder, and the loader of what it finds."""

    def __init__(self, pack: Pack | None = None) -> None:
        self._pack = pack
        self._methods: dict[str, dict[str, CodeType]] = {}

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        found = self._modules().get(name)
        if found is None:
            return None
        file = ROOT + name.replace(".", "/") + ("/__init__.py" if found[0] else ".py")
        compiled = "" if Packed(*found).source is not None else "c"
        spec = ModuleSpec(name, self, origin=file + compiled, is_package=found[0])  # type: ignore[arg-type]
        spec.has_location = True
        if found[0]:
            spec.submodule_search_locations = [file.rpartition("/")[0]]
        return spec

    def create_module(self, spec: ModuleSpec) -> None:
        """As Python does it."""

    def exec_module(self, module: ModuleType) -> None:
        exec(self.get_code(module.__name__), module.__dict__)

    def get_code(self, name: str) -> CodeType:
        code: CodeType = marshal.loads(self._module(name).code)
        return code

    def get_source(self, name: str) -> str | None:
        return self._module(name).source

    def is_package(self, name: str) -> bool:
        return self._module(name).is_package

    def compiled(self, module: str, text: str) -> str | CodeType:
        """What was compiled of the ``text`` that a dataclass of ``module`` made; the text itself if it is another."""
        if module not in self._methods:
            found = self._modules().get(module)
            self._methods[module] = marshal.loads(found[2]) if found is not None and found[2] else {}
        return self._methods[module].get(text, text)

    def forget(self) -> None:
        """Keep nothing that can be read again: a memory snapshot should not be larger for it."""
        self._pack = None
        self._methods.clear()

    def _module(self, name: str) -> Packed:
        found = self._modules().get(name)
        if found is None:
            raise ImportError(f"{name} is not in {ROOT}{MEMBER}", name=name)
        return Packed(*found)

    def _modules(self) -> Pack:
        if self._pack is None:
            self._pack = marshal.loads(__loader__.get_data(ROOT + MEMBER))  # type: ignore[name-defined]
        return self._pack


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

    sys.meta_path.insert(0, found)  # type: ignore[arg-type]
    dataclasses.exec = quick_exec  # type: ignore[attr-defined]


def load(name: str) -> ModuleType:
    """Import a module with all that it needs. What is imported stays, so no collection ever needs to look at it."""
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        gc.freeze()
        gc.enable()
