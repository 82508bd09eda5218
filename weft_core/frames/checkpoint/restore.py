"""Restoring: bytes to suspended frames that stand where they stood.

Each frame is a coroutine of the function's resume variant. Its variables go into a state list that its prologue
unpacks; running the prologue leads it to its ``await`` and stops there, and none of the author's statements run.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from weft_core.codec import ChunkReader, Decoder, Externals, marks, wire
from weft_core.codec.decoder import guarded, lifts
from weft_core.codec.encoder import as_externals
from weft_core.codec.wire import damaged
from weft_core.errors import CodeChangedError, RestoreError, WeftError
from weft_core.frames.awaitables import Closing, NextOr
from weft_core.frames.checkpoint.adapt import adapt_cells, adapt_values
from weft_core.frames.checkpoint.awaits import check_awaits
from weft_core.frames.checkpoint.evict import evict_frame
from weft_core.frames.checkpoint.match import Place, find_label, find_plan, find_root
from weft_core.frames.checkpoint.sites import getter
from weft_core.frames.delegation import resumable
from weft_core.frames.durable import make_function
from weft_core.frames.labels import Label
from weft_core.frames.live import FRAME_TYPES
from weft_core.frames.plan import Plan, Root
from weft_core.frames.registry import REGISTRY
from weft_core.frames.runtime.helpers import U
from weft_core.frames.variants import resume_code

_NO_FUNCTIONS: Mapping[str, Root] = {}
_KNOWN_SITES = 4096  # records remembered; more means that someone makes them up


@dataclass(frozen=True, slots=True)
class Restored:
    """``root`` is what was given to snapshot; ``yielded`` maps the id of each outermost frame to what it awaits."""

    root: Any
    yielded: dict[int, Any]


def restore(
    data: bytes,
    externals: Externals | Mapping[str, Any] | None = None,
    functions: Mapping[str, Root] = _NO_FUNCTIONS,
    chunks: ChunkReader | None = None,
) -> Restored:
    """The value of a snapshot, its frames suspended where they were. Runs none of the authors' statements.

    ``functions`` are the durable functions to go on with, by the key that the snapshot has for them; others are looked
    up in the registry of the process. ``chunks`` reads what is kept beside the snapshot.
    Raises :class:`CodeChangedError`, :class:`UnknownFunctionError`, :class:`UnknownTypeError`, :class:`RestoreError` or
    :class:`CorruptRecordError`, and no other, whatever the bytes are.
    """
    ext = as_externals(externals)
    reader = FrameReader(functions)

    def read() -> Restored:
        if chunks is not None:
            chunks.load(lambda shared: Decoder(ext, None, shared))
        root = Decoder(ext, reader, chunks).document(data)
        return Restored(root, reader.prime())

    try:
        return guarded(read)  # type: ignore[no-any-return]
    except BaseException:
        for frame in reader.frames:
            evict_frame(frame[0])
        raise


class FrameReader:
    """The frames' half of a decoder: the frames made so far, and which of them another frame awaits."""

    __slots__ = ("frames", "functions", "owned", "steps")

    def __init__(self, functions: Mapping[str, Root]) -> None:
        self.functions = functions
        self.frames: list[tuple[Any, Site, list[Any]]] = []
        self.owned: set[int] = set()
        self.steps: dict[int, Any] = {}  # id of an awaited step -> its async generator

    def prime(self) -> dict[int, Any]:
        """Run each outermost frame's prologue, which runs those of the frames it awaits."""
        check_awaits(self.frames, self.steps)
        yielded = {}
        for frame, site, _ in self.frames:
            if site.label is not None and id(frame) not in self.owned:
                yielded[id(frame)] = _prime(frame, site)
        return yielded


@dataclass(slots=True)
class Site:
    """A record of a site, matched with today's code."""

    place: Place
    plan: Plan
    label: Label | None
    names: list[str]
    pick: Any
    same: bool


_known: dict[bytes, Site] = {}


