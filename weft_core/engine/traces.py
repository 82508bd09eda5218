"""What others know of a run whose checkpoint cannot be read: who waits for it, what it holds, that it has children.

Such a run is rare, so all of the store is looked through: whoever waits for it would else wait for ever.
"""

from __future__ import annotations

from typing import Any

from weft_core.engine.patience import PatientReads, scan_all
from weft_core.errors import CodecError
from weft_core.machine import records
from weft_core.machine.sealed import unseal_plain
from weft_core.machine.shared.lock import HOLDERS, WAITERS
from weft_core.model import keys
from weft_core.model.operations import JoinChildren, StartChild, WaitRun
from weft_core.model.run import RunHeader


async def traces_of(storage: PatientReads, header: RunHeader) -> dict[str, Any]:
    """The run's notes, as far as a farewell needs them."""
    notes: dict[str, Any] = {"watchers": await _watchers(storage, header), "holds": await _holds(storage, header.id)}
    if await storage.scan(keys.children(header.id), limit=1):
        notes["children"] = True
    return {name: note for name, note in notes.items() if note}


async def _watchers(storage: PatientReads, header: RunHeader) -> list[list[Any]]:
    found = []
    for key, data in await scan_all(storage, keys.CHECKPOINTS):
        run_id = key.removeprefix(keys.CHECKPOINTS)
        try:
            places = records.read_record(run_id, data).summary[records.TASKS]
            waiting = [place for place in places if _waits_for(place, run_id, header)]
            other = await storage.get(keys.run(run_id)) if waiting else None
            address = records.read_header(run_id, other).address if other is not None else None
        except CodecError:
            continue
        if address is not None:
            found += [[run_id, task, address(step)] for task, _, step, *_ in waiting]
    return found


def _waits_for(place: records.Place, run_id: str, header: RunHeader) -> bool:
    _, _, _, kind, _, wait = place
    if kind == JoinChildren.kind:
        return header.parent[:1] == [run_id]
    wanted: list[Any] = [header.id] if kind == WaitRun.kind else [1, header.id]
    return kind in (WaitRun.kind, StartChild.kind) and bool(wait[: len(wanted)] == wanted)


async def _holds(storage: PatientReads, run_id: str) -> list[str]:
    found = {}
    for prefix in (keys.shared("lock", ""), keys.line_prefix("lock", "")[:-1]):
        for key, data in await scan_all(storage, prefix):
            try:
                values = unseal_plain(key, data)
                people = values if prefix.startswith("line/") else [*values[0][HOLDERS], *values[0][WAITERS]]
                if any(who[0] == run_id for who in people):
                    found["/".join(key.split("/")[1:3])] = True
            except (CodecError, ValueError, TypeError, IndexError):
                continue
    return [*found]
