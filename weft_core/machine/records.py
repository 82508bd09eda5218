"""The records of a run: header, checkpoint, events. Each is sealed to its key, so damage is found on read (G18).

A record is one sealed msgpack array. A checkpoint carries, before its frames, the few plain facts that lists and
``describe`` need, so that they never decode a frame.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from weft_core import codec, frames
from weft_core.codec.chunks.writer import FROM as CHUNKS_FROM
from weft_core.errors import CorruptRecordError, SnapshotError, WeftError
from weft_core.machine import index
from weft_core.machine.operations import HOOKS, HOOKS_BY_KIND
from weft_core.machine.sealed import seal_plain, unseal_plain
from weft_core.model import keys
from weft_core.model.operations import Operation, WaitUntil
from weft_core.model.run import UNBEGUN, Handlers, RunHeader, RunState, Task
from weft_core.ports import Op

_VERSION = 1
_HEADER_FIELDS = (
    "id", "workflow", "version", "status", "created_at", "updated_at", "input", "code", "finished_at", "result",
    "error", "idempotency_key", "cancel_reason", "cancel_requested", "signals", "steps", "epoch", "next_seq",
    "mail_seq", "exposed",
)  # fmt: skip
_RARE_FIELDS: dict[str, Any] = {
    "tags": [], "deadline": 0, "ends_as": "cancelled", "parent": [], "has_services": False, "headers": {},
    "lineage": {}, "generation": 0, "retain": 0, "kept": [], "was": "running", "highest": 0,
    "origin": "", "moves": 0, "away": "",
}  # fmt: skip
"""Written only where they differ from these, so that they cost nothing where they are not used."""
# `summary` positions in a checkpoint record
STEPS, COMPLETED, NEXT_TASK, NEXT_SEQ, MAIL_SEQ, UPDATED_AT, ACTIVE, EXPOSED, TASKS, NOTES = range(10)

Event = tuple[str, dict[str, Any]]
Place = list[Any]
"""``[task, parent task, step, operation kind, label, note or None]``"""


def write_run(header: RunHeader) -> list[Op]:
    """The record of a run, and what has changed in its index rows. The only way a record is written."""
    return [(keys.run(header.id), write_header(header)), *index.changes(header)]


def write_header(header: RunHeader) -> bytes:
    """The sealed record of ``run/<id>``, without its index rows."""
    values = [_VERSION, *(getattr(header, name) for name in _HEADER_FIELDS), header.attributes]
    rare = {name: value for name, usual in _RARE_FIELDS.items() if (value := getattr(header, name)) != usual}
    return seal_plain(keys.run(header.id), [*values, rare] if rare else values)


def read_header(run_id: str, data: bytes) -> RunHeader:
    key = keys.run(run_id)
    values = unseal_plain(key, data)
    if len(values) < len(_HEADER_FIELDS) + 2 or values[0] != _VERSION:
        raise CorruptRecordError(key=key, reason=f"a run record of unknown version {values[:1]}")
    fields = dict(zip(_HEADER_FIELDS, values[1:], strict=False))
    rare = values[len(_HEADER_FIELDS) + 2] if len(values) > len(_HEADER_FIELDS) + 2 else {}
    known = {name: value for name, value in rare.items() if name in _RARE_FIELDS}
    header = RunHeader(**fields, attributes=values[len(_HEADER_FIELDS) + 1], **known)
    header.indexed = index.rows(header)
    return header


def write_checkpoint(run: RunState, now: int, active: bool) -> list[Op]:
    """What makes ``ckpt/<id>``, its record first, say where the run stands. Raises NotSerializableError."""
    places: list[Place] = []  # where each task stands, as far as that is plain
    root: list[Any] = [_own_functions(run)]  # what may hold values of the author's, in one graph
    for task in run.tasks.values():
        op = task.op
        assert op is not None
        hooks = HOOKS[type(op)]
        wait = task.wait if hooks.plain else None
        places.append([task.id, task.parent, task.step, op.kind, op.label, wait])
        root += (op, task.frame) if hooks.plain else (op, task.frame, task.wait)
    summary = [
        run.steps, run.completed, run.next_task, run.next_seq, run.mail_seq, now, active, run.exposed, places,
    ]  # fmt: skip
    if run.notes:
        summary.append(run.notes)
    key = keys.checkpoint(run.id)
    if run.chunks is None:
        body = frames.snapshot(root, run.externals)
        if len(body) <= CHUNKS_FROM:
            return [(key, seal_plain(key, [_VERSION, summary, body]))]
        run.chunks = codec.Chunks()
    body = frames.snapshot(root, run.externals, chunks=run.chunks)
    puts, drops = run.chunks.changes()
    directory = run.chunks.directory()
    record = seal_plain(key, [_VERSION, summary, body, directory] if directory else [_VERSION, summary, body])
    if not directory and len(body) <= CHUNKS_FROM and run.past is None:  # else names would be given again
        run.chunks = None
    return [
        (key, record),
        *[(at := keys.chunk(run.id, *name), codec.seal(at, data)) for name, data in puts.items()],
        *[(keys.chunk(run.id, *name), None) for name in drops],
    ]


def _own_functions(run: RunState) -> Any:
    """Functions of the workflow's that answer without being waited for, and values that all its functions share."""
    if run.handlers is None and not run.on_cancel and not run.session:
        return run.queries or None
    handlers = run.handlers or Handlers()
    own = [run.queries, handlers.updates, handlers.signals, run.on_cancel]
    return [*own, run.session] if run.session else own