def _read_site(functions: Mapping[str, Root], data: bytes) -> Site:
    site = _known.get(data)
    if site is not None:
        key = site.place.key
        root = (functions.get(key) if functions else None) or REGISTRY.get(key)
        if root is site.plan.root:
            return site
    place, names = read_place(data)
    plan = find_plan(find_root(place.key, functions), place.path, place.hash)
    if not plan.durable:
        raise damaged("a frame of a function that has none")
    label = find_label(plan, place, names)
    where = {n: i for i, n in enumerate(names)}
    pick = getter([where.get(n, len(names)) for n in plan.names])
    site = Site(place, plan, label, names, pick, place.hash == plan.hash)
    if len(_known) >= _KNOWN_SITES:
        _known.clear()
    _known[data] = site
    return site


def read_place(data: bytes) -> tuple[Place, list[str]]:
    """What the record of a site says, and the variables that are stored there."""
    record = wire.unpack(data)
    if type(record) is not list or [type(x) for x in record[: len(_RECORD)]] != _RECORD:
        raise damaged("not the record of a frame")
    names = record[len(_RECORD) :]
    if any(type(n) is not str for n in names):
        raise damaged("not the record of a frame")
    return Place(*record[1 : len(_RECORD)]), names


_RECORD = [str, str, str, str, str, str, int, str, str, int, str, int, bytes, bytes]


# ------------------------------------------------------------------ the codec's table


def _reader(d: Decoder) -> FrameReader:
    if type(d.frames) is not FrameReader:
        raise damaged("a suspended frame where only values may be")
    return d.frames


@lifts(marks.FRAME)
def _lift_frame(d: Decoder, x: list[Any], number: int) -> Any:
    reader = _reader(d)
    site = d.record(x[1], partial(_read_site, reader.functions))
    if type(site) is not Site:
        raise damaged("a description of another kind")
    cells = _cells(d, x[2:]) if len(x) > 2 else {}
    plan = site.plan
    if not site.same:
        adapt_cells(plan, site.place, site.label, site.names, cells)
    code = plan.resume_code or resume_code(plan)
    if cells or plan.free:
        fn = _with_cells(site, code, cells)
    else:
        fn = plan.resume_fn
        if fn is None:
            fn = make_function(code, plan.root.globals, plan.root.env, code.co_name, cells)
            if not plan.cells:
                plan.resume_fn = fn
    holder: list[Any] = []
    frame = d.objs[number] = fn(holder)
    reader.frames.append((frame, site, holder))
    d.unset = U
    d.late(_fill, d, reader, site, holder, cells)
    return frame


def _with_cells(site: Site, code: Any, cells: dict[str, Any]) -> Any:
    plan = site.plan
    lacking = [n for n in plan.free if n not in cells]
    if lacking:
        if site.same:
            raise damaged("a frame without its captured variables")
        raise CodeChangedError(
            f"{plan.where()} now uses variable(s) {', '.join(sorted(lacking))} that it did not capture when the "
            f"checkpoint "
            f"was taken",
            function=plan.where(),
            old=sorted(cells),
            new=sorted(lacking),
        )
    return make_function(code, plan.root.globals, plan.root.env, code.co_name, cells)


def _fill(
    d: Decoder, reader: FrameReader, site: Site, holder: list[Any], cells: dict[str, types.CellType], part: Any
) -> None:
    if type(part) is not list or len(part) != len(site.names) + 1:
        raise damaged("a frame with other variables")
    values = d.lift_all(part)
    awaited = values.pop()
    if type(awaited) in FRAME_TYPES:
        reader.owned.add(id(awaited))
    elif awaited is not None:
        awaited = resumable(awaited)
    if site.same:
        values.append(U)  # for variables that today's code has and the checkpoint has not
        values = site.pick(values)
    else:
        values = adapt_values(site.plan, site.place, site.label, site.names, values, cells)
    holder.append([site.label.n if site.label is not None else 0, [awaited], *values])


def _cells(d: Decoder, flat: list[Any]) -> dict[str, Any]:
    if len(flat) % 2:
        raise damaged("a captured variable without its cell")
    cells = {}
    for i in range(0, len(flat), 2):
        name = d.sym(flat[i])
        cell = d.lift(flat[i + 1])
        if type(cell) is not types.CellType:
            raise damaged("a captured variable without its cell")
        cells[name] = cell
    return cells


