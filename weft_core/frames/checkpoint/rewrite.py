"""Rewriting a snapshot: its frames as plain objects that may be changed, and then a snapshot again.

What a migration does to a run happens here, on bytes, before anything is resumed: the rewritten snapshot is restored
like any other, and stands for code that is here now. Values keep their identity, as in every snapshot.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import Any

from weft_core.codec import ChunkReader, Decoder, Encoder, Externals, marks
from weft_core.codec.decoder import LIFTINGS, Lifting, guarded
from weft_core.codec.encoder import Rejected, encode, lowers, too_deep
from weft_core.codec.wire import damaged, mark
from weft_core.errors import CodeChangedError, NotSerializableError
from weft_core.frames.checkpoint.adapt import missing_error, surely_set
from weft_core.frames.checkpoint.match import Place, find_label, find_plan, find_root
from weft_core.frames.checkpoint.restore import read_place
from weft_core.frames.checkpoint.sites import Site
from weft_core.frames.checkpoint.snapshot import FrameWriter
from weft_core.frames.iterators import basic, combined, composed, shared  # noqa: F401  (the table is copied below)
from weft_core.frames.labels import Label
from weft_core.frames.live import is_suspended_generator
from weft_core.frames.plan import Plan, Root, stored_path
from weft_core.frames.registry import shown_name
from weft_core.frames.runtime.helpers import U


class StoredFrame:
    """A suspended function in a snapshot. ``locals`` may be changed; ``goes_on`` gives it a place in today's code."""

    __slots__ = ("_cells", "_hidden", "_seen", "_target", "awaits", "locals", "place")

    def __init__(self, place: Place | None) -> None:
        self.place = place
        self.locals: dict[str, Any] = {}
        self.awaits: Any = None
        """The frame or pending operation that it waits for."""
        self._hidden: dict[str, Any] = {}
        self._cells: dict[str, types.CellType] = {}
        self._seen: dict[str, Any] = {}
        self._target: tuple[Plan, Label | None] | None = None

    @property
    def function(self) -> str:
        """Its function as people call it."""
        if self.place is None:
            assert self._target is not None
            return self._target[0].where()
        return shown_name(self.place.key) + (f".<locals>.{self.place.path}" if self.place.path else "")

    @property
    def hidden(self) -> dict[str, Any]:
        """The state of the constructs around its suspension point."""
        return dict(self._hidden)

    def goes_on(self, plan: Plan, label: Label | None, hidden: Mapping[str, Any] | None = None) -> None:
        """It is to go on at ``label`` of ``plan``; ``hidden`` is the state of the constructs around the label."""
        self._target = plan, label
        self._hidden = dict(hidden or {})

    def plan(self, functions: Mapping[str, Root]) -> Plan:
        """Its function as it is today. Raises :class:`CodeChangedError` or :class:`UnknownFunctionError`."""
        if self._target is not None:
            return self._target[0]
        assert self.place is not None
        return find_plan(find_root(self.place.key, functions), self.place.path, self.place.hash)

    # -- reading

    def fill(self, names: list[str], values: list[Any], cells: dict[str, types.CellType]) -> None:
        self.awaits = values.pop()
        self._cells = cells
        for name, value in zip(names, values, strict=True):
            if name.startswith("."):
                self._hidden[name] = value
            elif value is not U:
                self.locals[name] = value

    def settle(self) -> None:
        """All cells are filled now: variables that nested functions capture are shown like the others."""
        for name, cell in self._cells.items():
            try:
                self.locals[name] = cell.cell_contents
            except ValueError:  # an empty cell
                continue
        self._seen = dict(self.locals)

    # -- writing

    def site(self, functions: Mapping[str, Root]) -> Site:
        """Where it is to go on, with the names that are written. Raises :class:`CodeChangedError`."""
        if self._target is not None:
            plan, label = self._target
            return self._checked(plan, label)
        assert self.place is not None
        plan = self.plan(functions)
        names = [*self._hidden, *self.locals]
        if plan.hash != self.place.hash:
            return self._checked(plan, find_label(plan, self.place, [*names, *self._cells]))
        label = plan.by_id.get(self.place.label) if self.place.label else None
        if label is None and self.place.label:
            raise damaged("a frame at a place that its function does not have")
        return self._checked(plan, label, same=True)

    def _checked(self, plan: Plan, label: Label | None, same: bool = False) -> Site:
        """``same``: in unchanged code a variable that is not set was not set before."""
        needed = label.save if label is not None else [n for n in plan.params if n in plan.user_locals]
        missing = [
            n for n in needed
            if not n.startswith(".") and n not in self.locals
            and (n in self._seen or not same) and (label is None or surely_set(plan, label, n))
        ]  # fmt: skip
        missing += [n for n in plan.params if n in plan.captured and n not in self.locals and label is None]
        if missing:
            raise missing_error(plan, self._then(plan), label, missing)
        extra = [
            n
            for n, v in {**self._hidden, **self.locals}.items()
            if n in plan.user_locals and n not in needed and _is_generator(v)
        ]  # dead, but their ``finally`` blocks are still to run
        return Site(plan, label, [*needed, *sorted(extra)])

    def _then(self, plan: Plan) -> Place:
        return self.place or Place(plan.root.key, plan.path, plan.hash, plan.kind, "", 0, "", "", 0, "", 0, b"", b"")

    def values(self, site: Site) -> list[Any]:
        return [self._hidden.get(n, U) if n.startswith(".") else self.locals.get(n, U) for n in site.names]

    def cells(self, plan: Plan) -> dict[str, types.CellType]:
        """Those that its function captures today; variables that a migration has changed are changed in them."""
        for name, cell in self._cells.items():
            if name not in self.locals:
                if name in self._seen:
                    del cell.cell_contents
            elif name not in self._seen or self.locals[name] is not self._seen[name]:
                cell.cell_contents = self.locals[name]
        for name in plan.cells:
            if name not in self._cells:
                if name in plan.free:
                    raise CodeChangedError(
                        f"{plan.where()} now uses {name}, a variable of the function around it that it did not use",
                        function=plan.where(), missing=[name],
                    )  # fmt: skip
                self._cells[name] = types.CellType(self.locals[name]) if name in self.locals else types.CellType()
        return {name: self._cells[name] for name in plan.cells}

    # A zip, map or enumerate may hold it, as it held the generator. It makes no step while its run is migrated.

    def __iter__(self) -> StoredFrame:
        return self

    __aiter__ = __iter__

    def __next__(self) -> Any:
        raise TypeError(f"{self!r} makes no step while its run is migrated")

    __anext__ = __next__

    def __repr__(self) -> str:
        return f"<stored frame of {self.function}>"


