"""Instances of classes: registered types, dataclasses, enums, named tuples."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any

from weft_core.codec import marks, wire
from weft_core.codec.decoder import Decoder, lifts
from weft_core.codec.encoder import FINDERS, LATE, Encoder, Lowering, Rejected
from weft_core.codec.names import is_allowed, resolve_class, type_name
from weft_core.codec.registry import REGISTERED_NAMES, REGISTERED_TYPES, Entry
from weft_core.codec.wire import UNSET_EXT, damaged, mark
from weft_core.errors import UnknownTypeError


def allowed_name(cls: type, value: Any) -> str:
    """The name of a class that may be written."""
    if not is_allowed(cls):
        name = f"{cls.__module__}.{cls.__qualname__}"
        raise Rejected(value, f"the class {name} is not in a workflow's module nor registered")
    return type_name(cls)


# ------------------------------------------------------------------ registered types


def _find_registered(t: type) -> Lowering | None:
    entry = REGISTERED_TYPES.get(t)
    if entry is None:
        return None
    name, get = entry.name, entry.get

    if entry.new is not None:

        def lower_new(e: Encoder, value: Any) -> Any:
            number = e.open(value)
            e.keep.append(state := get(value))
            out = [_REGISTERED, e.sym(name), e.lower_solid(state)]
            e.close(value, number)
            return out

        return lower_new

    def lower(e: Encoder, value: Any) -> Any:
        memo = e.memo
        memo[id(value)] = len(memo)
        known = e.syms.get(name)
        if known is None:
            e.syms[name] = len(e.syms)
        e.keep.append(state := get(value))
        return [_REGISTERED, name if known is None else known, e.lower(state, True)]

    def late(e: Encoder, value: Any) -> Any:
        e.note(value)
        e.keep.append(state := get(value))
        e.late(e.lower, state, True)  # whole: it is used at once
        return [mark(marks.LATE_REGISTERED), e.sym(name)]

    LATE[t] = late
    return lower


_REGISTERED = mark(marks.REGISTERED)


def _entry(d: Decoder, x: Any) -> Entry:
    name = d.sym(x)
    entry = REGISTERED_NAMES.get(name)
    if entry is None:
        raise UnknownTypeError(
            f"no type is registered as {name[:200]!r}; import the module that registers it, or "
            f"codec.register(cls, name={name[:200]!r})",
            name=name[:200],
        )
    return entry


@lifts(marks.REGISTERED)
def _lift_registered(d: Decoder, x: list[Any], number: int) -> Any:
    entry = _entry(d, x[1])
    if entry.new is not None:
        return entry.new(d.lift(x[2]))
    out: Any = entry.blank()
    d.objs[number] = out
    entry.set(out, d.lift(x[2]))
    return out


@lifts(marks.LATE_REGISTERED)
def _lift_late_registered(d: Decoder, x: list[Any], number: int) -> Any:
    entry = _entry(d, x[1])
    if entry.new is not None:
        raise damaged("a late part of the wrong kind")
    out: Any = entry.blank()

    def fill(part: Any) -> None:
        state = d.lift(part)
        d.fixups.append(lambda: entry.set(out, state))  # when what the state holds has been filled, too

    d.late(fill)
    return out


# ------------------------------------------------------------------ dataclasses


_OTHERWISE = (list, dict, tuple, set, str, int, bytes, float, BaseException)
"""Bases whose contents the fields of a dataclass do not cover."""


def _find_dataclass(t: type) -> Lowering | None:
    if not dataclasses.is_dataclass(t) or issubclass(t, _OTHERWISE):
        return None
    fields = tuple(f.name for f in dataclasses.fields(t))
    packed: list[bytes] = []  # the description of the class, once it has been found to be allowed

    def head(e: Encoder, value: Any, number: int) -> list[Any]:
        if not packed:
            packed.append(wire.pack([allowed_name(t, value), *fields], careful=True))
        e.note(value)
        return [mark(number), e.record(t, packed[0])]

    def body(e: Encoder, value: Any) -> list[Any]:
        out = [_lower_field(e, value, f) for f in fields]
        extra = {k: v for k, v in getattr(value, "__dict__", {}).items() if k not in fields}
        if extra:
            e.keep.append(extra)
            out.append(e.lower(extra, True))
        return out

    def lower(e: Encoder, value: Any) -> Any:
        return [*head(e, value, marks.DATACLASS), *body(e, value)]

    def late(e: Encoder, value: Any) -> Any:
        out = head(e, value, marks.LATE_DATACLASS)
        e.late(body, e, value)
        return out

    LATE[t] = late
    return lower


def _lower_field(e: Encoder, value: Any, field: str) -> Any:
    try:
        x = object.__getattribute__(value, field)
    except AttributeError:
        return UNSET_EXT
    if type(x) in e.scalars:
        return x
    e.keep.append(x)  # a field that is a descriptor may make it anew at each access
    return e.lower(x)


@dataclasses.dataclass(slots=True)
class _Shape:
    """What the bytes know of a dataclass, and what it has gained since."""

    cls: type
    fields: list[str]
    gained: list[Any]
    has_dict: bool


def _read_shape(data: bytes) -> _Shape:
    name, *fields = wire.unpack(data)
    if type(name) is not str or any(type(f) is not str for f in fields):
        raise damaged("not the description of a dataclass")
    cls = resolve_class(name)
    if not dataclasses.is_dataclass(cls):
        raise UnknownTypeError(f"{name} is no longer a dataclass", name=name)
    now = {f.name: f for f in dataclasses.fields(cls)}
    lost = [f for f in fields if f not in now]
    if lost:
        raise UnknownTypeError(
            f"the dataclass {name} has lost the field(s) {', '.join(lost)[:200]} that the bytes have; keep them, or "
            f"codec.register() the class with a set= that migrates",
            name=name,
        )
    gained = [f for k, f in now.items() if k not in fields]
    for f in gained:
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING:
            raise UnknownTypeError(
                f"the dataclass {name} has a new field {f.name!r} without a default, so older bytes cannot be read; "
                f"give it one",
                name=name,
            )
    return _Shape(cls, fields, gained, cls.__dictoffset__ != 0)


def _fill(d: Decoder, out: Any, shape: _Shape, values: list[Any]) -> None:
    n = len(shape.fields)
    if not n <= len(values) <= n + 1:
        raise damaged("a dataclass with other fields")
    for field, value in zip(shape.fields, d.lift_all(values[:n]), strict=True):
        if value is not d.unset:
            object.__setattr__(out, field, value)
    for f in shape.gained:
        default = f.default_factory() if f.default is dataclasses.MISSING else f.default
        object.__setattr__(out, f.name, default)
    if len(values) > n:
        extra = d.lift(values[n])
        if type(extra) is not dict or not shape.has_dict:
            raise damaged("attributes of the wrong kind")
        out.__dict__.update(extra)


@lifts(marks.DATACLASS)
def _lift_dataclass(d: Decoder, x: list[Any], number: int) -> Any:
    shape = d.record(x[1], _read_shape)
    if type(shape) is not _Shape:
        raise damaged("a description of another kind")
    out: Any = object.__new__(shape.cls)
    d.objs[number] = out
    _fill(d, out, shape, x[2:])
    return out


@lifts(marks.LATE_DATACLASS)
def _lift_late_dataclass(d: Decoder, x: list[Any], number: int) -> Any:
    shape = d.record(x[1], _read_shape)
    if type(shape) is not _Shape:
        raise damaged("a description of another kind")
    out: Any = object.__new__(shape.cls)
    d.late(lambda part: _fill(d, out, shape, part))
    return out


# ------------------------------------------------------------------ enums and named tuples


def _find_enum(t: type) -> Lowering | None:
    return _lower_enum if issubclass(t, enum.Enum) else None


def _lower_enum(e: Encoder, value: enum.Enum) -> Any:
    cls = type(value)
    name = allowed_name(cls, value)
    e.note(value)
    if value._name_ is not None and value._name_ in cls.__members__:
        return [mark(marks.ENUM), e.sym(name), value._name_]
    return [mark(marks.ENUM), e.sym(name), None, e.lower(value._value_)]


@lifts(marks.ENUM)
def _lift_enum(d: Decoder, x: list[Any], number: int) -> Any:
    cls: Any = resolve_class(d.sym(x[1]))
    if not issubclass(cls, enum.Enum):
        raise UnknownTypeError(f"{cls.__qualname__} is no longer an enum", name=type_name(cls))
    if type(x[2]) is str:
        member = cls._member_map_.get(x[2])
        if member is None:
            raise UnknownTypeError(
                f"the enum {cls.__qualname__} has no member {x[2][:200]!r} any more; keep it", name=type_name(cls)
            )
        return member
    value = d.lift(x[3])
    if type(value) is not int or not issubclass(cls, enum.Flag):
        raise damaged("not a member of an enum")
    return cls(value)


def _find_namedtuple(t: type) -> Lowering | None:
    return _lower_namedtuple if issubclass(t, tuple) and hasattr(t, "_fields") else None


def _lower_namedtuple(e: Encoder, value: Any) -> Any:
    name = allowed_name(type(value), value)
    number = e.open(value)
    out = [mark(marks.NAMEDTUPLE), e.sym(name), *e.lower_all(value)]
    e.close(value, number)
    return out


@lifts(marks.NAMEDTUPLE)
def _lift_namedtuple(d: Decoder, x: list[Any], number: int) -> Any:
    cls: Any = resolve_class(d.sym(x[1]))
    if not (issubclass(cls, tuple) and hasattr(cls, "_fields")):
        raise UnknownTypeError(f"{cls.__qualname__} is no longer a named tuple", name=type_name(cls))
    values = d.lift_all(x[2:])
    missing = cls._fields[len(values) :]
    if len(values) > len(cls._fields) or any(f not in cls._field_defaults for f in missing):
        raise UnknownTypeError(
            f"the named tuple {cls.__qualname__} has other fields now; new ones need a default and go last",
            name=type_name(cls),
        )
    return tuple.__new__(cls, [*values, *[cls._field_defaults[f] for f in missing]])


FINDERS[:0] = [_find_registered, _find_enum]
FINDERS += [_find_dataclass, _find_namedtuple]
