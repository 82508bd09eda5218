"""Retained checkpoints: where a run stood before, for fork, rewind and looking back.

A checkpoint that a run has gone on from is kept as ``past/<id>/<step>``, written in the batch of the checkpoint that
supersedes it; the oldest is removed in that batch too, once there are more than the run's limit. ``step`` is the number
of operations that were completed then. Beside the checkpoint the record has what the turn after it did with the
mailbox, so that going back undoes it.

Chunks are immutable and never named twice while a record names them (:meth:`Past.name_anew`), so records and the
checkpoint share them. A chunk that a checkpoint drops is
kept as long as a record names it: that is the newest one (if the chunk is not younger), which goes last. Nothing of
this is counted in the store; :meth:`Past.of` finds it in the directories of the records.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from weft_core import codec
from weft_core.errors import CodecError, CorruptRecordError
from weft_core.machine import records
from weft_core.machine.operations import HOOKS_BY_KIND
from weft_core.machine.records import CheckpointRecord
from weft_core.machine.sealed import seal_plain, unseal_plain
from weft_core.model import keys
from weft_core.model.run import BufferedSignal, RunHeader, RunState
from weft_core.ports import Op, Row

_VERSION = 1
_MAX_CHUNKS = 1 << 22
"""More than a checkpoint can have: a directory that names so many is made up."""
_MOVING: dict[str, Any] = {
    "version": "", "code": None, "signals": [], "attributes": {}, "cancel_requested": False, "cancel_reason": None,
}  # fmt: skip
"""What of a run's header belongs to where it stands; written where it differs from these."""


def moving_facts(header: RunHeader) -> dict[str, Any]:
    """What goes back with a run, of its header."""
    found = {name: getattr(header, name) for name in _MOVING}
    found["attributes"] = dict(header.attributes)
    return {name: value for name, value in found.items() if value != _MOVING[name]}


def set_moving_facts(header: RunHeader, facts: dict[str, Any]) -> None:
    """Give a header what it had at a checkpoint."""
    for name, usual in _MOVING.items():
        value = facts.get(name, usual)
        setattr(header, name, value.copy() if isinstance(value, (dict, list)) else value)


def named_chunks(run_id: str, directory: Sequence[Any]) -> set[str]:
    """Keys of the chunks that a checkpoint's directory names."""
    runs = [(entry[0], entry[3][i], entry[3][i + 1]) for entry in directory[1:] for i in range(0, len(entry[3]), 2)]
    if sum(many for _, _, many in runs) > _MAX_CHUNKS:
        raise CorruptRecordError(key=keys.checkpoint(run_id), reason="it names more chunks than there can be")
    return {keys.chunk(run_id, number, n) for number, first, many in runs for n in range(first, first + many)}


def put_back(record: CheckpointRecord, above: int | None = None) -> CheckpointRecord:
    """The checkpoint for a run that is to go on from it: attempts begin anew, deadlines stand.

    ``above``: the last step number that the run has given. What is pending gets numbers above it, in the same order,
    because outcomes are recorded, and idempotency keys were used, under the numbers it had.
    """
    summary = [*record.summary]
    places = [[*place] for place in summary[records.TASKS]]
    for place in places:
        if place[5] is not None:
            place[5] = HOOKS_BY_KIND[place[3]].anew(place[5])
    if above is not None:
        for number, place in enumerate(sorted(places, key=lambda p: p[2]), above + 1):
            place[2] = number
        summary[records.STEPS] = above + len(places)
    summary[records.TASKS] = places
    return record._replace(summary=summary)


@dataclass(frozen=True, slots=True)
class PastRecord:
    """A retained checkpoint."""

    step: int
    checkpoint: bytes
    """The record ``ckpt/<id>`` as it was."""
    facts: dict[str, Any]
    """What its header had then (:func:`set_moving_facts`)."""
    deeds: list[list[Any]]
    """What the turn after it did with messages, in order (:class:`Mail`)."""
    highest: int
    """The last step number that had been given when that turn was over."""
    size: int
    """Bytes of the checkpoint with its chunks."""

    def read(self, run_id: str) -> CheckpointRecord:
        return records.read_record(run_id, self.checkpoint)


def read_past(key: str, data: bytes) -> PastRecord:
    """The record of a retained checkpoint. ``CorruptRecordError``."""
    values = unseal_plain(key, data)
    if len(values) != 6 or values[0] != _VERSION:
        raise CorruptRecordError(key=key, reason=f"a retained checkpoint of unknown version {values[:1]}")
    return PastRecord(keys.parse_past(key), *values[1:])


_TOOK, _GAVE_BACK, _ANSWERED = range(3)


@dataclass(slots=True)
class Mail:
    """A run's messages: those in its mailbox by number, and updates that it has taken and not answered, by id."""

    lying: dict[int, BufferedSignal]
    owed: dict[str, BufferedSignal]
    answered: set[str] = field(default_factory=set)
    """Updates that were answered in what has been undone. Their answers stand (G8)."""

    def undo(self, deeds: Sequence[Sequence[Any]]) -> None:
        """Go back behind what a turn did."""
        for what, seq, name, payload, update_id in reversed(deeds):
            if what == _TOOK:
                self.lying[seq] = BufferedSignal(seq, name, payload, update_id)
                self.owed.pop(update_id, None)
            elif what == _GAVE_BACK:
                self.lying.pop(seq, None)
            if update_id is not None and what != _TOOK:
                self.owed[update_id] = BufferedSignal(seq, name, payload, update_id, True)
            if what == _ANSWERED:
                self.answered.add(update_id)