def _is_generator(value: Any) -> bool:
    if isinstance(value, StoredFrame):
        return value.place is not None and value.place.kind in ("gen", "agen")
    return is_suspended_generator(value)


class StoredFunction:
    """A nested function or lambda in a snapshot. It can be kept, moved or thrown away, and not called."""

    __slots__ = ("cells", "key", "path", "rest", "text_hash")

    def __init__(self, key: str, path: str, text_hash: str) -> None:
        self.key, self.path, self.text_hash = key, path, text_hash
        self.cells: dict[str, types.CellType] = {}
        self.rest: list[Any] = [None, None, None]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(f"{self!r} cannot be called while its run is migrated")

    def __repr__(self) -> str:
        return f"<stored function {shown_name(self.key)}.<locals>.{self.path}>"


class _AsyncNext:
    """A step of an async generator that is suspended."""

    __slots__ = ("generator",)

    def __init__(self, generator: Any) -> None:
        self.generator = generator


Change = Callable[[Any], None]


def rewrite(
    data: bytes,
    externals: Externals,
    functions: Mapping[str, Root],
    change: Change,
    chunks: ChunkReader | None = None,
) -> bytes:
    """The snapshot of what ``change`` has made of the value of a snapshot.

    ``functions`` as for :func:`restore`. Raises what ``restore`` raises, :class:`NotSerializableError`, and what
    ``change`` raises.
    """

    def read() -> Any:
        if chunks is not None:
            chunks.load(lambda shared: Decoder(externals, None, shared))
        reader = _Reader(externals, None, chunks)
        reader.unset = U
        root = reader.document(data)
        for frame in reader.found:
            frame.settle()
        return root

    root = guarded(read)
    change(root)
    try:
        return encode(root, externals, _Writer(functions))
    except Rejected as no:
        raise NotSerializableError(**no.facts()) from None
    except RecursionError:
        raise too_deep() from None


