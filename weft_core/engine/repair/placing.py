"""Forks and rewinds: a run that stands at a checkpoint again, as a new run or in place.

Both restore the checkpoint as it was, except that attempts begin anew. The first turn of what is restored takes up what
it waits for, so that all of it is one batch: timers, attempts, the mailbox, and the event that tells of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from weft_core import codec
from weft_core.engine.batch import Batch, Envelope
from weft_core.engine.repair.editing import PARKED, Change, edited
from weft_core.engine.repair.parts import RepairParts
from weft_core.engine.repair.standing import Standing, stood
from weft_core.engine.restoring import restore_run
from weft_core.errors import EditError, RunNotParkedError
from weft_core.machine import records
from weft_core.machine.life.beginning import ELSEWHERE
from weft_core.machine.mail import mail_row
from weft_core.machine.own_values import value_rows
from weft_core.machine.past import Mail, Past, named_chunks, put_back, read_past, set_moving_facts
from weft_core.machine.reviews import review_rows
from weft_core.model import keys
from weft_core.model.messages import Forked, Rewound
from weft_core.model.operations import Acquire, StartLater
from weft_core.model.run import STOPPED, UNBEGUN, BufferedSignal, RunHeader, RunState
from weft_core.ports import Op, Row

_OF_OTHERS = ("holds", "granted", "watchers", "children", "await", "forming")
"""Notes of what others know of a run."""
_REVIVED = frozenset({"failed", "cancelled", "timed_out", "terminated"})


@dataclass(frozen=True, slots=True)
class Fork:
    """The order to make a run that stands where another one stood. A job of the pump."""

    parts: RepairParts
    source: str
    at: int | None
    run_id: str
    retained: Callable[[RunHeader], int]
    idempotency_key: str | None = None
    edit: Change | None = None
    rows: list[Op] = field(default_factory=list)
    """Written in the same batch."""

    async def __call__(self, batch: Batch, now: int) -> Envelope:
        parts, source = self.parts, await self.parts.header(self.source)
        standing = await stood(parts.storage, source, self.at)
        if ELSEWHERE in records.notes_of(standing.record.summary):
            raise EditError(
                run_id=self.source, reason="it has not begun, and is to begin on a server; start another one"
            )
        parts.live.services.share(self.source, self.run_id)
        run = await parts.live.prepare(self._header(source, standing, now))
        record, chunks, changes = put_back(standing.record), self._moved(standing), None
        if self.edit is not None:
            record, changes = edited(run, record, chunks, parts.registry, self.edit)
            chunks = {}
        restore_run(run, record, chunks, parts.registry)
        run.next_seq, run.active = 1, False
        await parts.live.watch_log(run)
        # What others know of the run they know of the other one: who waits for its end, its locks, its updates.
        run.notes = {name: note for name, note in run.notes.items() if name not in _OF_OTHERS}
        if standing.mail.owed:
            run.notes["answered"] = [*run.notes.get("answered", ()), *sorted(standing.mail.owed)]
        if "state" in source.kept:  # as it is now: what it was then nobody knows
            run.header.kept, run.values = ["state"], await parts.live.read_values(source.id)
        lying = [s for seq, s in sorted(standing.mail.lying.items()) if s.update_id is None]
        run.mailbox.extend(s for s in lying if s.seq <= standing.accepted)
        run.mail_seq = max(run.mail_seq, standing.accepted)
        mail = [mail_row(self.run_id, signal) for signal in run.mailbox]
        rows = [*self.rows, *chunks.items(), *mail, *value_rows(run)]
        return Envelope(self.run_id, Forked(self.source, standing.step, changes), new=run, extra=rows)

    def _header(self, source: RunHeader, standing: Standing, now: int) -> RunHeader:
        """It leads a life of its own: no parent waits for it, and it has no execution timeout."""
        pending = standing.record.summary[records.TASKS][0][3] == StartLater.kind
        header = RunHeader(
            id=self.run_id, workflow=source.workflow, version=source.version,
            status="pending" if pending else "running", created_at=now, updated_at=now, input=source.input,
            idempotency_key=self.idempotency_key, tags=[*source.tags], headers={**source.headers},
            has_services=source.has_services, lineage={"forked_from": source.id, "at": standing.step},
            retain=self.retained(source),
        )  # fmt: skip
        set_moving_facts(header, standing.facts)
        return header

    def _moved(self, standing: Standing) -> dict[str, bytes]:
        """The chunks of the checkpoint as the new run's own."""
        found = {}
        for key in named_chunks(self.source, standing.record.directory) & standing.now.chunks.keys():
            to = keys.chunk(self.run_id, *keys.parse_chunk(key))
            found[to] = codec.seal(to, codec.unseal(key, standing.now.chunks[key]))
        return found