def delete_checkpoint(run: RunState) -> list[Op]:
    """What removes the checkpoint of a run that is live."""
    chunks = run.chunks.names() if run.chunks is not None else ()
    return [(keys.checkpoint(run.id), None), *[(keys.chunk(run.id, *name), None) for name in chunks]]


def write_answers(run: RunState) -> list[Op]:
    """What a finished run's query handlers need to answer on; nothing if it has none.

    If that cannot be stored, the record says why: it is no reason for a run that has ended to fail.
    """
    if not run.queries:
        return []
    key = keys.answers(run.id)
    seen = [run.queries, run.session] if run.session else run.queries
    try:
        return [(key, seal_plain(key, [_VERSION, frames.snapshot(seen, run.externals), None]))]
    except WeftError as refusal:
        return [(key, seal_plain(key, [_VERSION, b"", str(refusal)]))]


def read_answers(run_id: str, data: bytes) -> bytes:
    """The snapshot of a finished run's query handlers. ``SnapshotError`` if it could not be taken."""
    key = keys.answers(run_id)
    values = unseal_plain(key, data)
    if len(values) != 3 or values[0] != _VERSION:
        raise CorruptRecordError(key=key, reason=f"answers of unknown version {values[:1]}")
    if values[2] is not None:
        raise SnapshotError(f"the query handlers of run {run_id!r} could not be stored when it ended: {values[2]}")
    body: bytes = values[1]
    return body


class CheckpointRecord(NamedTuple):
    """A checkpoint as far as it can be read without the author's code."""

    summary: list[Any]
    frames: bytes
    directory: list[Any]
    """Of what is kept in chunks; empty if nothing is."""

    def chunks(self, run_id: str, stored: Mapping[str, bytes]) -> codec.ChunkReader | None:
        """Reads the chunks among the ``stored`` records."""
        if not self.directory:
            return None

        def fetch(name: tuple[int, int]) -> bytes:
            key = keys.chunk(run_id, *name)
            if key not in stored:
                raise CorruptRecordError(key=key, reason="a chunk of a checkpoint is gone")
            return codec.unseal(key, stored[key])

        return codec.ChunkReader(self.directory, fetch)


def read_record(run_id: str, data: bytes) -> CheckpointRecord:
    """A checkpoint record, nothing of the author's decoded."""
    key = keys.checkpoint(run_id)
    values = unseal_plain(key, data)
    if len(values) not in (3, 4) or values[0] != _VERSION:
        raise CorruptRecordError(key=key, reason=f"a checkpoint of unknown version {values[:1]}")
    return CheckpointRecord(values[1], values[2], values[3] if len(values) == 4 else [])


def seal_record(run_id: str, record: CheckpointRecord) -> bytes:
    """The bytes of a checkpoint record that was read and changed."""
    directory = [record.directory] if record.directory else []
    return seal_plain(keys.checkpoint(run_id), [_VERSION, record.summary, record.frames, *directory])


