"""A run comes in: checked as if its sender were an enemy, then owned in one batch, then taken up.

What it holds, every local of its frames, is input of a user. The codec makes nothing of it but the types that this
program has registered, and its code must be the code that is registered here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from weft_core import codec
from weft_core.engine.batch import Batch
from weft_core.engine.handoff.leaving import catch_up, open_review, remains
from weft_core.engine.handoff.parts import HandoffParts
from weft_core.engine.registry import Registry
from weft_core.engine.restoring import restore_run
from weft_core.errors import (
    EngineError,
    EnvelopeDamagedError,
    HandoffRefusedError,
    StorageError,
    WorkflowNotRegisteredError,
)
from weft_core.machine import handoffs, records
from weft_core.machine.handoffs import Handoff
from weft_core.machine.mail import read_mail
from weft_core.machine.sealed import unseal_plain
from weft_core.machine.travel import Traveller
from weft_core.model import keys
from weft_core.model.run import AWAY, RunHeader
from weft_core.ports import Op


@dataclass(slots=True)
class Receive:
    """The order to own a run. A job of the pump; ``answer`` is what its sender is told, always the same for the same
    handoff: ``accepted``, ``refused`` (it never was here and never will be) or ``conflict`` (a later one has been)."""

    parts: HandoffParts
    run: Traveller
    fetched_from: str = ""
    """The engine that was asked for it, and waits to hear that it is here."""
    answer: str = ""
    reason: str = ""

    async def __call__(self, batch: Batch, now: int) -> None:
        parts, run = self.parts, self.run
        known, present = await parts.handoff(run.run_id), await parts.find(run.run_id)
        self.answer = _known(known, present, run)
        if self.answer:
            self.reason = known.why if known is not None else ""
            return
        try:
            ops = await self._taken_in(present, now)
        except (StorageError, EngineError):
            raise
        except (Exception, SystemExit) as refusal:  # whatever hostile bytes have brought about
            self._refuse(known, present, batch, str(refusal) or type(refusal).__name__)
            return
        batch.ops += ops
        batch.stopped.add(run.run_id)
        parts.live.drop(run.run_id)
        self.answer = "accepted"

    def _refuse(self, known: Handoff | None, present: RunHeader | None, batch: Batch, reason: str) -> None:
        """For ever: its sender takes it back on this answer, so the same envelope must not be accepted later."""
        run = self.run
        if known is None:
            state, moves = ("refused", run.moves) if present is None else ("owned", present.moves)
            known = Handoff(run.handoff_id, moves, state)  # type: ignore[arg-type]
        elif known.state == "refused":
            known.moves = max(known.moves, run.moves)
        known.refuse(run.handoff_id)
        known.why = self.reason = reason[:500]
        batch.ops += handoffs.write(run.run_id, known)
        self.answer = "refused"

    async def _taken_in(self, present: RunHeader | None, now: int) -> list[Op]:
        parts, run = self.parts, self.run
        header = self._header()
        if present is not None and not _is_the_same(header, present):
            raise HandoffRefusedError(run_id=run.run_id, reason="there is another run with this id")
        self._check_code()
        summary = self._restorable(header)
        rows = self._rows(header)
        ops = await self._idempotency(header)
        if present is not None:
            ops += [op for op in await remains(parts, run.run_id, frozenset()) if op[0] not in rows]
        header.indexed = present.indexed if present is not None else ()
        ops += rows.items()
        for name in rows:
            ops += open_review(name, rows[name], b"") if name.startswith(keys.REVIEWS) else []
        ops += [(key, b"") for key in handoffs.timers(header, summary)]
        catch_up(header, summary)
        header.status, header.error, header.away = "suspended", None, ""
        header.epoch, header.code = parts.epoch, None
        told = [run.handoff_id, run.moves, header.origin, "", None]
        handoff = Handoff(
            run.handoff_id, run.moves, "arriving", self.fetched_from, run.goes_on, now, told,
            owes=bool(self.fetched_from), stays=bool(self.fetched_from), came=run.handoff_id,
        )  # fmt: skip
        return [*ops, *records.write_run(header), *handoffs.write(run.run_id, handoff)]

    def _header(self) -> RunHeader:
        run = self.run
        header = records.read_header(run.run_id, run.rows.get("run", b""))
        known = (header.id, header.workflow, header.version, header.moves, header.status)
        if known != (run.run_id, run.workflow, run.version, run.moves, "transferring"):
            raise EnvelopeDamagedError(reason="its record is of another run than its head")
        if not isinstance(header.origin, str) or not header.origin or header.finished_at is not None:
            raise EnvelopeDamagedError(reason="its record is not that of a run on its way")
        if header.parent or header.has_services or (header.retain and header.retain > 10_000):
            raise HandoffRefusedError(run_id=run.run_id, reason="it depends on others where it comes from")
        return header

    def _check_code(self) -> None:
        run = self.run
        reason = misfit(self.parts.registry, run.workflow, run.version, run.code)
        if reason:
            raise HandoffRefusedError(run_id=run.run_id, reason=reason)

    def _restorable(self, header: RunHeader) -> list[object]:
        """The summary of its checkpoint, which can be resumed here."""
        parts, run = self.parts, self.run
        record = records.read_record(run.run_id, run.rows.get("ckpt", b""))
        chunks = {run.key(name): data for name, data in run.rows.items() if name.startswith("chunk/")}
        blank = parts.live.blank(replace(header, retain=0))
        restore_run(blank, record, chunks, parts.registry)
        busy, reason = handoffs.is_busy(record.summary), handoffs.obstacle(header, blank.notes)
        records.evict(blank)
        if busy or reason is not None or record.summary[records.ACTIVE]:
            raise HandoffRefusedError(run_id=run.run_id, reason=reason or "something of it is under way elsewhere")
        summary: list[object] = record.summary
        return summary

    def _rows(self, header: RunHeader) -> dict[str, bytes]:
        """Its records by their keys here, each of them whole."""
        rows = {}
        for name, data in self.run.rows.items():
            key = self.run.key(name)
            kind = name.partition("/")[0]
            if kind in ("run", "idem"):
                continue
            if kind == "log":
                first = records.read_events(key, data)[0]["seq"]
                if key != keys.log(header.id, first):
                    raise EnvelopeDamagedError(reason=f"{name} holds other events")
            elif kind == "mail":
                read_mail(key, data)
            elif kind != "mail-id":
                codec.unseal(key, data)
            rows[key] = data
        return rows

    async def _idempotency(self, header: RunHeader) -> list[Op]:
        if header.idempotency_key is None:
            return []
        key = keys.idempotency(header.idempotency_key)
        stored, given = await self.parts.reads.get(key), self.run.rows.get("idem", b"")
        if unseal_plain(key, given)[0] != header.id:
            raise EnvelopeDamagedError(reason="its idempotency key is of another run")
        if stored is not None and unseal_plain(key, stored)[0] != header.id:
            reason = f"its idempotency key {header.idempotency_key!r} belongs to another run here"
            raise HandoffRefusedError(run_id=header.id, reason=reason)
        return [] if stored is not None else [(key, given)]


def misfit(registry: Registry, workflow: str, version: str, code: str) -> str:
    """Why runs of a workflow whose code has this fingerprint are refused here; empty: they are not."""
    try:
        known = registry.version(workflow, version)
    except WorkflowNotRegisteredError as missing:
        return str(missing)
    if not known.portable:
        return f"workflow {workflow} is not declared with portable=True here"
    return "" if known.code == code else f"the code of {workflow} {version} is {known.code} here, and {code} there"


def _known(known: Handoff | None, present: RunHeader | None, run: Traveller) -> str:
    """The answer, if the handoff or a later one is known."""
    if known is not None and run.handoff_id in known.refused:
        return "refused"
    if known is not None and run.handoff_id == known.id and known.state != "refused":
        return "accepted" if known.state not in ("parking", "sending", "asking") else "refused"  # to itself
    moves = max(known.moves if known is not None else 0, present.moves if present is not None else 0)
    if moves < run.moves:
        return ""
    return "refused" if present is None and known is not None and known.state == "refused" else "conflict"


def _is_the_same(header: RunHeader, present: RunHeader) -> bool:
    """What is here is a copy of the run that comes."""
    return present.status in AWAY and (present.origin, present.created_at) == (header.origin, header.created_at)