@dataclass(frozen=True, slots=True)
class Rewind:
    """The order to put a run back to a checkpoint. A job of the pump."""

    parts: RepairParts
    run_id: str
    to: int
    reason: str | None
    by: str | None

    async def __call__(self, batch: Batch, now: int) -> Envelope:
        parts, header = self.parts, await self.parts.header(self.run_id)
        self._check(header)
        standing = await stood(parts.storage, header, self.to)
        present = standing.now
        from_step = present.step if present.step is not None else header.steps
        places = present.checkpoint.summary[records.TASKS] if present.checkpoint is not None else []
        rewound = Rewound(
            header.status, from_step, self.to, [place[2] for place in places], _unwanted(header, standing),
            [step for step, _, _ in present.reviews], self.reason, self.by,
        )  # fmt: skip
        rows, before = _undone(header, standing, now), replace(header)
        _bring_back(header, standing, now)
        run = await self._restored(header, standing)
        parts.live.drop(self.run_id)
        if before.status in STOPPED:
            await parts.call_again(self.run_id)
        parts.revived(before)
        return Envelope(self.run_id, rewound, new=run, extra=rows)

    def _check(self, header: RunHeader) -> None:
        if header.status not in _REVIVED | PARKED:
            remedy = (
                "its result may have been used; fork it" if header.finished_at is not None
                else "suspend it first: engine.suspend(run_id)"
            )  # fmt: skip
            raise RunNotParkedError(run_id=header.id, status=header.status, action="a rewind", remedy=remedy)
        if header.status in _REVIVED and header.parent:
            raise RunNotParkedError(
                run_id=header.id, status=header.status, action="a rewind",
                remedy=f"its parent {header.parent[0]!r} has been told of its end; fork it, or rewind the parent",
            )  # fmt: skip

    async def _restored(self, header: RunHeader, standing: Standing) -> RunState:
        parts, mail = self.parts, standing.mail
        run = await parts.live.prepare(header)
        restore_run(run, put_back(standing.record, standing.highest), standing.now.chunks, parts.registry)
        await parts.live.watch_log(run)
        run.active = await parts.storage.has(keys.active(self.run_id))
        run.notes = _notes(standing)
        lying, owed = _to_be_had(mail)
        run.mailbox.extend(lying)
        run.unanswered = {s.update_id: s for s in owed if s.update_id is not None}
        if header.retain:
            in_chunks = run.chunks.size if run.chunks is not None else 0
            run.past = Past.of(header, standing.data, in_chunks, _earlier(standing))
            run.past.name_anew(run)
        return run


def _bring_back(header: RunHeader, standing: Standing, now: int) -> None:
    """What the run's record says of where it stands, and of an end that it has not come to any more."""
    set_moving_facts(header, standing.facts)
    checkpoint = standing.now.checkpoint
    if checkpoint is not None:
        header.next_seq = max(header.next_seq, checkpoint.summary[records.NEXT_SEQ])
        header.mail_seq = max(header.mail_seq, checkpoint.summary[records.MAIL_SEQ])
    header.mail_seq = max([header.mail_seq, *standing.mail.lying])
    header.status, header.error = "suspended", None
    header.generation += 1
    header.finished_at, header.result, header.exposed, header.ends_as = None, None, {}, "cancelled"
    header.was = "running"
    if header.deadline <= now:
        header.deadline = 0


