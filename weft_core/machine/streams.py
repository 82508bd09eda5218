"""Streams of a run: append-only, numbered, each commit of entries one record ``stream/<run>/<name>/<first number>``.

An entry is ``[step, data]``, ``[step]`` (a reset: what this step has written is void) or ``[]`` (the stream is closed).
Step 0 is the workflow itself. Where streams stand is kept in memory with the run and found again in their last records;
the checkpoint holds nothing of them, so that a chunk costs its own bytes and no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from weft_core import codec
from weft_core.errors import CorruptRecordError, LimitExceededError, OperationMisuseError, PayloadTooLargeError
from weft_core.machine.naming import check_name
from weft_core.machine.sealed import seal_plain, unseal_plain
from weft_core.model import keys
from weft_core.model.limits import Limits
from weft_core.ports import Op

_VERSION = 1
_PART = 256 * 1024
Entry = list[Any]
CLOSED: Entry = []
"""Always the last one."""


class Streams:
    """Where the streams of one run stand."""

    def __init__(self) -> None:
        self._next: dict[str, int] = {}
        """By name, the number of the next entry."""
        self._closed: set[str] = set()
        self._open: dict[str, set[int]] = {}
        """By name, the steps that have written and are not decided yet."""
        self._fresh: dict[str, list[Entry]] = {}
        """Decided in the turn under way."""

    # -- writing

    def check(self, name: str, count: int, limits: Limits) -> None:
        """Whether so many more entries may be written. ``OperationMisuseError``, ``LimitExceededError``."""
        check_name(name, "the name of a stream", limits)
        if name in self._closed:
            raise OperationMisuseError(operation=f"stream {name!r}", reason="it is closed")
        if name not in self._next and len(self._next) >= limits.max_streams:
            raise LimitExceededError(what="the streams of a run", actual=len(self._next) + 1, limit=limits.max_streams)
        last = self._next.get(name, 1) + count - 1
        if last > limits.max_stream_entries:
            raise LimitExceededError(what=f"stream {name!r} in entries", actual=last, limit=limits.max_stream_entries)

    def write(self, name: str, entries: Iterable[Entry], step: int = 0) -> None:
        """Add entries that :meth:`check` has let pass; they are stored with what is committed next of the run."""
        fresh = self._fresh.setdefault(name, [])
        before = len(fresh)
        fresh.extend(entries)
        self._next[name] = self._next.get(name, 1) + len(fresh) - before
        if step:
            self._open.setdefault(name, set()).add(step)

    def close(self, name: str) -> None:
        self.write(name, [CLOSED])
        self._closed.add(name)

    def decided(self, step: int, ok: bool) -> None:
        """What a step has written is final; or void, because its attempt failed or is not wanted."""
        for name, steps in self._open.items():
            if step in steps:
                steps.discard(step)
                if not ok and name not in self._closed:
                    self.write(name, [[step]])

    def take(self, run_id: str, now: int) -> list[Op]:
        """The records of what was written since they were last taken."""
        ops: list[Op] = []
        for name, entries in self._fresh.items():
            seq, is_open = self._next[name] - len(entries), sorted(self._open.get(name, ()))
            for part in _parts(entries):
                key = keys.stream(run_id, name, seq)
                ops.append((key, seal_plain(key, [_VERSION, now, part, is_open])))
                seq += len(part)
        self._fresh.clear()
        return ops

    # -- finding out where they stand

    def found(self, name: str, key: str, data: bytes) -> None:
        """The last record of a stream."""
        first, _, entries, open_steps = read_stream_record(key, data)
        self._next[name] = first + len(entries)
        if entries[-1] == CLOSED:
            self._closed.add(name)
        self._open[name] = set(open_steps)


def _parts(entries: list[Entry]) -> Iterator[list[Entry]]:
    """Entries of one record each: about as large as browsers' stores like them."""
    part: list[Entry] = []
    size = 0
    for entry in entries:
        part.append(entry)
        size += len(entry[1]) if len(entry) > 1 else 0
        if size >= _PART:
            yield part
            part, size = [], 0
    if part:
        yield part


def chunk(value: Any, limits: Limits) -> bytes:
    """The stored form of a chunk. ``NotSerializableError``, ``PayloadTooLargeError``."""
    data = codec.dumps(value)
    limit = limits.max_stream_chunk_bytes
    if len(data) > limit:
        raise PayloadTooLargeError(what="a chunk of a stream", actual=len(data), limit=limit)
    return data


def read_stream_record(key: str, data: bytes) -> tuple[int, int, list[Entry], list[int]]:
    """(number of the first entry, when they were written, entries, steps that were not decided then)."""
    values = unseal_plain(key, data)
    if len(values) != 4 or values[0] != _VERSION or not values[2]:
        raise CorruptRecordError(key=key, reason=f"part of a stream, of unknown version {values[:1]}")
    return int(key.rpartition("/")[2], 16), values[1], values[2], values[3]
