"""Classes in the description of a model: by name, and what is made of named ones, like ``Page[list[Order]]``."""

from __future__ import annotations

import functools
import operator
import types
import typing
from typing import Any

from weft_core.codec.names import is_allowed, resolve_class, type_name
from weft_core.codec.wire import damaged
from weft_core.errors import UnknownTypeError

_DEPTH = 20


def write_type(t: Any) -> Any:
    """``t`` as msgpack can write it; None if it, or a part of it, may not be named."""
    if t is Any:
        return ["any"]
    if t is None or t is types.NoneType:
        return ["none"]
    generic = getattr(t, "__pydantic_generic_metadata__", None)
    if type(generic) is dict and generic.get("origin") is not None:
        return _made("model", [generic["origin"], *generic["args"]])
    origin, args = typing.get_origin(t), typing.get_args(t)
    if type(t) is types.UnionType:  # pydantic tells int | None from Optional[int], so must we
        return _made("or", args)
    if origin is typing.Union:
        return _made("union", args)
    if origin is typing.Literal:
        plain = all(type(a) in (str, int, bool, bytes, type(None)) for a in args)
        return ["literal", *args] if plain else None
    if origin is not None:
        return _made("of", [origin, *args])
    return ["name", type_name(t)] if isinstance(t, type) and is_allowed(t) else None


def _made(kind: str, parts: Any) -> Any:
    written = [["dots"] if p is ... else write_type(p) for p in parts]
    return None if None in written else [kind, *written]


def read_type(x: Any, depth: int = 0) -> Any:
    """The class of a description. Raises :class:`UnknownTypeError` or :class:`CorruptRecordError`."""
    if type(x) is not list or not x or type(x[0]) is not str or depth > _DEPTH:
        raise damaged("not the description of a class")
    kind, *parts = x
    if kind == "name" and len(parts) == 1 and type(parts[0]) is str:
        return resolve_class(parts[0])
    if kind in ("any", "none", "dots") and not parts:
        return {"any": Any, "none": None, "dots": ...}[kind]
    if kind == "literal" and all(type(p) in (str, int, bool, bytes, type(None)) for p in parts) and parts:
        return typing.Literal[tuple(parts)]
    if kind not in ("model", "union", "or", "of") or len(parts) < 2:
        raise damaged("not the description of a class")
    read = [read_type(p, depth + 1) for p in parts]
    if kind == "or":
        return functools.reduce(operator.or_, read)
    if kind == "union":
        return typing.Union[tuple(read)]  # noqa: UP007
    origin, args = read[0], tuple(read[1:])
    if kind == "model":
        return _parametrized(origin, args)
    if not isinstance(origin, type) or origin.__module__ != "builtins":
        raise damaged("not the description of a class")
    return types.GenericAlias(origin, args)


def _parametrized(origin: Any, args: tuple[Any, ...]) -> Any:
    """``origin[args]``, if making that class runs nothing of the author's."""
    if not hasattr(origin, "__pydantic_generic_metadata__"):
        raise damaged("the arguments of something that is no generic model")
    for cls in origin.__mro__:
        if cls.__module__.partition(".")[0] in ("pydantic", "typing", "builtins", "abc"):
            continue
        for hook in ("__init_subclass__", "__pydantic_init_subclass__", "__class_getitem__"):
            if hook in cls.__dict__:
                name = type_name(origin)
                raise UnknownTypeError(
                    f"{name} has its own {hook}, so bytes may not ask for it with arguments; give the model a name: "
                    f"class OrderPage(Page[Order]): ...",
                    name=name,
                )
    return origin[args if len(args) > 1 else args[0]]
