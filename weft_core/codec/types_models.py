"""Models of pydantic (version 2), msgspec and attrs, when the author uses them: no library is imported here.

A model is written as what it holds and read back as that: no validator, ``__init__``, ``model_post_init`` or
``__post_init__`` runs again. Classes go by name and through the allow-list, like dataclasses, which those of pydantic
are (see :mod:`weft_core.codec.objects`). A parametrized generic model goes as its origin and arguments.
"""

from __future__ import annotations

import copy
import dataclasses
import sys
from collections.abc import Callable
from typing import Any

from weft_core.codec import marks, wire
from weft_core.codec.decoder import Decoder, lifts
from weft_core.codec.encoder import FINDERS, LATE, Encoder, Lowering, Rejected
from weft_core.codec.model_types import read_type, write_type
from weft_core.codec.wire import UNSET_EXT, damaged, mark
from weft_core.errors import UnknownTypeError

_OTHERWISE = (list, dict, tuple, set, str, int, bytes, float, BaseException)


@dataclasses.dataclass(frozen=True, slots=True)
class Family:
    """What one library's models are. ``rest`` gives what is not in the fields; ``refill`` puts it back."""

    name: str
    includes: Callable[[type], bool]
    fields: Callable[[Any], list[str]]
    read: Callable[[Any, str], Any]
    rest: Callable[[Any, list[str]], Any]
    blank: Callable[[Any], Any]
    fill: Callable[[Any, dict[str, Any]], None]
    refill: Callable[[Any, Any], None]
    default: Callable[[Any, str], Any]
    """The value of a field that the bytes do not have yet. Raises KeyError if it has none."""


def _loaded(module: str, name: str) -> Any:
    return getattr(sys.modules.get(module), name, None)


def _is_words(x: Any) -> bool:
    return type(x) is dict and all(type(k) is str for k in x)


def _attributes(v: Any, fields: list[str]) -> dict[str, Any] | None:
    """What stands in ``__dict__`` beside the fields: cached properties and the like."""
    own = getattr(v, "__dict__", None)
    return {k: x for k, x in own.items() if k not in fields} or None if type(own) is dict else None


def _put_attributes(v: Any, rest: Any) -> None:
    if rest is not None:
        if not _is_words(rest) or type(getattr(v, "__dict__", None)) is not dict:
            raise damaged("attributes of the wrong kind")
        v.__dict__.update(rest)


def _read_slot(v: Any, name: str) -> Any:
    return object.__getattribute__(v, name)


# ------------------------------------------------------------------ pydantic


def _is_pydantic(t: type) -> bool:
    base = _loaded("pydantic.main", "BaseModel")
    return isinstance(base, type) and t is not base and issubclass(t, base)


def _pydantic_value(v: Any, name: str) -> Any:
    try:
        return v.__dict__[name]
    except KeyError:  # made by model_construct, which may leave a field out
        raise AttributeError(name) from None


def _pydantic_rest(v: Any, fields: list[str]) -> list[Any]:
    chosen = sorted(v.__pydantic_fields_set__)
    return [_attributes(v, fields), chosen, v.__pydantic_extra__, v.__pydantic_private__]


def _pydantic_refill(v: Any, rest: Any) -> None:
    if (
        type(rest) is not list
        or len(rest) != 4
        or type(rest[1]) is not list
        or any(type(n) is not str for n in rest[1])
    ):
        raise damaged("not the state of a model")
    attributes, chosen, extra, private = rest
    if not all(x is None or _is_words(x) for x in (extra, private)):
        raise damaged("not the state of a model")
    _put_attributes(v, attributes)
    if private is not None or type(v).__private_attributes__:
        private = private or {}
        for name, attribute in type(v).__private_attributes__.items():
            if name not in private:
                made = attribute.get_default()  # a private attribute that the class has gained
                if made is not _loaded("pydantic_core", "PydanticUndefined"):
                    private[name] = made
    for name, value in (("fields_set", set(chosen)), ("extra", extra), ("private", private)):
        object.__setattr__(v, f"__pydantic_{name}__", value)


