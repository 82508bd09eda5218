"""Where a run stood at one of its checkpoints, read from the store."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from weft_core.engine.patience import PatientReads, scan_all
from weft_core.errors import CheckpointNotFoundError, CodecError, EditError
from weft_core.machine import records, scopes
from weft_core.machine.mail import read_mail
from weft_core.machine.past import Mail, PastRecord, moving_facts, read_past
from weft_core.machine.records import CheckpointRecord
from weft_core.machine.reviews import ReviewRecord, read_review
from weft_core.model import keys
from weft_core.model.operations import JoinChildren
from weft_core.model.run import BufferedSignal, RunHeader
from weft_core.ports import Row


@dataclass(frozen=True, slots=True)
class Present:
    """All that is stored of a run beside its record and its log."""

    data: bytes | None
    checkpoint: CheckpointRecord | None
    """None for a finished run, or if it cannot be read."""
    past: list[Row]
    """Its retained checkpoints, oldest first."""
    chunks: dict[str, bytes]
    mail: list[BufferedSignal]
    tokens: list[str]
    reviews: list[tuple[int, ReviewRecord, bytes]]
    """Those that are open: step, record, artifact."""
    timers: list[str]
    """Keys of the timers of what it waits for."""

    @property
    def step(self) -> int | None:
        return self.checkpoint.summary[records.COMPLETED] if self.checkpoint is not None else None


@dataclass(frozen=True, slots=True)
class Standing:
    """A run at one of its checkpoints, and what has become of it since."""

    step: int
    data: bytes
    """The checkpoint record."""
    record: CheckpointRecord
    facts: dict[str, Any]
    """What its header had then."""
    mail: Mail
    """What it had of messages then, and what has come since."""
    accepted: int
    """The number of the last message that had been accepted then."""
    highest: int
    """The last step number that it has given by now."""
    now: Present


async def look(storage: PatientReads, header: RunHeader) -> Present:
    """Read it, while nothing changes it."""
    run_id = header.id
    data = await storage.get(keys.checkpoint(run_id))
    checkpoint = None
    if data is not None:
        try:
            checkpoint = records.read_record(run_id, data)
        except CodecError:
            checkpoint = None
    return Present(
        data, checkpoint, await scan_all(storage, keys.past_prefix(run_id)),
        dict(await scan_all(storage, keys.chunk_prefix(run_id))),
        [read_mail(*row) for row in await scan_all(storage, keys.mail_prefix(run_id))],
        [key for key, _ in await scan_all(storage, keys.token_prefix(run_id))],
        _open_reviews(await scan_all(storage, keys.review_prefix(run_id))),
        await _timers(storage, header, checkpoint),
    )  # fmt: skip


def _open_reviews(rows: Sequence[Row]) -> list[tuple[int, ReviewRecord, bytes]]:
    found = []
    for key, data in rows:
        with contextlib.suppress(CodecError):
            record, artifact = read_review(key, data)
            if record.status == "pending":
                found.append((keys.parse_review(key)[1], record, artifact))
    return found


async def stood(storage: PatientReads, header: RunHeader, at: int | None) -> Standing:
    """The run at the checkpoint of step ``at``; None: the latest there is. ``CheckpointNotFoundError``."""
    standing = await _stood(storage, header, at)
    if any(place[3] == JoinChildren.kind for place in standing.record.summary[records.TASKS]):
        reason = f"at step {standing.step} its body was over, and it waited for its children; choose an earlier step"
        raise EditError(run_id=header.id, reason=reason)
    return standing


async def _stood(storage: PatientReads, header: RunHeader, at: int | None) -> Standing:
    now = await look(storage, header)
    steps = [keys.parse_past(key) for key, _ in now.past]
    if at is None:
        at = now.step if now.step is not None else steps[-1] if steps else None
    since = _since(now.past, at)
    lying = {s.seq: s for s in now.mail if not s.taken}
    mail = Mail(lying, {s.update_id: s for s in now.mail if s.taken and s.update_id is not None})
    for past in since:
        mail.undo(past.deeds)
    highest = max([now.checkpoint.summary[records.STEPS] if now.checkpoint else 0, *[past.highest for past in since]])
    if at is not None and now.checkpoint is not None and now.data is not None and at == now.step:
        accepted = max(mail.lying, default=0)
        return Standing(at, now.data, now.checkpoint, moving_facts(header), mail, accepted, highest, now)
    if at is None or at not in steps:
        there = steps if now.step is None else [*steps, now.step]
        raise CheckpointNotFoundError(run_id=header.id, step=at, retained=there)
    past = read_past(*now.past[steps.index(at)])
    record = past.read(header.id)
    accepted = record.summary[records.MAIL_SEQ]
    return Standing(at, past.checkpoint, record, past.facts, mail, accepted, highest, now)


def _since(rows: Sequence[Row], at: int | None) -> list[PastRecord]:
    """The retained checkpoints from ``at`` on that can be read, newest first."""
    found = []
    for key, data in reversed(rows):
        if at is not None and keys.parse_past(key) >= at:
            try:
                found.append(read_past(key, data))
            except CodecError:
                continue
    return found


async def _timers(storage: PatientReads, header: RunHeader, checkpoint: CheckpointRecord | None) -> list[str]:
    if checkpoint is not None:
        waits = [wait for wait in records.waits(checkpoint.summary) if wait.get("deadline")]
        timers = [keys.timer(wait["deadline"], header.id, wait["task"], wait["step"]) for wait in waits]
        running = scopes.running(records.notes_of(checkpoint.summary))
        return timers + [scopes.timer(header.id, scope) for scope in running]
    if header.finished_at is not None:
        return []
    # Its checkpoint is damaged, which is rare enough to look through all timers.
    return [key for key, _ in await scan_all(storage, keys.TIMERS) if f"/{header.id}/" in key]