def waits(summary: list[Any]) -> list[dict[str, Any]]:
    """What each task of a checkpoint waits for, for people: kind, name, step, task, perhaps attempt and deadline."""
    return [
        {"kind": kind, "name": label, "step": step, "task": id_, **_described(kind, wait)}
        for id_, _, step, kind, label, wait in summary[TASKS]
        if kind in HOOKS_BY_KIND
    ]


def _described(kind: str, wait: Any) -> dict[str, Any]:
    return HOOKS_BY_KIND[kind].describe(wait) if wait != UNBEGUN else {}


def fill_run(run: RunState, summary: list[Any], restored: list[Any]) -> None:
    """Fill ``run`` from its checkpoint: ``restored`` is the graph that :func:`write_checkpoint` wrote, its frames live,
    each suspended where it was."""
    graph = iter(restored)
    own = next(graph) or {}
    run.queries, updates, signals, run.on_cancel, *more = (own, {}, {}, []) if isinstance(own, dict) else own
    run.session = more[0] if more else {}
    run.handlers = Handlers(updates, signals) if updates or signals else None
    run.attentive = run.handlers is not None
    for id_, parent, step, kind, _, wait in summary[TASKS]:
        run.attentive = run.attentive or kind == WaitUntil.kind
        task = Task(id_, parent)
        task.op, task.frame = next(graph), next(graph)
        task.step, task.wait = step, wait if wait is not None else next(graph)
        run.tasks[id_] = task
    run.steps, run.completed, run.next_task = summary[STEPS], summary[COMPLETED], summary[NEXT_TASK]
    run.next_seq = max(summary[NEXT_SEQ], run.header.next_seq)
    run.mail_seq = max(summary[MAIL_SEQ], run.header.mail_seq)
    run.active, run.exposed = summary[ACTIVE], summary[EXPOSED]
    run.notes = notes_of(summary)


def notes_of(summary: list[Any]) -> dict[str, Any]:
    """The durable facts that few runs have; none for most."""
    notes: dict[str, Any] = summary[NOTES] if len(summary) > NOTES else {}
    return notes


def evict(run: RunState) -> None:
    """Drop the frames of a run from memory; none of the author's code runs."""
    prepared = [what for what in run.on_cancel if not isinstance(what, Operation)]
    frames.evict([*(t.frame for t in run.tasks.values()), *prepared], run.externals)
    run.tasks.clear()
    run.on_cancel.clear()
    run.session.clear()
    if run.chunks is not None:
        run.chunks.clear()
        run.chunks = None


def write_events(run_id: str, first_seq: int, at: int, events: list[Event]) -> tuple[str, bytes]:
    """Key and record of the events of one turn."""
    key = keys.log(run_id, first_seq)
    return key, seal_plain(key, [_VERSION, first_seq, at, events])


def written_at(key: str, data: bytes) -> int:
    """When the events of a turn were written (epoch ms)."""
    at: int = unseal_plain(key, data)[2]
    return at


def read_events(key: str, data: bytes) -> list[dict[str, Any]]:
    """The events of one turn as dicts with run_id, seq, at (epoch ms) and type."""
    _, first_seq, at, events = unseal_plain(key, data)
    run_id = key.split("/")[1]
    return [
        {"run_id": run_id, "seq": first_seq + i, "at": at, "type": type_, **fields}
        for i, (type_, fields) in enumerate(events)
    ]


def write_feed(position: int, committed: list[tuple[str, int, int, list[Event]]]) -> tuple[str, bytes]:
    """Key and record of where the events of one commit are: when they happened, and of each turn the run id, the first
    sequence number and how many there are."""
    key = keys.feed(position)
    row: list[Any] = [_VERSION, committed[0][2]]
    for run_id, first_seq, _, events in committed:
        row += (run_id, first_seq, len(events))
    return key, seal_plain(key, row)


def read_feed(key: str, data: bytes) -> tuple[int, list[tuple[str, int, int]]]:
    """When the events of one commit happened; (run id, first sequence number, count) of each turn, in their order."""
    row = unseal_plain(key, data)
    if len(row) < 2 or row[0] != _VERSION or len(row) % 3 != 2:
        raise CorruptRecordError(key=key, reason=f"a feed record of unknown version {row[:1]}")
    return row[1], list(zip(row[2::3], row[3::3], row[4::3], strict=True))