def _pydantic_default(cls: Any, name: str) -> Any:
    field = cls.__pydantic_fields__[name]
    if field.is_required():
        raise KeyError(name)
    return field.get_default(call_default_factory=True, validated_data={})


_PYDANTIC = Family(
    "pydantic",
    includes=_is_pydantic,
    fields=lambda cls: list(cls.__pydantic_fields__),
    read=_pydantic_value,
    rest=_pydantic_rest,
    blank=object.__new__,
    fill=lambda v, values: v.__dict__.update(values),
    refill=_pydantic_refill,
    default=_pydantic_default,
)

# ------------------------------------------------------------------ msgspec


def _is_struct(t: type) -> bool:
    base = _loaded("msgspec", "Struct")
    return isinstance(base, type) and t is not base and issubclass(t, base)


_structs: dict[type, Any] = {}


def _blank_struct(cls: Any) -> Any:
    """An instance whose ``__post_init__`` has not run: a copy of one that was made as a subclass without it."""
    if cls not in _structs:
        made: Any = cls
        if hasattr(cls, "__post_init__"):
            made = type(cls)("Blank", (cls,), {"__post_init__": lambda self: None, "__module__": __name__})
        first = made(**dict.fromkeys(cls.__struct_fields__))
        object.__dict__["__class__"].__set__(first, cls)
        _structs[cls] = first
    return copy.copy(_structs[cls])


def _fill_struct(v: Any, values: dict[str, Any]) -> None:
    put = _loaded("msgspec", "structs").force_setattr
    for name, value in values.items():
        put(v, name, value)


def _struct_default(cls: Any, name: str) -> Any:
    msgspec: Any = sys.modules["msgspec"]
    field = next(f for f in msgspec.structs.fields(cls) if f.name == name)
    if field.default is not msgspec.NODEFAULT:
        return field.default
    if field.default_factory is msgspec.NODEFAULT:
        raise KeyError(name)
    return field.default_factory()


_MSGSPEC = Family(
    "msgspec",
    includes=_is_struct,
    fields=lambda cls: list(cls.__struct_fields__),
    read=_read_slot,
    rest=_attributes,
    blank=_blank_struct,
    fill=_fill_struct,
    refill=_put_attributes,
    default=_struct_default,
)


def _find_msgspec_unset(t: type) -> Lowering | None:
    if t is not _loaded("msgspec", "UnsetType"):
        return None

    def lower(e: Encoder, value: Any) -> Any:
        e.note(value)
        return [mark(marks.MODEL_UNSET)]

    return lower


@lifts(marks.MODEL_UNSET)
def _lift_msgspec_unset(d: Decoder, x: list[Any], number: int) -> Any:
    value = _loaded("msgspec", "UNSET")
    if value is None:
        raise UnknownTypeError("the bytes hold msgspec.UNSET, and msgspec is not loaded here", name="msgspec:UNSET")
    return value


# ------------------------------------------------------------------ attrs


def _fill_slots(v: Any, values: dict[str, Any]) -> None:
    for name, value in values.items():
        object.__setattr__(v, name, value)


def _attrs_default(cls: Any, name: str) -> Any:
    attrs: Any = sys.modules["attr"]
    default = getattr(attrs.fields(cls), name).default
    if default is attrs.NOTHING or (isinstance(default, attrs.Factory) and default.takes_self):
        raise KeyError(name)
    return default.factory() if isinstance(default, attrs.Factory) else default


_ATTRS = Family(
    "attrs",
    includes=lambda t: "attr" in sys.modules and hasattr(t, "__attrs_attrs__"),
    fields=lambda cls: [a.name for a in cls.__attrs_attrs__],
    read=_read_slot,
    rest=_attributes,
    blank=object.__new__,
    fill=_fill_slots,
    refill=_put_attributes,
    default=_attrs_default,
)

_FAMILIES = {f.name: f for f in (_PYDANTIC, _MSGSPEC, _ATTRS)}


def family_of(t: type) -> Family | None:
    """Whose model ``t`` is."""
    return next((f for f in _FAMILIES.values() if f.includes(t)), None)


