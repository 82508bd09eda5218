"""Shared objects as the engine has them: read when first asked, then held in memory; it is their only writer."""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import Any

from weft_core.engine.batch import Batch, Envelope
from weft_core.engine.patience import PatientReads, scan_all
from weft_core.errors import CorruptRecordError, WeftError
from weft_core.machine import failure
from weft_core.machine.effects import Post
from weft_core.machine.farewell import stored
from weft_core.machine.sealed import seal_plain, unseal_plain
from weft_core.machine.shared import OUTSIDE, SHARED, Admission, Caller, Decision
from weft_core.machine.shared.line import Pages
from weft_core.model import keys
from weft_core.model.limits import Limits
from weft_core.ports import Op

log = logging.getLogger("weft")
_KEPT = 1_000
"""Objects held in memory; others are read again."""


class SharedObjects:
    """Decides requests for shared objects inside the pump's batches."""

    def __init__(self, storage: PatientReads, limits: Limits) -> None:
        self._storage, self._limits = storage, limits
        self._records: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        """As they are stored, so that a request that is refused half way has changed nothing; empty for none."""
        self._lines: dict[tuple[str, str], dict[int, list[Any]]] = {}
        """The pages of their lines, of those that have any."""

    def __contains__(self, place: tuple[str, str]) -> bool:
        return place in self._records

    async def read(self, place: tuple[str, str]) -> None:
        """Bring one into memory. Nothing may be on its way to the store that changes it."""
        data = await self._storage.get(keys.shared(*place)) or b""
        pages: dict[int, list[Any]] = {}
        for key, page in await scan_all(self._storage, keys.line_prefix(*place)) if data else ():
            try:
                pages[int(key.rpartition("/")[2], 16)] = unseal_plain(key, page)
            except (CorruptRecordError, ValueError) as damage:  # those of the other pages go on (G18)
                log.error("%s", damage)
        self._records[place] = data
        if pages:
            self._lines[place] = pages

    def has_room(self, name: str, limit: int, on_limit: str) -> bool:
        """Whether a run may begin, by its admission, which must be in memory.
        ``WorkflowConcurrencyLimitExceededError``: it may not, and is not to wait."""
        key, data = keys.shared(Admission.kind, name), self._records[Admission.kind, name]
        return Admission().has_room(name, unseal_plain(key, data)[0] if data else None, limit, on_limit)

    def decide(self, envelope: Envelope, batch: Batch, now: int) -> None:
        """Decide one request; the object must be in memory."""
        place = envelope.shared
        assert place is not None
        request, *asking = envelope.request
        caller = caller_of(asking)
        decision, before = Decision(now, place[1], self._limits), self._records[place]
        decision.pages = Pages(self._lines.get(place, {}))
        try:
            after = self._decided(decision, place, before, request, caller)
        except (TypeError, ValueError, IndexError) as nonsense:  # the record is not of our making, or the request is
            damage = CorruptRecordError(key=keys.shared(*place), reason=f"cannot decide {request!r}: {nonsense}")
            log.error("%s", damage)
            envelope.reject(damage)
            return
        except WeftError as refusal:
            decision, after = Decision(now, place[1], self._limits), before
            decision.replies.append((caller, False, failure.record(refusal)))
            if caller == OUTSIDE:
                envelope.reject(refusal)
        if after != before:
            batch.ops.append((keys.shared(*place), after or None))
            self._records[place] = after
        if decision.pages.changed:
            batch.ops.extend(self._line(place, decision.pages.changed))
        batch.ops.extend(envelope.extra)
        batch.announced += [
            {"run_id": "", "seq": 0, "at": now, "type": type_, **data} for type_, data in decision.events
        ]
        self._answer(envelope, decision, batch)
        self._records.move_to_end(place)
        if len(self._records) > _KEPT:
            dropped, _ = self._records.popitem(last=False)
            self._lines.pop(dropped, None)

    def _line(self, place: tuple[str, str], changed: dict[int, list[Any]]) -> list[Op]:
        """Write the pages of a line that have changed."""
        ops: list[Op] = []
        pages = self._lines.setdefault(place, {})
        for number, page in changed.items():
            key = keys.line(*place, number)
            ops.append((key, seal_plain(key, page) if page else None))
            pages[number] = page
            if not page:
                del pages[number]
        return ops

    @staticmethod
    def _decided(decision: Decision, place: tuple[str, str], data: bytes, request: list[Any], caller: Caller) -> bytes:
        key = keys.shared(*place)
        state = unseal_plain(key, data)[0] if data else None
        state = SHARED[place[0]].decide(decision, state, request, caller)
        return seal_plain(key, [state]) if state is not None else b""

    @staticmethod
    def _answer(envelope: Envelope, decision: Decision, batch: Batch) -> None:
        for i, (run_id, reason) in enumerate(decision.cancels):
            post = Post(keys.post(run_id, f"{envelope.post_id}.c{i}"), ["cancel", reason])
            batch.ops.append(stored(post))
            batch.effects.append(post)
        for i, (caller, ok, data) in enumerate(decision.replies):
            if caller == OUTSIDE:
                envelope.answer = data
            else:
                leave(batch, caller, ok, data, f"{envelope.post_id}.{i}")


def leave(batch: Batch, caller: Caller, ok: bool, data: Any, post_id: str) -> None:
    """Leave an answer for a step of a run."""
    post = answer(caller, ok, data, post_id)
    batch.ops.append(stored(post))
    batch.effects.append(post)


def answer(caller: Caller, ok: bool, data: Any, post_id: str) -> Post:
    """The post that answers a step of a run."""
    run_id, task, address = caller
    return Post(keys.post(run_id, post_id), ["reply", task, address, ok, data])


def caller_of(asking: list[Any]) -> Caller:
    """``ValueError``: it is none."""
    match asking:
        case [str(run_id), int(task), int(address)]:
            return run_id, task, address
    raise ValueError(f"{asking!r} names no step of a run")


def check_request(kind: str, content: list[Any]) -> None:
    """``ValueError``: a record from which no request can be made."""
    if kind not in SHARED:
        raise ValueError(f"there are no shared objects of the kind {kind!r}")
    if not content or not isinstance(content[0], list) or not content[0]:
        raise ValueError("it asks for nothing")
    caller_of(content[1:])
