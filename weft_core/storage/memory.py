"""MemoryStorage: the whole port in one dict. For tests, for scratch engines, and to see what the engine alone costs."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping, Sequence

from weft_core.errors import StorageClosedError
from weft_core.ports import DEFAULT_PAGE, Condition, Op, Row, StorageCapabilities
from weft_core.storage.keys import check_bounds, check_key, check_value, prefix_end

_FEW = 32
"""Up to this many new keys are inserted one by one into the sorted list; more are sorted in together."""

_MIN_TOMBSTONES = 1024


class _Shelf:
    """The rows, and their keys in order as far as scans have asked for it.

    A deleted row stays as None until enough of them are dropped together, so that a key enters the sorted list once and
    puts of known keys and deletes cost one dict store each.
    """

    __slots__ = ("data", "fresh", "keys", "tombstones")

    def __init__(self) -> None:
        self.data: dict[str, bytes | None] = {}
        self.fresh: list[str] = []
        self.keys: list[str] = []
        self.tombstones = 0

    def sorted_keys(self) -> list[str]:
        """Every key in order, tombstones included."""
        if self.tombstones > _MIN_TOMBSTONES and self.tombstones * 2 > len(self.data):
            self._drop_tombstones()
        if self.fresh:
            if len(self.fresh) <= _FEW:
                for key in self.fresh:
                    insort(self.keys, key)
            else:
                self.keys += self.fresh
                self.keys.sort()
            self.fresh.clear()
        return self.keys

    def _drop_tombstones(self) -> None:
        live = {key: value for key, value in self.data.items() if value is not None}
        # In place: every handle on this shelf holds these very objects.
        self.data.clear()
        self.data.update(live)
        self.keys[:] = live
        self.keys.sort()
        self.fresh.clear()
        self.tombstones = 0


class MemoryStorage:
    """Rows live as long as the object. Atomic by nature: nothing in it awaits.

    ``rows`` fills a new store, for example with the :meth:`rows` of another one at the moment of a simulated crash.
    """

    capabilities = StorageCapabilities()

    def __init__(self, rows: Mapping[str, bytes] | None = None) -> None:
        self._attach(_Shelf())
        for key, value in (rows or {}).items():
            check_key(key)
            check_value(key, value)
            self._write(((key, value),))

    def _attach(self, shelf: _Shelf) -> None:
        self._shelf = shelf
        self._data = shelf.data
        self._fresh = shelf.fresh
        self._closed = False

    def reopen(self) -> MemoryStorage:
        """Another handle on the same rows, as a second process or the next start has; each is closed by itself."""
        other = type(self).__new__(type(self))
        other._attach(self._shelf)
        return other

    def rows(self) -> dict[str, bytes]:
        """A copy of all rows in key order, also of a closed store."""
        found = ((key, self._data[key]) for key in self._shelf.sorted_keys())
        return {key: value for key, value in found if value is not None}

    async def get(self, key: str) -> bytes | None:
        self._ready()
        check_key(key)
        return self._data.get(key)

    async def has(self, key: str) -> bool:
        self._ready()
        check_key(key)
        return self._data.get(key) is not None

    async def put(self, key: str, value: bytes) -> None:
        self._ready()
        check_key(key)
        check_value(key, value)
        self._write(((key, value),))

    async def delete(self, key: str) -> None:
        self._ready()
        check_key(key)
        self._write(((key, None),))

    async def scan(
        self,
        prefix: str,
        *,
        after: str | None = None,
        before: str | None = None,
        limit: int = DEFAULT_PAGE,
        reverse: bool = False,
    ) -> list[Row]:
        self._ready()
        check_bounds(prefix, after, before)
        keys = self._shelf.sorted_keys()
        first, last = _span(keys, prefix, after, before)
        indexes = range(last - 1, first - 1, -1) if reverse else range(first, last)
        page: list[Row] = []
        for index in indexes:
            if len(page) >= limit:
                break
            key = keys[index]
            value = self._data[key]
            if value is not None:
                page.append((key, value))
        return page

    async def batch(self, ops: Sequence[Op]) -> None:
        self._ready()
        self._check(ops)
        self._write(ops)

    async def conditional_batch(self, conditions: Sequence[Condition], ops: Sequence[Op]) -> bool:
        if self._closed:
            self._ready()
        data = self._data
        self._check(ops)
        holds = True
        for key, expected in conditions:
            if data.get(key) != expected:
                holds = False
            if key not in data:
                check_key(key)
        if not holds:
            return False
        self._write(ops)
        return True

    async def delete_prefix(self, prefix: str) -> int:
        self._ready()
        check_bounds(prefix, None, None)
        keys = self._shelf.sorted_keys()
        first, last = _span(keys, prefix, None, None)
        doomed = [key for key in keys[first:last] if self._data[key] is not None]
        self._write([(key, None) for key in doomed])
        return len(doomed)

    async def close(self) -> None:
        self._closed = True

    def _ready(self) -> None:
        if self._closed:
            raise StorageClosedError(store="memory")

    def _check(self, ops: Sequence[Op]) -> None:
        data = self._data
        for key, value in ops:
            # A key that is in the store has been checked when it came in.
            if key not in data:
                check_key(key)
            if value.__class__ is not bytes and value is not None:
                check_value(key, value)

    def _write(self, ops: Sequence[Op]) -> None:
        data = self._data
        for key, value in ops:
            if value is not None:
                if key not in data:
                    self._fresh.append(key)
                data[key] = value
            elif data.get(key) is not None:
                data[key] = None
                self._shelf.tombstones += 1


def _span(keys: list[str], prefix: str, after: str | None, before: str | None) -> tuple[int, int]:
    """The half-open index range of the keys with this prefix strictly between the bounds."""
    end = prefix_end(prefix)
    first = bisect_left(keys, prefix)
    last = len(keys) if end is None else bisect_left(keys, end)
    if after is not None:
        first = max(first, bisect_right(keys, after))
    if before is not None:
        last = min(last, bisect_left(keys, before))
    return first, last
