"""Values to documents: the walk that lowers a graph of objects to what msgpack can write in one call.

Lowering leaves plain lists and dicts as they are (the C packer reads them itself) and replaces everything else by
marked arrays and leaves. What a type is lowered to is said in :data:`LOWERINGS`, one function per type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from weft_core.codec import marks, wire
from weft_core.codec.wire import MAX_DEPTH, SCALARS
from weft_core.errors import NotSerializableError

Lowering = Callable[["Encoder", Any], Any]

LOWERINGS: dict[type, Lowering] = {}
LATE: dict[type, Lowering] = {}
"""For types that can be made empty and filled later: how to lower them when they stand too deep."""
FINDERS: list[Callable[[type], Lowering | None]] = []
"""Asked in order for types that are not in :data:`LOWERINGS`."""

LATE_DEPTH = 40
_OPEN = -1  # in the memo: a value that must be whole before it can be referred to, and is not yet


def lowers(*types: type) -> Callable[[Lowering], Lowering]:
    """Say how these types are written."""

    def deco(fn: Lowering) -> Lowering:
        for t in types:
            LOWERINGS[t] = fn
        return fn

    return deco


class Rejected(Exception):
    """Private to the codec: ``value`` cannot be written. Becomes NotSerializableError where the place is known."""

    circle = False
    """The value cannot be made before what it holds, and that leads back to it."""

    def __init__(self, value: Any, reason: str | None = None, remedy: str | None = None) -> None:
        self.value, self.reason, self.remedy = value, reason, remedy

    def facts(self) -> dict[str, Any]:
        from weft_core.codec.remedies import remedy_for

        cls = type(self.value)
        name = f"{cls.__module__}.{cls.__qualname__}"
        return {
            "reason": self.reason or f"a value of type {name} cannot be written",
            "type": name,
            "remedy": self.remedy or remedy_for(self.value),
        }


class Externals:
    """The host's objects, which documents name and do not hold. Make it once and use it for many documents."""

    __slots__ = ("by_name", "memo")

    def __init__(self, by_name: Mapping[str, Any]) -> None:
        self.by_name = dict(by_name)
        self.memo: dict[int, Any] = {id(v): wire.external(n) for n, v in self.by_name.items()}


NO_EXTERNALS = Externals({})


class Encoder:
    """Lowers one document. Use it once."""

    __slots__ = ("base", "depth", "floor", "frames", "keep", "memo", "queue", "records", "scalars", "solid", "syms")

    def __init__(
        self, externals: Externals = NO_EXTERNALS, frames: Any = None, careful: bool = False, flat: bool = False
    ) -> None:
        self.memo: dict[int, Any] = externals.memo.copy()
        self.base = len(self.memo)
        self.keep: list[Any] = []
        self.queue: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []
        self.syms: dict[str, int] = {}
        self.records: dict[Any, int] = {}
        self.frames = frames
        self.depth = self.floor = LATE_DEPTH if flat else 0
        """``flat``: what every list, dict and object holds comes as a late part, so a tuple may lead back to itself."""
        self.solid = False
        self.scalars = _CAREFUL_SCALARS if careful else SCALARS

    def document(self, root: Any) -> list[Any]:
        """The lowered form of ``root`` and of all parts that were put off."""
        try:
            out = [wire.FORMAT, self.lower(root)]
            for fn, args in self.queue:  # grows while it runs
                self.depth, self.solid = self.floor, False
                out.append(fn(*args))
            return out
        finally:
            # The parts refer to us: a cycle would keep the run's values alive until the collector comes.
            self.queue.clear()

    def lower(self, value: Any, now: bool = False) -> Any:
        """The form of ``value`` that msgpack can write. Raises :class:`Rejected`.

        ``now``: the reader uses the contents of this container at once, so they must not come later.
        Lists come first and are done in place: this is the hottest path of every checkpoint.
        """
        t = type(value)
        scalars = self.scalars
        if t in scalars:
            return value
        memo = self.memo
        key = id(value)
        seen = memo.get(key)
        if seen is not None:
            return self._again(value, seen)
        depth = self.depth
        if t is list and (depth < LATE_DEPTH or ((now or self.solid) and depth < MAX_DEPTH)):
            memo[key] = len(memo)
            if len(value) > 12:
                if scalars.issuperset(map(type, value)):
                    return value
            else:
                for x in value:
                    if type(x) not in scalars:
                        break
                else:
                    return value
            self.depth = depth + 1
            out = []  # a loop: on 3.11 a comprehension is a call, which small lists notice
            for x in value:
                out.append(x if type(x) in scalars else self.lower(x))
            self.depth = depth
            return out
        fn = LOWERINGS.get(t) or find_lowering(t)
        if fn is None and t is not list:
            raise Rejected(value)
        if depth >= LATE_DEPTH:
            if t in LATE and not now and not self.solid:
                fn = LATE[t]
            elif depth >= MAX_DEPTH:
                raise Rejected(value, f"values are nested deeper than {MAX_DEPTH} levels", "keep a flatter structure")
        assert fn is not None
        self.depth = depth + 1
        out = fn(self, value)
        self.depth = depth
        return out

    def _again(self, value: Any, seen: Any) -> Any:
        """A value that the document holds already, or that is the host's."""
        if seen.__class__ is not int:
            return seen
        if seen == _OPEN:
            raise _circle(value)
        return wire.reference(seen - self.base)

    def lower_solid(self, value: Any) -> Any:
        """Lower what the reader needs whole, down to its last part: a key, the state of an immutable value."""
        outer, self.solid = self.solid, True
        out = self.lower(value)
        self.solid = outer
        return out

    def lower_all(self, values: Any) -> list[Any]:
        """A new list with each of ``values`` lowered."""
        scalars = self.scalars
        if len(values) > 12 and scalars.issuperset(map(type, values)):
            return list(values)
        out = []
        for x in values:
            out.append(x if type(x) in scalars else self.lower(x))
        return out

    def note(self, value: Any) -> None:
        """Give ``value`` the next number."""
        self.memo[id(value)] = len(self.memo)

    def note_temporary(self, value: Any) -> None:
        """The same for an object made on the way, whose id must not be given to another while we write."""
        self.keep.append(value)
        self.memo[id(value)] = len(self.memo)

    def open(self, value: Any) -> int:
        """Give ``value`` the next number, but let nothing refer to it before :meth:`close`."""
        number = len(self.memo)
        self.memo[id(value)] = _OPEN
        return number

    def close(self, value: Any, number: int) -> None:
        self.memo[id(value)] = number

    def sym(self, text: str) -> Any:
        """Text that comes often: itself the first time, then its number."""
        number = self.syms.get(text)
        if number is not None:
            return number
        self.syms[text] = len(self.syms)
        return text

    def record(self, key: Any, data: bytes) -> Any:
        """A packed description that comes often: itself the first time, then its number."""
        number = self.records.get(key)
        if number is not None:
            return number
        self.records[key] = len(self.records)
        return data

    def late(self, fn: Callable[..., Any], *args: Any) -> None:
        """Put off a part: ``fn(*args)`` gives its lowered form when the document so far is done."""
        self.queue.append((fn, args))

    # -- trying something that may be refused

    def save(self) -> tuple[int, ...]:
        return (
            len(self.memo),
            len(self.keep),
            len(self.queue),
            len(self.syms),
            len(self.records),
            self.depth,
            self.solid,
        )

    def rollback(self, state: tuple[int, ...]) -> None:
        for table, size in ((self.memo, state[0]), (self.syms, state[3]), (self.records, state[4])):
            while len(table) > size:
                table.popitem()
        del self.keep[state[1] :], self.queue[state[2] :]
        self.depth, self.solid = state[5], bool(state[6])


