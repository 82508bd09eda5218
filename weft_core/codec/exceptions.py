"""Exceptions with their cause, context, notes, groups, and tracebacks as places in source.

No ``__init__`` or ``__new__`` of an author runs when one is read: the C base class makes the instance, and its
``__dict__`` is put back.
"""

from __future__ import annotations

import ast
import types
from collections.abc import Callable
from functools import cache, lru_cache
from itertools import islice
from struct import Struct
from struct import error as StructError
from typing import Any

from weft_core.codec import marks
from weft_core.codec.decoder import Decoder, lifts
from weft_core.codec.encoder import FINDERS, LATE, Encoder, Lowering, Rejected, lowers
from weft_core.codec.names import is_allowed, resolve_class, type_name
from weft_core.codec.wire import damaged, mark
from weft_core.errors import UnknownTypeError, WeftError

MAX_TRACEBACK = 24
"""Places kept of a traceback: the outermost 8 and the innermost 16."""

_NATIVE: tuple[tuple[type[BaseException], tuple[str, ...]], ...] = (
    (ImportError, ("name", "path")),
    (NameError, ("name",)),
    (AttributeError, ("name",)),
)
"""Attributes that C keeps outside ``args`` and ``__dict__``."""

TRACEBACK_VISITORS: list[Callable[[Encoder, types.TracebackType], None]] = []


def _find_exception(t: type) -> Lowering | None:
    if not issubclass(t, BaseException):
        return None
    LATE[t] = _late_exception
    return _lower_exception


FINDERS.append(_find_exception)


def _lower_exception(e: Encoder, v: BaseException) -> Any:
    return [*_head(e, v, marks.EXCEPTION), e.lower(v.__cause__), e.lower(v.__context__)]


def _late_exception(e: Encoder, v: BaseException) -> Any:
    out = _head(e, v, marks.LATE_EXCEPTION)
    e.late(lambda: [e.lower(v.__cause__), e.lower(v.__context__)])
    return out


def _head(e: Encoder, v: BaseException, number: int) -> list[Any]:
    cls = type(v)
    if not is_allowed(cls):
        name = f"{cls.__module__}.{cls.__qualname__}"
        raise Rejected(v, f"the exception class {name} is not in a workflow's module nor registered")
    e.note(v)
    args = _constructor_args(v)
    e.keep.append(args)
    same = not isinstance(v, BaseExceptionGroup) and list(v.args) == args
    state = _state(v)
    e.keep.append(state)
    return [
        mark(number),
        e.sym(type_name(cls)),
        e.lower(args, True),
        None if same else e.lower(v.args),
        e.lower(state, True),
        v.__suppress_context__,
        e.lower(v.__traceback__),
    ]


def _constructor_args(v: BaseException) -> list[Any]:
    """What the C base class is to be called with, to have its own fields right."""
    if isinstance(v, BaseExceptionGroup):
        # not the list it was made of: that is the author's, may have changed, or be filled later than this is read
        return [v.message, *v.exceptions]
    if isinstance(v, OSError):
        # The file name is in the reduced form, not in args. Not v.__reduce__: that may be the author's.
        reduced = OSError.__reduce__(v)
        return list(reduced[1]) if reduced[0] is type(v) else list(v.args)
    return list(v.args)


def _state(v: BaseException) -> dict[str, Any] | None:
    state = dict(v.__dict__)
    if isinstance(v, WeftError):
        # Facts are attributes too; once is enough.
        facts = v.facts
        state = {k: x for k, x in state.items() if k not in facts or x is not facts[k]}
    for cls, names in _NATIVE:
        if isinstance(v, cls):
            state.update({n: getattr(v, n) for n in names if getattr(v, n) is not None})
    return state or None


@lifts(marks.EXCEPTION, marks.LATE_EXCEPTION)
def _lift_exception(d: Decoder, x: list[Any], number: int) -> Any:
    cls = resolve_class(d.sym(x[1]))
    if not issubclass(cls, BaseException):
        raise UnknownTypeError(f"{cls.__qualname__} is no longer an exception", name=type_name(cls))
    base = _c_base(cls)
    early = not issubclass(base, (BaseExceptionGroup, OSError))
    out = base.__new__(cls) if early else None
    if out is not None:
        d.objs[number] = out
    args, real = d.lift(x[2]), d.lift(x[3])
    if type(args) is not list:
        raise damaged("an exception without arguments")
    if issubclass(base, BaseExceptionGroup) and not (len(args) == 2 and isinstance(args[1], (list, tuple))):
        args = [*args[:1], args[1:]]  # else it was written by an older version
    if out is None:
        out = d.objs[number] = base.__new__(cls, *args)
    if isinstance(out, OSError) and not out.args and args:
        OSError.__init__(out, *args)  # put off by C when the class has its own __init__
    elif early:
        _fill_base(out, base, args)
    if real is not None:
        out.args = tuple(real)
    _fill_state(out, d.lift(x[4]))
    out.__traceback__ = d.lift(x[6])
    if x[0].number == marks.EXCEPTION:
        _link(d, out, x[5] is True, x[7:])
    else:
        d.late(lambda part: _link(d, out, x[5] is True, part))
    return out


