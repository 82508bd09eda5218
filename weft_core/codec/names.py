"""Which classes, functions and modules stored bytes may name, and how names are found.

Nothing is ever imported because bytes say so. A name ``module:qualname`` is found only if it is

* registered (:func:`weft_core.codec.register`), or
* a class or function that lives in an allowed module (:func:`allow_module`; ``@durable``, ``@workflow`` and
  ``@activity`` allow the module they stand in), or
* a dataclass, enum, named tuple or exception that is a global value of an allowed module (it was imported there), or
* on the fixed list of harmless things in the standard library below.

The same rule holds when writing, so that what was written can be read.
"""

from __future__ import annotations

import builtins
import dataclasses
import enum
import sys
import types
from typing import Any

from weft_core.codec.registry import REGISTERED_NAMES, REGISTERED_TYPES, home_of
from weft_core.errors import UnknownTypeError

_ALLOWED: set[str] = {"weft_core.errors"}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PURE_BUILTINS = _words(
    "abs all any ascii bin callable chr divmod format hash hex id isinstance issubclass iter len max min next oct "
    "ord pow print repr round sorted sum"
)
_BUILTINS: dict[str, Any] = {
    name: value
    for name, value in vars(builtins).items()
    if name in _PURE_BUILTINS or (isinstance(value, type) and value not in (classmethod, staticmethod))
}
_STDLIB_MODULES = frozenset({"math", "cmath", "operator", "_operator", "statistics", "itertools"})
"""Modules whose functions only compute."""
_STDLIB_NAMES = frozenset(
    f"{module}:{name}"
    for module, names in {
        "collections": "OrderedDict Counter defaultdict deque ChainMap UserDict UserList UserString",
        "datetime": "date datetime time timedelta timezone tzinfo",
        "decimal": "Decimal",
        "fractions": "Fraction",
        "functools": "partial reduce",
        "json": "loads dumps",
        "json.decoder": "JSONDecodeError",
        "pathlib": "PurePath PurePosixPath PureWindowsPath",
        "uuid": "UUID uuid3 uuid5",
        "re": "Pattern Match",
        "types": "SimpleNamespace NoneType",
        "weft_core.frames.runtime.helpers": "Star",
    }.items()
    for name in names.split()
)
_STDLIB_MODULE_VALUES = _words(
    "math cmath operator statistics json re datetime decimal fractions functools itertools collections string textwrap "
    "dataclasses enum uuid random time copy base64 hashlib hmac zlib bisect heapq typing asyncio logging"
)
"""Modules that may themselves be the value of a variable (``import json`` inside a function)."""
_STDLIB_EXCEPTIONS = frozenset(sys.stdlib_module_names)

_imported: dict[str, type] = {}  # "module:qualname" -> class that is a global value of an allowed module


def allow_module(name: str) -> None:
    """Let stored bytes name the classes and functions of this module."""
    if name not in _ALLOWED:
        _ALLOWED.add(name)


def type_name(obj: Any) -> str:
    """``module:qualname`` of a class or function, or the name it is registered under."""
    entry = REGISTERED_TYPES.get(obj) if isinstance(obj, type) else None
    return entry.name if entry else f"{home_of(obj.__module__)}:{obj.__qualname__}"


def is_allowed(obj: Any) -> bool:
    """True if bytes may name this class or function, that is: :func:`resolve` would find it again."""
    if isinstance(obj, type) and obj in REGISTERED_TYPES:
        return True
    module = getattr(obj, "__module__", None)
    qualname = getattr(obj, "__qualname__", None)
    if type(module) is not str or type(qualname) is not str:
        return False
    return _find(home_of(module), qualname) is obj


def resolve(name: str) -> Any:
    """The class or function called ``module:qualname``. Raises :class:`UnknownTypeError`."""
    entry = REGISTERED_NAMES.get(name)
    if entry is not None:
        return entry.cls
    module, _, qualname = name.partition(":")
    found = _find(module, qualname)
    if found is None:
        raise UnknownTypeError(
            f"the bytes name {name[:200]!r}, which is not there or not allowed. Was it renamed or moved? Define or "
            f"import "
            f"it in a module that has workflows, or register it: codec.register(cls, name={name[:200]!r})",
            name=name[:200],
        )
    return found


def resolve_class(name: str) -> type:
    """The class called ``name``."""
    found = resolve(name)
    if not isinstance(found, type):
        raise UnknownTypeError(f"{name[:200]!r} is no longer a class", name=name[:200])
    return found


def _find(module: str, qualname: str) -> Any:
    if module == "builtins":
        return _BUILTINS.get(qualname)
    if "__main__" in _ALLOWED and module == home_of("__main__"):
        found = _living_in("__main__", qualname)
        if found is not None:
            return found
    if module in _ALLOWED or module in _STDLIB_MODULES or f"{module}:{qualname}" in _STDLIB_NAMES:
        return _living_in(module, qualname)
    return _imported_class(module, qualname) or _stdlib_exception(module, qualname)


def _living_in(module: str, qualname: str) -> Any:
    """The class or function that is defined as ``qualname`` in a module; not what merely can be reached through it."""
    obj: Any = sys.modules.get(module)
    for part in qualname.split("."):
        space = getattr(obj, "__dict__", None)
        if space is None or part not in space:
            return None
        obj = space[part]
    if isinstance(obj, (classmethod, staticmethod)):
        obj = obj.__func__
    if not isinstance(obj, (type, types.FunctionType, types.BuiltinFunctionType)):
        return None
    if obj.__module__ != module or obj.__qualname__ != qualname:
        return None
    return obj


def _imported_class(module: str, qualname: str) -> type | None:
    name = f"{module}:{qualname}"
    cls = _imported.get(name)
    if cls is not None and _is_global_somewhere(cls):
        return cls
    for allowed in _ALLOWED:
        for value in list(vars(sys.modules[allowed]).values()) if allowed in sys.modules else ():
            if not isinstance(value, type) or (value.__module__, value.__qualname__) != (module, qualname):
                continue
            if _is_data(value):
                _imported[name] = value
                return value
    return None


def _is_global_somewhere(cls: type) -> bool:
    name = cls.__name__
    return any(getattr(sys.modules.get(m), name, None) is cls for m in _ALLOWED)


def _is_data(cls: type) -> bool:
    return (
        dataclasses.is_dataclass(cls)
        or issubclass(cls, (enum.Enum, BaseException))
        or (issubclass(cls, tuple) and hasattr(cls, "_fields"))
        or any(hasattr(cls, n) for n in ("__pydantic_fields__", "__struct_fields__", "__attrs_attrs__"))
    )


def _stdlib_exception(module: str, qualname: str) -> type | None:
    if module.partition(".")[0] in _STDLIB_EXCEPTIONS:
        found = _living_in(module, qualname)
        if isinstance(found, type) and issubclass(found, (Exception, enum.Enum)):
            return found
    return None


def find_module(name: str) -> types.ModuleType | None:
    """A module that may be the value of a variable; never imported here."""
    if name in _ALLOWED or name in _STDLIB_MODULE_VALUES:
        return sys.modules.get(name)
    return None
