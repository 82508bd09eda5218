"""Messages for runs that another engine has: signals and cancels, kept until their owner has them (exactly once).

A message is a record, ``outbox/<run id>/<n>``, numbered in the order in which they were accepted (G7). It is sent
again until there is an answer, under one signal id, so that the owner takes it once; then the record goes. If the run
comes back before that, the message is delivered here, in the batch that removes the record.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from weft_core.engine.batch import Batch
from weft_core.engine.handoff.line import Line, of
from weft_core.engine.handoff.mover import Mover
from weft_core.engine.handoff.parts import HandoffParts
from weft_core.engine.patience import scan_all
from weft_core.errors import (
    CorruptRecordError,
    EngineError,
    HandoffUnansweredError,
    LimitExceededError,
    PayloadTooLargeError,
    RunMovedError,
    StorageError,
    WeftError,
    error_from_json,
)
from weft_core.machine.sealed import seal_plain, unseal_plain
from weft_core.machine.travel import message, read_message
from weft_core.model import keys
from weft_core.model.run import AWAY
from weft_core.ports import Op

log = logging.getLogger("weft")
Form = list[Any]
"""``["signal", name, encoded payload, signal id]`` or ``["cancel", reason]``; to an owner that answers also
``["update", name, encoded payload, update id, ms to wait]``, ``["get_update", id]``, ``["query", name, encoded]``."""
DeliverHere = Callable[[str, Form, list[Op]], Awaitable[None]]
_HEAD = 64 * 1024


class Outbox:
    """One per engine."""

    def __init__(self, parts: HandoffParts, mover: Mover, line: Line, deliver_here: DeliverHere) -> None:
        self._parts, self._mover, self._line, self._deliver_here = parts, mover, line, deliver_here
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.holding: set[str] = set()
        """Runs for which something lies here."""

    async def open(self) -> None:
        """Find what an engine before this one has accepted."""
        for key, _ in await scan_all(self._parts.reads, keys.OUTBOX):
            run_id = key.split("/")[1]
            self.holding.add(run_id)
            self._mover.look(run_id)

    async def waiting(self, run_id: str) -> int:
        """How many messages lie here for a run."""
        return len(await scan_all(self._parts.reads, keys.outbox_prefix(run_id)))

    async def tell(self, run_id: str, form: Form, extra: list[Op]) -> bool:
        """Accept a message for a run that is away, with ``extra`` in the same batch, and try to send it. False: the
        run is here, and nothing was written. What its owner has against the message is raised."""
        order = _Keep(self._parts, run_id, form, extra)
        await self._parts.work(run_id, order)
        if not order.key:
            return False
        self.holding.add(run_id)
        try:
            refused = await self.send(run_id)
        except (EngineError, StorageError):
            raise
        except Exception as trouble:  # it is durable, and goes when there is an answer
            log.debug("a message for run %s waits: %s", run_id, trouble)
        else:
            if order.key in refused:
                raise refused[order.key]
        return True

    async def send(self, run_id: str) -> dict[str, WeftError]:
        """Send what lies here to the owner, in order; what was refused, by key. ``HandoffUnansweredError``."""
        refused: dict[str, WeftError] = {}
        if run_id not in self.holding:
            return refused
        async with self._locks[run_id]:
            for key, data in await scan_all(self._parts.reads, keys.outbox_prefix(run_id)):
                handoff = await self._parts.handoff(run_id)
                if handoff is None or handoff.state != "moved":
                    return refused
                try:
                    await self.say(handoff.url, run_id, unseal_plain(key, data))
                except HandoffUnansweredError:
                    raise
                except (RunMovedError, EngineError, StorageError) as trouble:  # of the owner: it may be better later
                    raise HandoffUnansweredError(url=handoff.url, reason=str(trouble)) from trouble
                except WeftError as refusal:
                    if isinstance(refusal, LimitExceededError) and not isinstance(refusal, PayloadTooLargeError):
                        raise HandoffUnansweredError(url=handoff.url, reason=str(refusal)) from refusal
                    refused[key] = refusal
                    log.warning("the owner of run %s refused a message: %s", run_id, refusal)
                await self._parts.deliver("", None, [(key, None)])
            self._emptied(run_id)
        return refused

    async def settle(self, run_id: str) -> None:
        """The run is here again, or has ended: deliver what lies here for it as if it came now."""
        if run_id not in self.holding:
            return
        async with self._locks[run_id]:
            for key, data in await scan_all(self._parts.reads, keys.outbox_prefix(run_id)):
                try:
                    await self._deliver_here(run_id, unseal_plain(key, data), [(key, None)])
                except RunMovedError:
                    return
                except (EngineError, StorageError):
                    raise
                except WeftError as refusal:
                    log.warning("a message for run %s, accepted while it was away, is refused: %s", run_id, refusal)
                    await self._parts.deliver("", None, [(key, None)])
            self._emptied(run_id)

    def _emptied(self, run_id: str) -> None:
        self.holding.discard(run_id)
        self._locks.pop(run_id, None)

    async def say(self, url: str, run_id: str, form: Form) -> Any:
        """Tell the owner, and have its answer. ``HandoffUnansweredError``; the error that the owner answers with."""
        answer = await self._line.post(url, of(run_id, "say"), message("say", form))
        limit = self._parts.limits.max_payload_bytes + _HEAD
        kind, told = read_message(answer, ("said", "refused"), limit)
        if kind == "refused":
            raise error_from_json(told)
        return told


@dataclass(slots=True)
class _Keep:
    """The order to keep a message for a run that is away, or for which others lie here. A job of the pump."""

    parts: HandoffParts
    run_id: str
    form: Form
    extra: list[Op] = field(default_factory=list)
    key: str = ""

    async def __call__(self, batch: Batch, now: int) -> None:
        lying = await scan_all(self.parts.reads, keys.outbox_prefix(self.run_id))
        if not lying and (await self.parts.header(self.run_id)).status not in AWAY:
            return
        number = int(lying[-1][0].rpartition("/")[2], 16) + 1 if lying else 1
        limit = self.parts.limits.max_mailbox
        if len(lying) >= limit:
            raise LimitExceededError(what=f"what waits for run {self.run_id}", actual=len(lying) + 1, limit=limit)
        self.key = keys.outbox(self.run_id, number)
        batch.ops += [(self.key, seal_plain(self.key, self.form)), *self.extra]
        batch.stopped.add(self.run_id)


def check_form(form: Any) -> Form:
    """What another engine says of a run. ``CorruptRecordError``."""
    match form:
        case ["signal", str(), bytes(), str()] | ["cancel", str() | None] | ["get_update", str()]:
            known = True
        case ["update", str(), bytes(), str(), int()] | ["query", str(), bytes()]:
            known = True
        case _:
            known = False
    if not known:
        raise CorruptRecordError(key="say", reason="it is nothing that can be said of a run")
    return list(form)