def _link(d: Decoder, out: BaseException, suppress: bool, part: list[Any]) -> None:
    out.__cause__, out.__context__ = d.lift_all(part)
    out.__suppress_context__ = suppress  # after the cause, which sets it


def _c_base(cls: type[BaseException]) -> type[BaseException]:
    """The class of C that lays out the instance."""
    return next(c for c in cls.__mro__ if c.__module__ == "builtins" and issubclass(c, BaseException))


def _fill_base(out: BaseException, base: type[BaseException], args: list[Any]) -> None:
    out.args = tuple(args)
    if base not in (BaseException, Exception):
        try:
            base.__init__(out, *args)
        except TypeError:  # e.g. a subclass of UnicodeError with arguments of its own
            out.args = tuple(args)


def _fill_state(out: BaseException, state: Any) -> None:
    if state is None:
        return
    if type(state) is not dict or not all(type(k) is str for k in state):
        raise damaged("an exception with a state of another type")
    for cls, names in _NATIVE:
        if isinstance(out, cls):
            for n in names:
                if n in state:
                    setattr(out, n, state.pop(n))
    if isinstance(out, WeftError):
        out.facts = state.get("facts", {})
        out.__dict__.update(out.facts)
    out.__dict__.update(state)


# ------------------------------------------------------------------ tracebacks


@lowers(types.TracebackType)
def _lower_traceback(e: Encoder, v: types.TracebackType) -> Any:
    e.note(v)
    for visit in TRACEBACK_VISITORS:
        visit(e, v)
    places: list[Any] = []
    tb: types.TracebackType | None = v
    while tb is not None:
        code = tb.tb_frame.f_code
        places.append((code.co_filename, code.co_name, _place_in_file(tb)))
        tb = tb.tb_next
    if len(places) > MAX_TRACEBACK:
        places = places[:8] + places[-16:]
    out = [mark(marks.TRACEBACK)]
    for filename, name, place in places:
        out += [e.sym(filename), e.sym(name), place]
    return out


_COLUMNS = Struct("<IHHH")
"""Line, how many lines further it ends, column and end column (in bytes, as code objects count)."""


def _place_in_file(tb: types.TracebackType) -> int | bytes:
    """The line; with columns, if the code has them."""
    line = tb.tb_lineno or 0
    code = tb.tb_frame.f_code
    found = next(islice(code.co_positions(), tb.tb_lasti // 2, None), None) if tb.tb_lasti >= 0 else None
    if found is None or None in found:
        return line
    first, last, column, end_column = found
    assert first is not None and last is not None  # None was not in it
    try:
        return line if first != line else _COLUMNS.pack(line, last - first, column, end_column)
    except StructError:  # a line of over 65,535 characters
        return line


@lifts(marks.TRACEBACK)
def _lift_traceback(d: Decoder, x: list[Any], number: int) -> Any:
    flat = x[1:]
    if len(flat) % 3 or not flat or len(flat) > 3 * MAX_TRACEBACK:
        raise damaged("a traceback of another length")
    places = [(d.sym(flat[i]), d.sym(flat[i + 1]), flat[i + 2]) for i in range(0, len(flat), 3)]
    return make_traceback(places)


def make_traceback(places: list[tuple[str, str, int | bytes]]) -> types.TracebackType | None:
    """A traceback for display: frames that ran in another process, outermost first."""
    tb: types.TracebackType | None = None
    for filename, name, place in reversed(places):
        if type(place) is int:
            seed, lasti, line = _seed.__code__, -1, place
        elif type(place) is bytes and len(place) == _COLUMNS.size:
            line, more_lines, column, end_column = _COLUMNS.unpack(place)
            seed, lasti = _code_at(line, line + more_lines, column, end_column)
        else:
            raise damaged("a line that is no number")
        if not 0 <= line < 1 << 31:
            raise damaged("a line that no file has")
        code = seed.replace(co_filename=filename, co_name=name, co_qualname=name)
        if lasti < 0:
            code = code.replace(co_firstlineno=max(1, line))
        # The frame of a generator that never ran has no f_back, which would keep the decoder alive.
        generator = types.FunctionType(code, {"__name__": "<checkpoint>"}, name)()
        tb = types.TracebackType(tb, generator.gi_frame, lasti, line)
    return tb


def _seed() -> Any:
    yield


@cache
def _seed_tree() -> ast.Module:
    return ast.parse("def _seed():\n yield")


@lru_cache(maxsize=256)
def _code_at(line: int, end_line: int, column: int, end_column: int) -> tuple[types.CodeType, int]:
    """A generator's code that stands at this place, and the instruction that does; without columns if there are none
    such."""
    tree = _seed_tree()
    located: list[Any] = [node for node in ast.walk(tree) if hasattr(node, "lineno")]
    for node in located:
        node.lineno, node.end_lineno, node.col_offset, node.end_col_offset = line, end_line, column, end_column
    try:
        made = compile(tree, "<checkpoint>", "exec", dont_inherit=True)
    except (ValueError, OverflowError):
        return _seed.__code__, -1
    code = next(c for c in made.co_consts if isinstance(c, types.CodeType))
    wanted = (line, end_line, column, end_column)
    return code, next((2 * i for i, found in enumerate(code.co_positions()) if found == wanted), -1)
