"""A run leaves: parked for good, kept as a mirror when the other engine has it, or taken back."""

from __future__ import annotations

from dataclasses import dataclass, replace

from weft_core.engine.batch import Batch
from weft_core.engine.handoff.parts import HandoffParts
from weft_core.engine.patience import scan_all
from weft_core.engine.repair.parts import RepairParts
from weft_core.errors import CodecError, RunError, WeftError
from weft_core.machine import handoffs, records
from weft_core.machine.handoffs import Handoff
from weft_core.machine.reviews import read_review
from weft_core.model import keys
from weft_core.model.run import RunHeader
from weft_core.ports import Op


@dataclass(slots=True)
class Park:
    """The order to let go of a suspended run once nothing of it is in flight. A job of the pump."""

    parts: HandoffParts
    run_id: str
    url: str = ""
    """Where it goes, if not where it was to go."""
    obstacle: str | None = None
    """Why it cannot leave at all."""
    parked: bool = False

    async def __call__(self, batch: Batch, now: int) -> None:
        parts, handoff = self.parts, await self.parts.handoff(self.run_id)
        header = await parts.find(self.run_id)
        if handoff is None or handoff.state != "parking":
            return
        if header is None or header.status != "suspended":
            self.obstacle = f"it is {header.status if header is not None else 'gone'}, and not parked any more"
            return
        summary = await parts.summary(self.run_id)
        if summary is None or handoffs.is_busy(summary):
            return
        self.obstacle = await self._obstacle(header, handoff, summary)
        if self.obstacle is None:
            self._leave(header, handoff, summary, batch, now)

    async def _obstacle(self, header: RunHeader, handoff: Handoff, summary: list[object]) -> str | None:
        reason = handoffs.obstacle(header, records.notes_of(summary))
        if reason is not None:
            return reason
        try:
            run = await self.parts.traveller(header, handoff)
        except (RunError, CodecError) as missing:
            return str(missing)
        size, limit = sum(map(len, run.rows.values())) + 64 * len(run.rows), self.parts.limits.max_handoff_bytes
        return f"its records are {size:,} bytes, more than the {limit:,} allowed" if size > limit else None

    def _leave(self, header: RunHeader, handoff: Handoff, summary: list[object], batch: Batch, now: int) -> None:
        timers = handoffs.timers(header, summary)
        catch_up(header, summary)
        header.status, header.moves, header.epoch = "transferring", header.moves + 1, self.parts.epoch
        header.origin = header.origin or self.parts.store_id
        url = self.url or handoff.url
        handoff = replace(handoff, state="sending", url=url, moves=header.moves, at=now, why="")
        RepairParts.event(
            "run_handed_off", header, batch, now, url=url, handoff_id=handoff.id, moves=handoff.moves
        )  # fmt: skip
        batch.ops += [(key, None) for key in timers]
        batch.ops += handoffs.write(header.id, handoff)
        batch.stopped.add(header.id)
        self.parts.live.drop(header.id)
        self.parked = True


@dataclass(slots=True)
class TakeBack:
    """The order to own a run again that is not there: the other engine has said so. A job of the pump."""

    parts: HandoffParts
    run_id: str
    handoff_id: str
    reason: str
    after: int = 0
    """It gets a higher number than this one."""
    stays: bool = False
    """Its placement moves it no more."""

    async def __call__(self, batch: Batch, now: int) -> None:
        parts, handoff = self.parts, await self.parts.handoff(self.run_id)
        if handoff is None or handoff.id != self.handoff_id or handoff.state not in ("sending", "asking", "doubted"):
            return
        header, summary = await parts.header(self.run_id), await parts.summary(self.run_id)
        if summary is None:
            return  # a mirror, of which there is nothing to go on with
        header.status, header.moves, header.epoch = "suspended", max(header.moves, self.after) + 1, parts.epoch
        told = [handoff.id, header.moves, header.origin, handoff.url, self.reason]
        batch.ops += [(key, b"") for key in handoffs.timers(header, summary)]
        batch.ops += records.write_run(header)
        taken = replace(
            handoff, state="arriving", moves=header.moves, at=now, tell=told, why=self.reason, back="",
            tries=handoff.tries + 1, stays=handoff.stays or self.stays,
        )  # fmt: skip
        batch.ops += handoffs.write(self.run_id, taken)
        batch.stopped.add(self.run_id)


@dataclass(slots=True)
class Gone:
    """The order to keep no more of a run than its record and its log: another engine has it. A job of the pump."""

    parts: HandoffParts
    run_id: str
    handoff_id: str
    owner: str
    why: str = ""

    async def __call__(self, batch: Batch, now: int) -> None:
        parts, handoff = self.parts, await self.parts.handoff(self.run_id)
        if handoff is None or handoff.id != self.handoff_id or handoff.state not in ("sending", "asking", "doubted"):
            return
        header = await parts.header(self.run_id)
        batch.ops += await remains(parts, self.run_id)
        header.status, header.away, header.epoch, header.updated_at = "moved", self.owner, parts.epoch, now
        header.kept, header.retain = [], 0
        batch.ops += records.write_run(header)
        moved = replace(handoff, state="moved", at=now, why=self.why, back="", from_sending=False)
        batch.ops += handoffs.write(self.run_id, moved)
        batch.stopped.add(self.run_id)


def catch_up(header: RunHeader, summary: list[object]) -> None:
    """The record tells what the checkpoint knows better: that of a mirror has no checkpoint."""
    facts: list[int] = summary  # type: ignore[assignment]
    header.next_seq = max(header.next_seq, facts[records.NEXT_SEQ])
    header.mail_seq = max(header.mail_seq, facts[records.MAIL_SEQ])
    header.steps = facts[records.COMPLETED]


async def remains(parts: HandoffParts, run_id: str, but: frozenset[str] = frozenset({"log"})) -> list[Op]:
    """What removes the records of a run, ``but`` some kinds of them, and what is derived from them."""
    ops: list[Op] = [(keys.checkpoint(run_id), None), (keys.answers(run_id), None)]
    for kind in keys.MANY_OF_A_RUN:
        if kind in but:
            continue
        for key, data in await scan_all(parts.reads, f"{kind}/{run_id}/"):
            ops.append((key, None))
            if kind == "review":
                ops += open_review(key, data, None)
    return ops


def open_review(key: str, data: bytes, row: bytes | None) -> list[Op]:
    """The row by which people find a review that nobody has decided yet."""
    run_id, step = keys.parse_review(key)
    try:
        review, _ = read_review(key, data)
    except WeftError:
        return []
    return [(keys.open_review(review.requested_at, run_id, step), row)] if review.status == "pending" else []
