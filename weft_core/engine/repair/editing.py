"""Edits: variables of a run that stands still, changed in its checkpoint as a migration changes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from weft_core import codec, frames
from weft_core.engine.batch import Batch
from weft_core.engine.patience import scan_all
from weft_core.engine.registry import Registry
from weft_core.engine.repair.parts import RepairParts
from weft_core.engine.restoring import restore_run, stored_tasks
from weft_core.errors import CorruptRecordError, EditError, PayloadTooLargeError, RunNotParkedError
from weft_core.machine import records
from weft_core.machine.past import Past, named_chunks, read_past
from weft_core.machine.records import CheckpointRecord
from weft_core.model import keys
from weft_core.model.run import RunHeader, RunState
from weft_core.ports import Row
from weft_core.workflow import StoredRun

Change = Callable[[StoredRun], None]
PARKED = frozenset({"suspended", "held", "dead", "needs_attention"})
_MAX_TOLD = 2_000
"""Bytes of a value that its event keeps."""
_NAME = re.compile(r"(?:branch\[(\d+)\]\.)?(?:frame\[(\d+)\]\.)?(\w+)")


def assigning(run_id: str, values: Mapping[str, Any]) -> Change:
    """The change that gives variables these values: ``total`` of the workflow itself, ``frame[1].total`` of the helper
    it awaits, ``branch[0].total`` and ``branch[0].frame[1].total`` of a branch."""

    def change(run: StoredRun) -> None:
        for name, value in values.items():
            found = _locals(run, name)
            if found is None:
                there = ", ".join(sorted(name for name, _ in _variables(run))) or "none"
                raise EditError(run_id=run_id, reason=f"there is no variable {name!r} at its checkpoint; there are: "
                                f"{there}", variable=name)  # fmt: skip
            variables, key = found
            variables[key] = value

    return change


def _locals(run: StoredRun, name: str) -> tuple[dict[str, Any], str] | None:
    parsed = _NAME.fullmatch(name)
    if parsed is None:
        return None
    branch, frame, variable = parsed.groups()
    stacks = run.branches[int(branch) :][:1] if branch is not None else [run.frames]
    found = stacks[0][int(frame or 0) :][:1] if stacks else []
    return (found[0].locals, variable) if found and variable in found[0].locals else None


def _variables(run: StoredRun) -> Iterator[tuple[str, Any]]:
    """Every variable by its full name."""
    for where, stack in [("", run.frames), *[(f"branch[{i}].", stack) for i, stack in enumerate(run.branches)]]:
        for i, frame in enumerate(stack):
            prefix = f"{where}frame[{i}]." if i else where
            yield from ((f"{prefix}{name}", value) for name, value in frame.locals.items())


def edited(
    run: RunState, record: CheckpointRecord, chunks: Mapping[str, bytes], registry: Registry, change: Change
) -> tuple[CheckpointRecord, list[dict[str, Any]]]:
    """The checkpoint that ``change`` makes of this one, and what it changed: ``{name, old, new}``, encoded.

    Raises ``EditError``, ``NotSerializableError``, ``CodeChangedError``, and what ``change`` raises.
    """
    changes: list[dict[str, Any]] = []

    def apply(root: list[Any]) -> None:
        op, frame, branches = stored_tasks(record.summary, root)
        header = run.header
        code = frame.place.hash if frame.place is not None else ""
        facts = {
            "id": header.id, "workflow": header.workflow, "version": header.version, "to_version": header.version,
            "code": code,
        }  # fmt: skip
        stored = StoredRun(facts, run.ctx, registry.functions, frame, op, branches)
        before = {name: _told(run, value) for name, value in _variables(stored)}
        change(stored)
        if stored.instead is not None:
            raise EditError(run_id=header.id, reason="an edit changes variables; to answer what the run waits for, "
                            "use engine.skip, to begin something else a migration")  # fmt: skip
        after = {name: _told(run, value) for name, value in _variables(stored)}
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                changes.append({"name": name, "old": _bounded(before.get(name)), "new": _bounded(after.get(name))})

    body = frames.rewrite(record.frames, run.externals, registry.functions, apply, record.chunks(run.id, chunks))
    return record._replace(frames=body, directory=[]), changes


def _told(run: RunState, value: Any) -> bytes:
    """A value for the event log."""
    try:
        return codec.dumps(value, externals=run.externals)
    except Exception:  # a suspended function, say, or an author's own state
        return codec.dumps(f"({type(value).__name__})")


def _bounded(data: bytes | None) -> bytes | None:
    return data if data is None or len(data) <= _MAX_TOLD else codec.dumps(f"({len(data):,} bytes)")


@dataclass(frozen=True, slots=True)
class Edit:
    """The order to change a run at its checkpoint. A job of the pump."""

    parts: RepairParts
    run_id: str
    change: Change
    reason: str | None
    by: str | None

    async def __call__(self, batch: Batch, now: int) -> None:
        parts, header = self.parts, await self.parts.header(self.run_id)
        if header.status not in PARKED:
            remedy = (
                "fork one of its checkpoints with edit=" if header.finished_at is not None
                else "suspend it first: engine.suspend(run_id)"
            )  # fmt: skip
            raise RunNotParkedError(run_id=header.id, status=header.status, action="an edit", remedy=remedy)
        key = keys.checkpoint(self.run_id)
        data = await parts.storage.get(key)
        if data is None:
            raise CorruptRecordError(key=key, reason="it is gone")
        old = records.read_record(self.run_id, data)
        chunks = dict(await scan_all(parts.storage, keys.chunk_prefix(self.run_id)))
        past = await scan_all(parts.storage, keys.past_prefix(self.run_id))
        run = await parts.live.prepare(header)
        record, changes = edited(run, old, chunks, parts.registry, self.change)
        header.next_seq = max(header.next_seq, old.summary[records.NEXT_SEQ])
        header.mail_seq = max(header.mail_seq, old.summary[records.MAIL_SEQ])
        record.summary[records.NEXT_SEQ], record.summary[records.UPDATED_AT] = header.next_seq + 1, now
        written = records.seal_record(self.run_id, record)
        self._check_size(written)
        restore_run(run, record, {}, parts.registry)  # refused here, if it could not be resumed
        batch.stopped.add(self.run_id)
        batch.ops.append((key, written))
        batch.ops += [(chunk, None) for chunk in chunks if chunk not in _retained(self.run_id, past)]
        parts.event("run_edited", header, batch, now, changes=changes, reason=self.reason, by=self.by)
        await self._swap(run, header, written, past)

    def _check_size(self, record: bytes) -> None:
        limit = self.parts.limits.max_checkpoint_bytes
        if len(record) > limit:
            raise PayloadTooLargeError(what="the checkpoint", actual=len(record), limit=limit)

    async def _swap(self, run: RunState, header: RunHeader, written: bytes, past: list[Row]) -> None:
        """A suspended run is in memory, with attempts that go on: the edited one takes its place there."""
        live = self.parts.live
        if header.id not in live:
            records.evict(run)
            return
        run.next_seq, run.mail_seq = header.next_seq, header.mail_seq
        mail = await live.read_mailbox(header.id)
        run.mailbox.extend(s for s in mail if not s.taken)
        run.unanswered = {s.update_id: s for s in mail if s.taken and s.update_id is not None}
        await live.watch_log(run)
        if header.retain:
            run.past = Past.of(header, written, 0, past)
            run.past.name_anew(run)
        live.drop(header.id)
        live.keep(run)


def _retained(run_id: str, rows: list[Row]) -> set[str]:
    """Chunks that retained checkpoints name."""
    named: set[str] = set()
    for row in rows:
        named |= named_chunks(run_id, read_past(*row).read(run_id).directory)
    return named