_CAREFUL_SCALARS = SCALARS - {int}


@lowers(int)
def _lower_int(e: Encoder, value: int) -> Any:
    # Reached by a careful encoder only.
    return wire.integer(value)


def _circle(value: Any) -> Rejected:
    no = Rejected(value, f"a {type(value).__name__} that (indirectly) contains itself cannot be written")
    no.circle = True
    return no


def find_lowering(t: type) -> Lowering | None:
    """How to lower a type that is not in the table yet; remembers the answer."""
    for finder in FINDERS:
        fn = finder(t)
        if fn is not None:
            LOWERINGS[t] = fn
            return fn
    return None


def encode(root: Any, externals: Externals, frames: Any = None) -> bytes:
    """Lower and pack ``root``: first the fast way, and again with care if that meets a rare value."""
    try:
        if type(root) in SCALARS:
            return wire.pack([wire.FORMAT, root])  # as the document of it would be
        return wire.pack(Encoder(externals, frames).document(root))
    except (OverflowError, UnicodeEncodeError):
        # An integer outside 64 bits or text with lone surrogates, which only the C packer has seen.
        return wire.pack(Encoder(externals, frames, careful=True).document(root), careful=True)
    except Rejected as no:
        if not no.circle:
            raise
        return wire.pack(Encoder(externals, frames, careful=True, flat=True).document(root), careful=True)


def as_externals(externals: Externals | Mapping[str, Any] | None) -> Externals:
    if isinstance(externals, Externals):
        return externals
    return Externals(externals) if externals else NO_EXTERNALS


def dumps(value: Any, *, externals: Externals | Mapping[str, Any] | None = None) -> bytes:
    """Bytes of ``value``, with identity and cycles kept. Raises :class:`NotSerializableError`.

    ``externals`` are objects of the host that are named and not stored; :func:`loads` needs the same names.
    """
    ext = as_externals(externals)
    try:
        return encode(value, ext)
    except Rejected as no:
        refusal = NotSerializableError(**no.facts())
    except RecursionError:
        refusal = too_deep()
    raise refusal  # not in the handler: with a Rejected as its context it could not be stored by who catches it


def too_deep() -> NotSerializableError:
    """The stack of the caller and the nesting of the values are too much together."""
    return NotSerializableError(
        reason="the values are nested too deeply to be written here", remedy="keep a flatter structure"
    )


__all__ = ["FINDERS", "LATE", "LOWERINGS", "Encoder", "Externals", "Rejected", "dumps", "encode", "lowers", "marks"]
