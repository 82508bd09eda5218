"""Looking into a snapshot without the code that made it.

Classes and functions are not needed: what depends on them becomes :class:`Opaque`, with the type's name and the state
that was stored. Frames become :class:`~weft_core.frames.views.FrameView`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from weft_core.codec import ChunkReader, Decoder, marks, wire
from weft_core.codec.containers import lift_pairs
from weft_core.codec.decoder import LIFTINGS, Lifting, guarded
from weft_core.codec.encoder import NO_EXTERNALS
from weft_core.codec.wire import damaged
from weft_core.errors import UnknownTypeError
from weft_core.frames.iterators import basic, combined, composed, shared  # noqa: F401  (the table is copied below)
from weft_core.frames.registry import shown_name
from weft_core.frames.views import FrameView


class Opaque:
    """A stored value whose type is not known here: the name of the type, and what was stored of it."""

    __slots__ = ("state", "type_name")

    def __init__(self, type_name: str, state: Any = None) -> None:
        self.type_name, self.state = type_name, state

    def __repr__(self) -> str:
        name = self.type_name.rpartition(":")[2]
        return f"<{name}>" if self.state is None else f"<{name} {self.state!r}>"


class _External:
    """Stands for an object of the host; left out of the variables shown."""


_EXTERNAL = _External()


def peek(data: bytes, chunks: ChunkReader | None = None) -> list[list[FrameView]]:
    """The suspended functions of a snapshot: one list for each outermost frame in document order, innermost last.

    Variables that hold externals and hidden ones are left out. Raises :class:`CorruptRecordError` for damaged bytes.
    """
    decoder = _Peeker(chunks)

    def read() -> None:
        if chunks is not None:
            chunks.load(_Peeker)
        decoder.document(data)

    guarded(read)
    return decoder.stacks()


class _Frame(Opaque):
    """A frame being read: its view, and the frame it awaits. In variables it is shown like any other opaque value."""

    __slots__ = ("awaits", "view")

    def __init__(self, view: FrameView) -> None:
        super().__init__(view.function)
        self.view = view
        self.awaits: Any = None


class _Cell:
    """A captured variable, whose value comes later."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: Any = wire.UNSET


class _Peeker(Decoder):
    liftings: dict[int, Lifting]

    def __init__(self, chunks: Any = None) -> None:
        super().__init__(NO_EXTERNALS, None, chunks)
        self.liftings = _PEEKS
        self.found: list[_Frame] = []

    def external(self, name: str) -> Any:
        return _EXTERNAL

    def stacks(self) -> list[list[FrameView]]:
        inner = {id(f.awaits) for f in self.found if f.awaits is not None}
        out = []
        for frame in self.found:
            _settle(frame.view.locals, self.unset)
        for outermost in self.found:
            if id(outermost) in inner:
                continue
            chain: list[FrameView] = []
            at: Any = outermost
            while type(at) is _Frame and len(chain) <= len(self.found):
                chain.append(at.view)
                at = at.awaits
            out.append(chain)
        return out


_PEEKS: dict[int, Lifting] = {}


def _peeks(*numbers: int) -> Callable[[Lifting], Lifting]:
    def deco(fn: Lifting) -> Lifting:
        for number in numbers:
            _PEEKS[number] = fn
        return fn

    return deco


# ------------------------------------------------------------------ frames


@_peeks(marks.FRAME)
def _frame(d: Any, x: list[Any], number: int) -> Any:
    view, names = d.record(x[1], _site)
    view = FrameView(
        view.function, view.filename, view.lineno, view.label, code=view.code
    )  # sites are shared, variables are not
    frame = d.objs[number] = _Frame(view)
    d.found.append(frame)
    cells = {d.sym(x[i]): d.lift(x[i + 1]) for i in range(2, len(x), 2)}

    def fill(part: Any) -> None:
        if type(part) is not list or len(part) != len(names) + 1:
            raise damaged("a frame with other variables")
        values = d.lift_all(part)
        frame.awaits = values.pop()
        view.locals.update(zip(names, values, strict=True))
        view.locals.update(cells)

    d.late(fill)
    return frame


def _site(data: bytes) -> tuple[FrameView, list[str]]:
    filename, key, path, code, _, label, _, _, _, line, _, _, _, _, *names = wire.unpack(data)
    if not all(type(t) is str for t in (filename, key, path, label, *names)) or type(line) is not int:
        raise damaged("not the record of a frame")
    function = shown_name(key) + (f".<locals>.{path}" if path else "")
    return FrameView(function, filename, line if label else None, label or "start", code=code), names


def _settle(variables: dict[str, Any], unset: Any) -> None:
    """Put captured values in place, and take out what is not the author's."""
    for name, value in list(variables.items()):
        if type(value) is _Cell:
            value = variables[name] = value.value
        if name.startswith(".") or value is _EXTERNAL or value is unset:
            del variables[name]


@_peeks(marks.CELL)
def _cell(d: Any, x: list[Any], number: int) -> Any:
    cell = _Cell()

    def fill(part: Any) -> None:
        (cell.value,) = d.lift_all(part)

    d.late(fill)
    return cell