class Past:
    """The retained checkpoints of a run in memory, and the checkpoint that is to become the next one."""

    __slots__ = ("_deeds", "_dropped", "_facts", "_fresh", "_kept", "_last", "_size", "_start", "_step", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._kept: deque[tuple[int, list[str]]] = deque()
        """By step, oldest first: the chunks that no later record and no checkpoint names."""
        self._fresh: set[str] = set()
        """Chunks that no record names."""
        self._last: bytes | None = None
        """The checkpoint that the run stands at, its step, the facts of its header, and its size."""
        self._step, self._size = 0, 0
        self._facts: dict[str, Any] | None = None
        self._start = 0
        """Number of a container whose chunks no record can name."""
        self._deeds: list[list[Any]] = []
        self._dropped: list[str] = []

    @classmethod
    def of(cls, header: RunHeader, checkpoint: bytes, in_chunks: int, rows: Iterable[Row]) -> Past:
        """That of a stored run: its checkpoint, the bytes of that in chunks, and the rows of ``past/<id>/`` in order.

        A record that is damaged costs nobody but who asks for it.
        """
        past = cls(header.retain)
        record = records.read_record(header.id, checkpoint)
        past._last, past._step = checkpoint, record.summary[records.COMPLETED]
        past._size = len(checkpoint) + in_chunks
        past._facts = moving_facts(header)
        past._saw(record.directory)
        named: list[tuple[int, set[str]]] = []
        for key, data in rows:
            try:
                directory = read_past(key, data).read(header.id).directory
                named.append((keys.parse_past(key), named_chunks(header.id, directory)))
                past._saw(directory)
            except CodecError:
                named.append((keys.parse_past(key), set()))
        later = past._fresh = named_chunks(header.id, record.directory)
        for step, chunks in reversed(named):
            past._kept.appendleft((step, sorted(chunks - later)))
            later = later | chunks
        past._fresh = past._fresh.difference(*(chunks for _, chunks in named))
        return past

    def _saw(self, directory: Sequence[Any]) -> None:
        if directory:
            self._start = max(self._start, directory[0])

    def name_anew(self, run: RunState) -> None:
        """The run was restored: what it keeps in chunks from now on gets names that no record has."""
        if self._start:
            run.chunks = run.chunks or codec.Chunks()
            run.chunks.start = max(run.chunks.start, self._start)

    def took(self, signals: Iterable[BufferedSignal]) -> None:
        """The turn consumes them."""
        self._deeds += [[_TOOK, s.seq, s.name, s.payload, s.update_id] for s in signals]

    def gave_back(self, signal: BufferedSignal) -> None:
        """The turn puts it back into the mailbox."""
        self._deeds.append([_GAVE_BACK, signal.seq, signal.name, signal.payload, signal.update_id])

    def answered(self, update: BufferedSignal) -> None:
        """The turn answers an update that it had taken."""
        self._deeds.append([_ANSWERED, update.seq, update.name, update.payload, update.update_id])

    def ends(self, mail: Iterable[BufferedSignal]) -> None:
        """The run is over: what lies in its mailbox goes away, what it owes is answered without it."""
        for signal in mail:
            if not signal.taken:
                self.took([signal])
            if signal.update_id is not None:
                self.answered(signal)

    def drop(self, chunks: Iterable[str]) -> None:
        """Chunks that the next checkpoint does not have, beside those that it says itself."""
        self._dropped += chunks

    def follow(self, run: RunState, ops: Sequence[Op], header_changed: bool) -> list[Op]:
        """What is written where ``ops`` (the first is that of ``ckpt/<id>``) make or remove the run's checkpoint."""
        out: list[Op] = []
        if self._last is not None and (run.completed != self._step or run.finished):
            out.append(self._retain(run, self._last))
        self._deeds = []
        dropped, self._dropped = [*self._dropped, *[key for key, data in ops[1:] if data is None]], []
        out += [op for op in ops if op is ops[0] or op[1] is not None]
        out += [(key, None) for key in dropped if self._let_go(key)]
        self._fresh.update(key for key, data in ops[1:] if data is not None)
        while len(self._kept) > self.limit:
            step, chunks = self._kept.popleft()
            out += [(keys.past(run.id, step), None), *[(key, None) for key in chunks]]
        self._stand(run, ops[0][1], header_changed)
        return out

    def _retain(self, run: RunState, checkpoint: bytes) -> Op:
        key = keys.past(run.id, self._step)
        values = [_VERSION, checkpoint, self._facts, self._deeds, run.steps, self._size]
        self._kept.append((self._step, []))
        self._fresh.clear()
        return key, seal_plain(key, values)

    def _let_go(self, chunk: str) -> bool:
        """True: no record names the chunk."""
        if chunk in self._fresh or not self._kept:
            self._fresh.discard(chunk)
            return True
        self._kept[-1][1].append(chunk)
        return False

    def _stand(self, run: RunState, checkpoint: bytes | None, header_changed: bool) -> None:
        self._last, self._step = checkpoint, run.completed
        self._size = len(checkpoint or b"") + (run.chunks.size if run.chunks is not None else 0)
        if header_changed or self._facts is None:
            self._facts = moving_facts(run.header)