# ------------------------------------------------------------------ writing and reading


def _find_model(t: type) -> Lowering | None:
    family = family_of(t)
    if family is None or issubclass(t, _OTHERWISE):
        return None
    fields = family.fields(t)
    packed: list[bytes] = []  # the description of the class, once it has been found to be allowed

    def head(e: Encoder, value: Any, number: int) -> list[Any]:
        if not packed:
            described = write_type(t)
            if described is None:
                name = f"{t.__module__}.{t.__qualname__}"
                raise Rejected(value, f"the class {name} is not in a workflow's module nor registered")
            packed.append(wire.pack([family.name, described, *fields], careful=True))
        e.note(value)
        return [mark(number), e.record(t, packed[0])]

    def body(e: Encoder, value: Any) -> list[Any]:
        out: list[Any] = []
        for field in fields:
            try:
                x = family.read(value, field)
            except AttributeError:
                out.append(UNSET_EXT)
                continue
            e.keep.append(x)
            out.append(e.lower(x))
        e.keep.append(rest := family.rest(value, fields))
        out.append(e.lower(rest, True))
        return out

    def late(e: Encoder, value: Any) -> Any:
        out = head(e, value, marks.LATE_MODEL)
        e.late(body, e, value)
        return out

    LATE[t] = late
    return lambda e, value: [*head(e, value, marks.MODEL), *body(e, value)]


@dataclasses.dataclass(slots=True)
class _Shape:
    family: Family
    cls: Any
    fields: list[str]
    gained: list[str]


def _read_shape(data: bytes) -> _Shape:
    kind, described, *fields = wire.unpack(data)
    family = _FAMILIES.get(kind) if type(kind) is str else None
    if family is None or any(type(f) is not str for f in fields):
        raise damaged("not the description of a model")
    cls = read_type(described)
    name = f"{getattr(cls, '__module__', '')}:{getattr(cls, '__qualname__', cls)}"[:200]
    if not isinstance(cls, type) or not family.includes(cls) or issubclass(cls, _OTHERWISE):
        raise UnknownTypeError(f"{name} is no longer a model of {kind}", name=name)
    now = family.fields(cls)
    lost = [f for f in fields if f not in now]
    if lost:
        raise UnknownTypeError(
            f"the model {name} has lost the field(s) {', '.join(lost)[:200]} that the bytes have; keep them, or "
            f"codec.register() the class with a set= that migrates",
            name=name,
        )
    gained = [f for f in now if f not in fields]
    for f in gained:
        try:
            family.default(cls, f)
        except KeyError:
            raise UnknownTypeError(
                f"the model {name} has a new field {f!r} without a default, so older bytes cannot be read; give it one",
                name=name,
            ) from None
    return _Shape(family, cls, fields, gained)


def _fill(d: Decoder, out: Any, shape: _Shape, parts: list[Any]) -> None:
    if len(parts) != len(shape.fields) + 1:
        raise damaged("a model with other fields")
    values = {}
    for field, value in zip(shape.fields, d.lift_all(parts[:-1]), strict=True):
        if value is not d.unset:
            values[field] = value
    for field in shape.gained:
        values[field] = shape.family.default(shape.cls, field)
    shape.family.fill(out, values)
    shape.family.refill(out, d.lift(parts[-1]))


def _blank(d: Decoder, x: list[Any], number: int) -> tuple[Any, _Shape]:
    shape = d.record(x[1], _read_shape)
    if type(shape) is not _Shape:
        raise damaged("a description of another kind")
    out = d.objs[number] = shape.family.blank(shape.cls)
    return out, shape


@lifts(marks.MODEL)
def _lift_model(d: Decoder, x: list[Any], number: int) -> Any:
    out, shape = _blank(d, x, number)
    _fill(d, out, shape, x[2:])
    return out


@lifts(marks.LATE_MODEL)
def _lift_late_model(d: Decoder, x: list[Any], number: int) -> Any:
    out, shape = _blank(d, x, number)
    d.late(lambda part: _fill(d, out, shape, part))
    return out


FINDERS += [_find_msgspec_unset, _find_model]