@_peeks(marks.FUNCTION)
def _function(d: Any, x: list[Any], number: int) -> Any:
    key, path, _ = d.sym(x[1]), d.sym(x[2]), d.sym(x[3])
    out = d.objs[number] = Opaque(f"function {shown_name(key)}.<locals>.{path}")
    for i in range(5, 5 + 2 * x[4], 2):
        d.sym(x[i]), d.lift(x[i + 1])
    d.lift_all(x[5 + 2 * x[4] :])
    return out


# ------------------------------------------------------------------ what depends on classes


@_peeks(marks.NAMED, marks.MODULE)
def _named(d: Any, x: list[Any], number: int) -> Any:
    return Opaque(d.sym(x[1]))


@_peeks(marks.ENUM, marks.REGISTERED, marks.NAMEDTUPLE)
def _instance(d: Any, x: list[Any], number: int) -> Any:
    out = d.objs[number] = Opaque(d.sym(x[1]))
    parts = d.lift_all(x[2:])
    out.state = parts if len(parts) != 1 else parts[0]
    return out


@_peeks(marks.LATE_REGISTERED)
def _late_instance(d: Any, x: list[Any], number: int) -> Any:
    out = Opaque(d.sym(x[1]))
    d.late(lambda part: setattr(out, "state", d.lift(part)))
    return out


@_peeks(marks.DATACLASS, marks.LATE_DATACLASS)
def _dataclass(d: Any, x: list[Any], number: int) -> Any:
    name, fields = d.record(x[1], _fields)
    out = d.objs[number] = Opaque(name)

    def fill(part: Any) -> None:
        values = d.lift_all(part)
        out.state = dict(zip(fields, values, strict=False))
        if len(values) > len(fields):
            out.state.update(values[len(fields)])

    if x[0].number == marks.DATACLASS:
        fill(x[2:])
    else:
        d.late(fill)
    return out


def _fields(data: bytes) -> tuple[str, list[str]]:
    name, *fields = wire.unpack(data)
    return name, fields


@_peeks(marks.MODEL, marks.LATE_MODEL)
def _model(d: Any, x: list[Any], number: int) -> Any:
    name, fields = d.record(x[1], _model_fields)
    out = d.objs[number] = Opaque(name)

    def fill(part: Any) -> None:
        out.state = dict(zip(fields, d.lift_all(part), strict=False))

    if x[0].number == marks.MODEL:
        fill(x[2:])
    else:
        d.late(fill)
    return out


def _model_fields(data: bytes) -> tuple[str, list[str]]:
    _, described, *fields = wire.unpack(data)
    while type(described) is list and len(described) > 1:  # a generic model shows as its origin
        described = described[1]
    return str(described)[:200], fields


@_peeks(marks.MODEL_UNSET)
def _model_unset(d: Any, x: list[Any], number: int) -> Any:
    return Opaque("msgspec:UNSET")


@_peeks(marks.EXCEPTION, marks.LATE_EXCEPTION)
def _exception(d: Any, x: list[Any], number: int) -> Any:
    out = d.objs[number] = Opaque(d.sym(x[1]))
    args, real, state = d.lift_all(x[2:5])
    d.lift(x[6])
    out.state = {"args": args if real is None else real, **(state if type(state) is dict else {})}

    def link(part: Any) -> None:
        cause, context = d.lift_all(part)
        out.state.update({k: v for k, v in (("__cause__", cause), ("__context__", context)) if v is not None})

    if x[0].number == marks.EXCEPTION:
        link(x[7:])
    else:
        d.late(link)
    return out


@_peeks(marks.DEFAULT_DICT)
def _default_dict(d: Any, x: list[Any], number: int) -> Any:
    out: dict[Any, Any] = {}
    d.objs[number] = out
    d.lift(x[1])
    lift_pairs(d, x[2:], out)
    return out


class _Zone(dt.tzinfo):
    """A time zone that this machine does not know: times in it are shown, but not converted."""

    def __init__(self, key: str) -> None:
        self.key = key

    def utcoffset(self, when: dt.datetime | None) -> None:
        return None

    dst = utcoffset

    def tzname(self, when: dt.datetime | None) -> str:
        return self.key

    def __repr__(self) -> str:
        return self.key


@_peeks(marks.ZONEINFO)
def _zone(d: Any, x: list[Any], number: int) -> Any:
    try:
        return LIFTINGS[marks.ZONEINFO](d, x, number)
    except UnknownTypeError:
        return _Zone(x[1])


_KINDS = {
    marks.METHOD: "method",
    marks.PARTIAL: "functools:partial",
    marks.ASYNC_NEXT: "step of an async generator",
    marks.CLOSED_FRAME: "finished coroutine",
    marks.PATTERN: "re:Pattern",
    marks.PATH: "path",
    marks.ENUMERATE: "enumerate",
    marks.ZIP: "zip",
    marks.MAP: "map",
    marks.FILTER: "filter",
    marks.DICT_VIEW: "dict view",
}


@_peeks(*_KINDS, *range(marks.SEQUENCE_ITERATOR, marks.DICT_VIEW), marks.DEQUE_ITERATOR)
def _other(d: Any, x: list[Any], number: int) -> Any:
    out = d.objs[number] = Opaque(_KINDS.get(x[0].number, "iterator"))
    out.state = d.lift_all(x[1:])
    return out


for _number, _lift in LIFTINGS.items():
    _PEEKS.setdefault(_number, _lift)
