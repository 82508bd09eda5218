"""Snapshots: suspended frames to bytes.

A frame is written as ``[mark, site, cell name, cell, …]`` where it is met, and its variables and what it awaits as a
late part, so that variables may refer to the frame they are in.
"""

from __future__ import annotations

import gc
import types
from collections.abc import Mapping, Sequence
from typing import Any

from weft_core.codec import Chunks, Encoder, Externals, marks
from weft_core.codec.chunks.writer import encode_in_chunks
from weft_core.codec.encoder import LOWERINGS, Rejected, as_externals, encode, lowers, too_deep
from weft_core.codec.registry import REGISTERED_TYPES
from weft_core.codec.wire import UNSET_EXT, mark
from weft_core.errors import ForeignAwaitError, NotSerializableError, SnapshotError
from weft_core.frames.awaitables import generator_of_step, parts_of_next_or
from weft_core.frames.checkpoint.explain import explain
from weft_core.frames.checkpoint.sites import SITES, Site, site_of
from weft_core.frames.live import (
    FRAME_TYPES,
    is_suspended_generator,
    parts,
    place,
    read_locals,
    release_locals,
    view_locals,
)
from weft_core.frames.plan import CODES, Plan, stored_path
from weft_core.frames.runtime.helpers import RT, U

_FRAME = mark(marks.FRAME)
_NO_CELLS: dict[str, Any] = {}
_GENERATORS = frozenset({types.GeneratorType, types.AsyncGeneratorType})
_KINDS = {types.CoroutineType: "coro", types.GeneratorType: "gen", types.AsyncGeneratorType: "agen"}


def snapshot(root: Any, externals: Externals | Mapping[str, Any] | None = None, chunks: Chunks | None = None) -> bytes:
    """Bytes of ``root``: any graph of values with suspended durable frames in it. It stays as it is.

    ``externals`` are the host's objects that are named and not stored (an :class:`Externals` made once is fastest).
    Large containers are kept in ``chunks``, if they are given: :meth:`Chunks.changes` says afterwards what belongs
    to these bytes. Raises :class:`NotSerializableError`, :class:`ForeignAwaitError` or :class:`SnapshotError`.
    """
    ext = as_externals(externals)
    writer = FrameWriter()

    def anew() -> FrameWriter:
        nonlocal writer
        writer = FrameWriter()
        return writer

    try:
        if chunks is None or chunks.off:
            return encode(root, ext, writer)
        return encode_in_chunks(root, ext, anew, chunks)
    except Rejected as no:
        raise NotSerializableError(**explain(no, writer.seen, writer.where)) from None
    except RecursionError:
        raise too_deep() from None