@lifts(marks.CELL)
def _lift_cell(d: Decoder, x: list[Any], number: int) -> Any:
    _reader(d)
    cell = types.CellType()
    d.unset = U

    def fill(part: Any) -> None:
        (value,) = d.lift_all(part)
        if value is not U:
            cell.cell_contents = value

    d.late(fill)
    return cell


@lifts(marks.FUNCTION)
def _lift_function(d: Decoder, x: list[Any], number: int) -> Any:
    reader = _reader(d)
    root = find_root(d.sym(x[1]), reader.functions)
    plan = find_plan(root, d.sym(x[2]), d.sym(x[3]))
    end = 5 + 2 * x[4]
    cells = _cells(d, x[5:end])
    code = plan.live_code
    if plan.parent is None or code is None or len(x) != end + 3:
        raise damaged("not a nested function")
    missing = sorted(n for n in plan.free if n not in cells)
    if missing:
        raise CodeChangedError(
            f"{plan.where()} now uses variable(s) {', '.join(missing)} that it did not capture when the checkpoint "
            f"was taken",
            function=plan.where(),
            old=sorted(cells),
            new=missing,
        )
    f = d.objs[number] = make_function(code, root.globals, root.env, code.co_name, cells)
    f.__qualname__ = code.co_qualname
    f.__module__ = root.fn.__module__
    f.__defaults__ = d.lift(x[end])
    f.__kwdefaults__ = d.lift(x[end + 1])
    f.__dict__.update(d.lift(x[end + 2]) or {})
    return f


@lifts(marks.ASYNC_NEXT, marks.ASYNC_CLOSE)
def _lift_async_next(d: Decoder, x: list[Any], number: int) -> Any:
    generator = d.lift(x[1])
    if type(generator) is not types.AsyncGeneratorType:
        raise damaged("a step of something that is no async generator")
    _reader(d).owned.add(id(generator))
    if x[0].number == marks.ASYNC_CLOSE:
        return Closing(generator)
    step = generator.__anext__()
    _reader(d).steps[id(step)] = generator
    return step


@lifts(marks.NEXT_OR)
def _lift_next_or(d: Decoder, x: list[Any], number: int) -> Any:
    awaited = d.lift(x[1])
    if type(awaited) in FRAME_TYPES:
        _reader(d).owned.add(id(awaited))
    elif not hasattr(awaited, "send"):
        raise damaged("a step of something that is no iterator")
    return NextOr(awaited, d.lift(x[2]))


@lifts(marks.CLOSED_FRAME)
def _lift_closed(d: Decoder, x: list[Any], number: int) -> Any:
    return _CLOSED[x[1]]()


def _closed_coroutine() -> Any:
    async def done() -> None:
        pass

    coro = done()
    coro.close()
    return coro


def _closed_async_generator() -> Any:
    async def done() -> Any:
        yield

    generator = done()
    try:
        generator.aclose().send(None)
    except StopIteration:
        pass  # closing an async generator that has not begun ends at once
    return generator


def _closed_generator() -> Any:
    def done() -> Any:
        yield

    generator = done()
    generator.close()
    return generator


_CLOSED = {"coro": _closed_coroutine, "gen": _closed_generator, "agen": _closed_async_generator}


# ------------------------------------------------------------------ running prologues


def _prime(frame: Any, site: Site) -> Any:
    """Run the prologue: down to the suspended await, and no statement of the author."""
    try:
        if type(frame) is types.AsyncGeneratorType:
            try:
                return frame.__anext__().send(None)
            except StopIteration as yielded:
                return yielded.value
        return frame.send(None)
    except WeftError:
        raise
    except StopIteration:
        problem = "it finished"
    except BaseException as error:
        problem = f"it raised {type(error).__name__}: {error}"
    raise RestoreError(
        f"{site.plan.where()} could not be led back to `{site.label.id if site.label else 'start'}`: {problem[:300]}",
        function=site.plan.where(),
    )
