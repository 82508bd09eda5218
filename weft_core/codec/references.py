"""Functions, classes, modules and bound methods: written by name, found by name."""

from __future__ import annotations

import functools
import types
from typing import Any

from weft_core.codec import marks
from weft_core.codec.decoder import Decoder, lifts
from weft_core.codec.encoder import FINDERS, LOWERINGS, Encoder, Lowering, Rejected, lowers
from weft_core.codec.names import find_module, is_allowed, resolve, type_name
from weft_core.codec.wire import damaged, mark
from weft_core.errors import UnknownTypeError


def by_name(e: Encoder, value: Any) -> Any:
    """A class or function as its name."""
    if not is_allowed(value):
        raise Rejected(value, f"{_describe(value)} cannot be written by name")
    e.note(value)
    return [mark(marks.NAMED), e.sym(type_name(value))]


def _describe(value: Any) -> str:
    name = f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, types.FunctionType):
        return f"the function {name} ({value.__code__.co_filename}:{value.__code__.co_firstlineno})"
    return f"the class {name}" if isinstance(value, type) else f"the function {name}"


def _find_metaclass(t: type) -> Lowering | None:
    return by_name if issubclass(t, type) else None


FINDERS.append(_find_metaclass)
LOWERINGS[type] = by_name


PREFERRED: dict[int, Any] = {}
"""id of a class that a name stands for -> the one that this version of Python uses in its place."""


@lifts(marks.NAMED)
def _lift_named(d: Decoder, x: list[Any], number: int) -> Any:
    found = resolve(d.sym(x[1]))
    return PREFERRED.get(id(found), found)


@lowers(types.FunctionType)
def _lower_function(e: Encoder, value: types.FunctionType) -> Any:
    if e.frames is not None:
        made = e.frames.lower_function(e, value)
        if made is not None:
            return made
    return by_name(e, value)


@lowers(types.ModuleType)
def _lower_module(e: Encoder, value: types.ModuleType) -> Any:
    if find_module(value.__name__) is not value:
        raise Rejected(value, f"the module {value.__name__} cannot be held in a variable across an await")
    e.note(value)
    return [mark(marks.MODULE), e.sym(value.__name__)]


@lifts(marks.MODULE)
def _lift_module(d: Decoder, x: list[Any], number: int) -> Any:
    name = d.sym(x[1])
    found = find_module(name)
    if found is None:
        shown = name[:200]
        raise UnknownTypeError(f"the bytes name the module {shown!r}, which is not loaded or not allowed", name=shown)
    return found


# ------------------------------------------------------------------ bound methods


@lowers(types.MethodType)
def _lower_method(e: Encoder, value: types.MethodType) -> Any:
    name = value.__func__.__name__
    found = find_method(value.__self__, name)
    if not isinstance(found, types.MethodType) or found.__func__ is not value.__func__:
        raise Rejected(value, f"the bound method {name} is not reachable as an attribute of its object")
    return _method(e, value, name)


@lowers(types.BuiltinFunctionType)
def _lower_builtin(e: Encoder, value: types.BuiltinFunctionType) -> Any:
    owner = value.__self__
    if owner is None or isinstance(owner, types.ModuleType):
        return by_name(e, value)
    if find_method(owner, value.__name__) is None:
        raise Rejected(value)
    return _method(e, value, value.__name__)


def _method(e: Encoder, value: Any, name: str) -> Any:
    number = e.open(value)
    e.keep.append(value)  # bound methods are made anew at every access
    out = [mark(marks.METHOD), e.lower(value.__self__), name]
    e.close(value, number)
    return out


@lifts(marks.METHOD)
def _lift_method(d: Decoder, x: list[Any], number: int) -> Any:
    owner = d.lift(x[1])
    found = find_method(owner, x[2]) if type(x[2]) is str else None
    if found is None:
        raise UnknownTypeError(f"{type(owner).__qualname__} has no method {str(x[2])[:200]!r}", name=str(x[2])[:200])
    return d.stand(found, (owner,))


def find_method(owner: Any, name: str) -> Any:
    """The bound method ``owner.name``, found without running a property, ``__getattr__`` or descriptor of the "
    "author."""
    if isinstance(owner, type):
        for cls in owner.__mro__:
            attr = cls.__dict__.get(name)
            if isinstance(attr, classmethod) and isinstance(attr.__func__, types.FunctionType):
                return types.MethodType(attr.__func__, owner)
            if isinstance(attr, types.ClassMethodDescriptorType):
                return attr.__get__(None, owner)
            if attr is not None:
                return None
        return None
    for cls in type(owner).__mro__:
        attr = cls.__dict__.get(name)
        if isinstance(attr, types.FunctionType):
            return types.MethodType(attr, owner)
        if isinstance(attr, types.MethodDescriptorType):
            return attr.__get__(owner)
        if attr is not None:
            return None
    return None


# ------------------------------------------------------------------ partial


@lowers(functools.partial)
def _lower_partial(e: Encoder, value: functools.partial[Any]) -> Any:
    number = e.open(value)
    e.keep.append(args := list(value.args))
    e.keep.append(words := dict(value.keywords))
    out = [mark(marks.PARTIAL), e.lower(value.func), e.lower(args, True), e.lower(words, True)]
    e.close(value, number)
    return out


@lifts(marks.PARTIAL)
def _lift_partial(d: Decoder, x: list[Any], number: int) -> Any:
    fn, args, words = d.lift_all(x[1:])
    if not callable(fn) or type(args) is not list or type(words) is not dict or not all(type(k) is str for k in words):
        raise damaged("not a partial call")
    return d.stand(functools.partial(fn, *args, **words), (fn, *args))