def _to_be_had(mail: Mail) -> tuple[list[BufferedSignal], list[BufferedSignal]]:
    """What lies in the mailbox of a run that was put back, and the updates that it owes an answer."""
    lying = [s for seq, s in sorted(mail.lying.items()) if s.update_id not in mail.answered]
    return lying, [s for s in mail.owed.values() if s.update_id not in mail.answered]


def _notes(standing: Standing) -> dict[str, Any]:
    """What others know of the run: who waits for its end does so still; of its locks it has those that it had then and
    has now."""
    then = records.notes_of(standing.record.summary)
    summary = standing.now.checkpoint.summary if standing.now.checkpoint is not None else None
    now, held = (records.notes_of(summary), _held(summary)) if summary is not None else ({}, [])
    answered = [*then.get("answered", ()), *sorted(standing.mail.answered & standing.mail.owed.keys())]
    notes = {
        **then, "holds": [place for place in _held(standing.record.summary) if place in held] + _admitted(now),
        "watchers": now.get("watchers"), "children": then.get("children") or now.get("children"), "answered": answered,
    }  # fmt: skip
    return {name: value for name, value in notes.items() if value and name != "forming"}


def _unwanted(header: RunHeader, standing: Standing) -> list[tuple[str, list[Any]]]:
    """Requests to the locks that it has, or waits for, and had not then."""
    if standing.now.checkpoint is None:
        return []
    summary = standing.now.checkpoint.summary
    then = _held(standing.record.summary)
    held = [place for place in records.notes_of(summary).get("holds", ()) if place not in then]
    held = [place for place in held if place.startswith("lock/")]
    asks: list[tuple[str, list[Any]]] = [(place.partition("/")[2], ["gone"]) for place in dict.fromkeys(held)]
    waiting = [place for place in summary[records.TASKS] if place[3] == Acquire.kind]
    return asks + [(name, ["forget", task, header.address(step)]) for task, _, step, _, name, _ in waiting]


def _held(summary: list[Any]) -> list[str]:
    """The locks that a run had, without those that it was still waiting for."""
    held = [place for place in records.notes_of(summary).get("holds", ()) if place.startswith("lock/")]
    for _, _, _, kind, name, wait in summary[records.TASKS]:
        if kind == Acquire.kind and wait != UNBEGUN and f"lock/{name}" in held:
            held.remove(f"lock/{name}")
    return held


def _admitted(notes: dict[str, Any]) -> list[str]:
    """It still counts as one of the runs of its workflow that go on."""
    return [place for place in notes.get("holds", ()) if place.startswith("admission/")]


def _undone(header: RunHeader, standing: Standing, now: int) -> list[Op]:
    """What goes away with the steps that are undone, and what is in the mailbox again."""
    run_id, earlier, present = header.id, _earlier(standing), standing.now
    named = named_chunks(run_id, standing.record.directory)
    for row in earlier:
        named |= named_chunks(run_id, read_past(*row).read(run_id).directory)
    gone = [key for key, _ in present.past[len(earlier) :]] + [key for key in present.chunks if key not in named]
    gone += [*present.timers, *present.tokens]
    if 0 < header.deadline <= now:  # it has none from here on
        gone.append(keys.timer(header.deadline, run_id, *keys.WHOLE_RUN))
    if header.finished_at is not None:
        gone.append(keys.ended(header.workflow, header.status, header.finished_at, run_id))
        gone.append(keys.answers(run_id))
    gone += [keys.mail(run_id, signal.seq) for signal in present.mail]
    ops: list[Op] = [(key, None) for key in gone]
    for step, review, artifact in present.reviews:
        review.status, review.at = "cancelled", now
        ops += review_rows(run_id, step, review, artifact)
    lying, owed = _to_be_had(standing.mail)
    return ops + [mail_row(run_id, signal) for signal in [*lying, *owed]]


def _earlier(standing: Standing) -> list[Row]:
    return [row for row in standing.now.past if keys.parse_past(row[0]) < standing.step]