class FrameWriter:
    """The frames' half of an encoder. ``seen`` lists the frames written so far; ``where`` is the one being written."""

    __slots__ = ("seen", "where")

    def __init__(self) -> None:
        self.seen: list[tuple[Site, Sequence[Any], dict[str, Any]]] = []
        self.where: int | None = None

    # -- frames

    def frame(self, e: Encoder, o: Any) -> Any:
        """Lower a coroutine, generator or async generator."""
        if type(o) is types.CoroutineType and o.cr_suspended:  # the usual case, and the fast one
            code = o.cr_code
            hit = CODES.get(id(code))
            if hit is not None:
                e.note(o)
                return self._suspended(e, code, hit[1], o.cr_frame, o.cr_await)
        code, frame, awaited, running, suspended = parts(o)
        if frame is None:
            e.note(o)
            return [mark(marks.CLOSED_FRAME), _KINDS[type(o)]]
        hit = CODES.get(id(code))
        if hit is None:
            if type(o) is types.CoroutineType:
                raise foreign(e, code.co_qualname, f"{code.co_filename}:{frame.f_lineno or code.co_firstlineno}")
            raise Rejected(o)
        plan = hit[1]
        if running:
            raise SnapshotError(
                f"{plan.where()} is running; a checkpoint can only be taken while it is suspended at an await",
                function=plan.where(),
            )
        e.note(o)
        if suspended:
            return self._suspended(e, code, plan, frame, awaited)
        return self._not_started(e, o, code, plan, frame)

    def _suspended(self, e: Encoder, code: Any, plan: Plan, frame: Any, awaited: Any) -> Any:
        variables = view_locals(frame)
        pc = variables.get(".pc")
        if pc is None:
            raise SnapshotError(f"{plan.where()} is suspended at an unknown point", function=plan.where())
        site = SITES.get((id(code), pc)) or site_of(code, plan, pc)
        if not _GENERATORS.isdisjoint(map(type, variables.values())):
            site = _with_dead_generators(site, variables)
        try:
            values = site.get(variables)
        except KeyError:
            values = [variables.get(n, U) for n in site.names]
        cells = _NO_CELLS
        if plan.cells:
            probe = variables[".cells"]
            cells = dict(zip(probe.__code__.co_freevars, probe.__closure__ or (), strict=True))
        release_locals(variables)
        return self._write(e, site, values, cells, awaited)

    def _not_started(self, e: Encoder, o: Any, code: Any, plan: Plan, frame: Any) -> Any:
        variables = read_locals(frame)
        restored = ".st" in variables
        if restored:  # and never run since: its variables are in the state that its prologue will unpack
            variables = dict(zip(plan.names, variables[".st"][0][2:], strict=False))
        site = site_of(code, plan, None)
        values = [variables.get(n, U) for n in site.names]
        return self._write(e, site, values, _unstarted_cells(plan, o, code, variables, restored), None)

    def _write(self, e: Encoder, site: Site, values: Sequence[Any], cells: dict[str, Any], awaited: Any) -> Any:
        seen = self.seen
        seen.append((site, values, cells))
        known = e.records.get(site)
        if known is None:
            e.records[site] = len(e.records)
        head = [_FRAME, site.record if known is None else known]
        for name, cell in cells.items():
            head += (e.sym(name), e.lower(cell))
        e.queue.append((self._body, (e, len(seen) - 1, awaited)))
        return head

    def _body(self, e: Encoder, index: int, awaited: Any) -> list[Any]:
        self.where = index
        site, values, _ = self.seen[index]
        out = (
            e.lower_all(values)
            if not site.soft
            else [_try_soft(e, n, v, site) for n, v in zip(site.names, values, strict=True)]
        )
        out.append(None if awaited is None or site.label is None else _awaited(e, site, awaited))
        return out

    # -- functions defined inside durable functions

    def lower_function(self, e: Encoder, f: types.FunctionType) -> Any:
        """A nested function or lambda as its place in the source and its cells; None if it is to go by name."""
        hit = CODES.get(id(f.__code__))
        if hit is None or hit[1].parent is None:
            return None
        plan = hit[1]
        e.note(f)
        cells = [
            (n, c)
            for n, c in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True)
            if n not in RT and n in plan.free
        ]
        names = (e.sym(plan.root.key), e.sym(stored_path(plan)), e.sym(plan.hash))
        out: list[Any] = [mark(marks.FUNCTION), *names, len(cells)]
        for name, cell in cells:
            out += (e.sym(name), e.lower(cell))
        return [*out, e.lower(f.__defaults__), e.lower(f.__kwdefaults__), e.lower(f.__dict__ or None, True)]


def _try_soft(e: Encoder, name: str, value: Any, site: Site) -> Any:
    """A value that can be computed again: left out if it cannot be written."""
    if name not in site.soft:
        return e.lower(value)
    state = e.save()
    try:
        return e.lower(value)
    except (Rejected, SnapshotError):
        e.rollback(state)
        return UNSET_EXT


def _with_dead_generators(site: Site, variables: dict[str, Any]) -> Site:
    """Dead variables are not saved, except generators whose ``finally`` blocks are still to run."""
    extra = [n for n in site.plan.user_locals if n not in site.names and is_suspended_generator(variables.get(n))]
    return Site(site.plan, site.label, site.names + sorted(extra)) if extra else site