# ------------------------------------------------------------------ reading


class _Reader(Decoder):
    liftings: dict[int, Lifting]

    def __init__(self, externals: Externals, frames: Any, chunks: ChunkReader | None) -> None:
        super().__init__(externals, frames, chunks)
        self.liftings = _READS
        self.found: list[StoredFrame] = []


def _frame(d: Any, x: list[Any], number: int) -> Any:
    place, names = d.record(x[1], read_place)
    frame = d.objs[number] = StoredFrame(place)
    d.found.append(frame)
    cells = {d.sym(x[i]): d.lift(x[i + 1]) for i in range(2, len(x), 2)}
    if any(type(cell) is not types.CellType for cell in cells.values()):
        raise damaged("a captured variable without its cell")

    def fill(part: Any) -> None:
        if type(part) is not list or len(part) != len(names) + 1:
            raise damaged("a frame with other variables")
        frame.fill(names, d.lift_all(part), cells)

    d.late(fill)
    return frame


def _cell(d: Any, x: list[Any], number: int) -> Any:
    cell = types.CellType()

    def fill(part: Any) -> None:
        (value,) = d.lift_all(part)
        if value is not U:
            cell.cell_contents = value

    d.late(fill)
    return cell


def _function(d: Any, x: list[Any], number: int) -> Any:
    function = d.objs[number] = StoredFunction(d.sym(x[1]), d.sym(x[2]), d.sym(x[3]))
    end = 5 + 2 * x[4]
    function.cells = {d.sym(x[i]): d.lift(x[i + 1]) for i in range(5, end, 2)}
    function.rest = d.lift_all(x[end : end + 3])
    return function


_READS: dict[int, Lifting] = {
    **LIFTINGS,
    marks.FRAME: _frame,
    marks.CELL: _cell,
    marks.FUNCTION: _function,
    marks.ASYNC_NEXT: lambda d, x, number: _AsyncNext(d.lift(x[1])),
}


# ------------------------------------------------------------------ writing


class _Writer(FrameWriter):
    """Writes stored frames as frames of today's code."""

    def __init__(self, functions: Mapping[str, Root]) -> None:
        super().__init__()
        self.functions = functions
        self.sites: dict[tuple[Any, ...], Site] = {}


def _writer(e: Encoder, value: Any) -> _Writer:
    if type(e.frames) is not _Writer:
        raise Rejected(value, f"{value!r} belongs to the run that is migrated", "keep it in that run")
    return e.frames


@lowers(StoredFrame)
def _lower_frame(e: Encoder, frame: StoredFrame) -> Any:
    writer = _writer(e, frame)
    e.note(frame)
    site = frame.site(writer.functions)
    site = writer.sites.setdefault((site.plan, site.label, *site.names), site)
    head = [mark(marks.FRAME), e.record(site, site.record)]
    for name, cell in frame.cells(site.plan).items():
        head += (e.sym(name), e.lower(cell))
    e.late(lambda: [*e.lower_all(frame.values(site)), e.lower(frame.awaits)])
    return head


@lowers(StoredFunction)
def _lower_function(e: Encoder, f: StoredFunction) -> Any:
    plan = find_plan(find_root(f.key, _writer(e, f).functions), f.path, f.text_hash)
    missing = sorted(n for n in plan.free if n not in f.cells)
    if missing:
        raise CodeChangedError(
            f"{plan.where()} now uses variable(s) {', '.join(missing)} that it did not capture when it was made",
            function=plan.where(), missing=missing,
        )  # fmt: skip
    e.note(f)
    cells = {n: c for n, c in f.cells.items() if n in plan.free}
    out = [mark(marks.FUNCTION), e.sym(plan.root.key), e.sym(stored_path(plan)), e.sym(plan.hash), len(cells)]
    for name, cell in cells.items():
        out += (e.sym(name), e.lower(cell))
    defaults, kwdefaults, attributes = f.rest
    return [*out, e.lower(defaults), e.lower(kwdefaults), e.lower(attributes, True)]


@lowers(_AsyncNext)
def _lower_async_next(e: Encoder, step: _AsyncNext) -> Any:
    _writer(e, step)
    e.note(step)
    return [mark(marks.ASYNC_NEXT), e.lower(step.generator)]
