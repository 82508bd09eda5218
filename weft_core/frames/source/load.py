"""Modules from text: for programs that are given code and no file, as a page gives it to Python in the browser."""

from __future__ import annotations

import importlib.util
import sys
from importlib.abc import InspectLoader
from importlib.machinery import ModuleSpec
from types import ModuleType

from weft_core.errors import DefinitionError
from weft_core.frames.fingerprint import digest


class TextLoader(InspectLoader):
    """The loader of one text. Whoever wants the source (tracebacks, ``inspect``, pdb) finds it here."""

    def __init__(self, name: str, text: str, compiled: bytes | None) -> None:
        self.name, self.text, self.compiled = name, text, compiled
        # Redefined, a module has another file name, so that tracebacks of its old functions show their own lines.
        self.filename = f"text-{digest(text)}/{name.rpartition('.')[2]}.py"

    def get_source(self, fullname: str) -> str:
        return self.text

    def get_filename(self, fullname: str) -> str:
        return self.filename

    def is_package(self, fullname: str) -> bool:
        return False

    def get_data(self, path: str) -> bytes:
        """What ``weft compile`` made of the text, where a module's cache is looked for."""
        if self.compiled is None:
            raise FileNotFoundError(path)
        return self.compiled

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.text, self.filename, "exec", dont_inherit=True), module.__dict__)


def load_source(name: str, text: str, *, compiled: bytes | None = None) -> ModuleType:
    """Import ``text`` as the module ``name``, so that the workflows in it can be compiled, stored and shown.

    Checkpoints name functions by their module: give the same program the same name in every process. Loading a name
    again replaces the module: later definitions win, and runs that wait in earlier ones go on if the new code fits
    them (``CodeChangedError`` if not). ``compiled`` is what ``weft compile`` made of the same text.

    Raises what the text raises; then the module that was there before stays. A module that was imported otherwise is
    not replaced: DefinitionError.
    """
    there = sys.modules.get(name)
    if there is not None and not isinstance(getattr(there, "__loader__", None), TextLoader):
        raise DefinitionError(
            f"{name!r} is the name of an imported module; load the text under another name", name=name
        )
    if not all(part.isidentifier() for part in name.split(".")):
        raise DefinitionError(f"{name!r} cannot name a module: use letters, digits, underscores and dots", name=name)
    loader = TextLoader(name, text, compiled)
    spec = ModuleSpec(name, loader, origin=loader.filename)
    spec.has_location = True
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except BaseException:
        _put_back(name, there)
        raise
    return module


def _put_back(name: str, module: ModuleType | None) -> None:
    if module is None:
        sys.modules.pop(name, None)
    else:
        sys.modules[name] = module
