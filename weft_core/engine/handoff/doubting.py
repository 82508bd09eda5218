"""A device whose store was restored from an export: runs in it may have been handed off since that was made.

Nobody here can know, so no such run is taken up before its server has been asked. Until then it is ``transferring``
and ``doubted``: the server has it, and here is its mirror; or it has not, and never will by an old message, and the
run goes on here from where the export has it.
"""

from __future__ import annotations

from dataclasses import dataclass

from weft_core.engine.batch import Batch
from weft_core.engine.handoff.leaving import catch_up
from weft_core.engine.handoff.parts import HandoffParts
from weft_core.engine.patience import scan_all
from weft_core.errors import WeftError, WorkflowNotRegisteredError
from weft_core.machine import handoffs, records
from weft_core.machine.handoffs import Handoff
from weft_core.machine.sealed import seal_plain, unseal_plain
from weft_core.model import keys

_STATUSES = ("pending", "running", "suspended")
_GONE_ON = ("owned", "arriving", "parking", "sending")
"""States in which the run has come here, and has not gone from here."""


async def doubt(parts: HandoffParts, server: str) -> None:
    """Before any run is taken up: doubt those that may be on the server. Once for each import."""
    restored = await parts.reads.get(keys.RESTORED)
    if restored is None or not server:
        return
    name = unseal_plain(keys.RESTORED, restored)[1]
    done = await parts.reads.get(keys.DOUBTED)
    if done is not None and unseal_plain(keys.DOUBTED, done) == [name]:
        return
    portable = {found.name for found in parts.registry.workflows() if found.portable}
    for workflow in sorted(portable):
        for status in _STATUSES:
            for key, _ in await scan_all(parts.reads, keys.by_state(status, workflow)):
                run_id = key.rpartition("/")[2]
                await parts.work(run_id, _Doubt(parts, run_id, server))
    await parts.deliver("", None, [(keys.DOUBTED, seal_plain(keys.DOUBTED, [name]))])


@dataclass(slots=True)
class _Doubt:
    """The order to hold a run until its server has been asked. A job of the pump."""

    parts: HandoffParts
    run_id: str
    server: str

    async def __call__(self, batch: Batch, now: int) -> None:
        parts, header = self.parts, await self.parts.find(self.run_id)
        known = await parts.handoff(self.run_id)
        if header is None or header.status not in _STATUSES or (known is not None and known.state == "parking"):
            return  # one that parks has its own question to ask
        try:
            portable = parts.registry.version(header.workflow, header.version).portable
            summary = await parts.summary(self.run_id)
        except (WorkflowNotRegisteredError, WeftError):
            return  # it cannot be taken up either
        if summary is None or not portable or handoffs.obstacle(header, {}) is not None:
            return
        batch.ops += [(key, None) for key in handoffs.timers(header, summary)]
        batch.ops.append((keys.active(self.run_id), None))
        goes_on = header.status != "suspended"
        catch_up(header, summary)
        header.status, header.moves, header.epoch = "transferring", header.moves + 1, parts.epoch
        header.origin = header.origin or parts.store_id
        url = known.url if known is not None and known.url else self.server
        why = "the store was restored: whether the run has been handed off since is asked"
        held = Handoff(
            parts.ids.token(), header.moves, "doubted", url, goes_on, now, why=why,
            refused=known.refused if known is not None else [], stays=known.stays if known is not None else False,
        )  # fmt: skip
        batch.ops += [*records.write_run(header), *handoffs.write(self.run_id, held)]
        batch.stopped.add(self.run_id)
        parts.live.drop(self.run_id)


@dataclass(slots=True)
class Whose:
    """The order to say whether a run is here that another engine has in a restored store. A job of the pump."""

    parts: HandoffParts
    run_id: str
    moves: int
    """A handoff of up to this number is not accepted any more, if the run is not here."""
    answer: str = ""

    async def __call__(self, batch: Batch, now: int) -> None:
        parts = self.parts
        known, header = await parts.handoff(self.run_id), await parts.find(self.run_id)
        if known is not None and known.state in _GONE_ON:
            self.answer = "here"
            return
        self.answer = "elsewhere"
        if known is None and header is None:
            batch.ops += handoffs.write(self.run_id, Handoff("", self.moves, "refused", at=now))
        elif known is not None and known.state == "refused" and known.moves < self.moves:
            known.moves = self.moves
            batch.ops += handoffs.write(self.run_id, known)
        else:
            self.moves = max(self.moves, known.moves if known is not None else 0)