def _unstarted_cells(plan: Plan, o: Any, code: Any, variables: dict[str, Any], restored: bool) -> dict[str, Any]:
    """The cells of a frame that has not run: its closure is reachable through the function object only."""
    if not plan.cells:
        return {}
    cells: dict[str, Any] = {}
    made_by = [x for x in gc.get_referents(o) if isinstance(x, types.FunctionType) and x.__code__ is code]
    if made_by:
        cells = dict(zip(code.co_freevars, made_by[0].__closure__ or (), strict=False))
        if restored:
            return {n: c for n, c in cells.items() if n in plan.cells}
        cells = {n: c for n, c in cells.items() if n in plan.free}
    elif plan.free:
        raise SnapshotError(
            f"{plan.where()} has been created but not started; start it (await it, or give it to ctx.all) before the "
            f"next checkpoint",
            function=plan.where(),
        )
    for n in plan.params:
        if n in plan.captured:
            cells[n] = types.CellType(variables[n])
    return cells


# ------------------------------------------------------------------ what a frame awaits


def _awaited(e: Encoder, site: Site, o: Any) -> Any:
    t = type(o)
    if t in REGISTERED_TYPES:
        return e.lower(o)
    if t in FRAME_TYPES:
        code, frame = parts(o)[:2]
        if id(code) not in CODES:
            line = frame.f_lineno if frame else code.co_firstlineno
            raise foreign(e, code.co_qualname, f"{code.co_filename}:{line}", site)
        return e.lower(o)
    step = generator_of_step(o)
    if step is not None:
        inner, number = step
        if id(inner.ag_code) not in CODES:
            raise foreign(e, inner.ag_code.co_qualname, inner.ag_code.co_filename, site)
        e.note_temporary(o)
        return [mark(number), e.lower(inner)]
    next_or = parts_of_next_or(o)
    if next_or is not None:
        e.note_temporary(o)
        return [mark(marks.NEXT_OR), _awaited(e, site, next_or[0]), e.lower(next_or[1])]
    if t.__name__ == "coroutine_wrapper":
        for x in gc.get_referents(o):
            if isinstance(x, types.CoroutineType):
                return _awaited(e, site, x)
    try:
        return e.lower(o)
    except Rejected as no:
        if no.value is o:
            raise foreign(e, f"{t.__module__}.{t.__qualname__}", None, site) from None
        raise


def foreign(e: Encoder, what: str, where: str | None, site: Site | None = None) -> ForeignAwaitError:
    """The error for an await that would not survive a crash."""
    if site is None and e.frames is not None and e.frames.where is not None:
        site = e.frames.seen[e.frames.where][0]
    facts = place(site.plan, site.label) if site is not None else {}
    head = "{function}, {filename}:{line}: {source}\n".format(**facts) if site is not None else ""
    return ForeignAwaitError(
        f"{head}the workflow awaits {what}{f' ({where})' if where else ''}, which would not survive a crash; put it "
        f"in an "
        f"activity or in ctx.step(...), or, if it only awaits ctx operations, decorate it with @durable",
        awaited=what,
        **facts,
    )


# ------------------------------------------------------------------ the codec's table


@lowers(*FRAME_TYPES)
def _lower_frame(e: Encoder, o: Any) -> Any:
    if e.frames is None:
        raise Rejected(o)
    return e.frames.frame(e, o)


@lowers(types.CellType)
def _lower_cell(e: Encoder, cell: types.CellType) -> Any:
    if e.frames is None:
        raise Rejected(cell)
    e.note_temporary(cell)

    def contents() -> list[Any]:
        try:
            value = cell.cell_contents
        except ValueError:  # an empty cell
            return [UNSET_EXT]
        return [e.lower(value)]

    e.late(contents)
    return [mark(marks.CELL)]


LOWERINGS[type(U)] = lambda e, value: UNSET_EXT
