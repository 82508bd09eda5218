"""Messages that others left in the store for the owner: a CLI in another process, a service worker in the background.

Anyone may write an ``inbox/`` record; only the owner acts on it, and removes it in the batch that makes it so.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from weft_core.engine.left_starts import is_start
from weft_core.engine.patience import PatientReads
from weft_core.engine.retention.purger import Purger
from weft_core.engine.whole import Whole
from weft_core.errors import (
    CorruptRecordError,
    EngineError,
    InvalidInputError,
    LimitExceededError,
    PayloadTooLargeError,
    RunHeldError,
    RunNotFoundError,
    StorageError,
    StorageKeyError,
    WeftError,
    WorkflowNotRegisteredError,
)
from weft_core.machine.sealed import seal_plain, unseal_plain
from weft_core.model import keys
from weft_core.model.messages import CancelRequested, SignalArrived
from weft_core.ports import Ids, Op, Storage

log = logging.getLogger("weft")
POLL_S = 0.2


async def leave_signal(
    storage: Storage, ids: Ids, run_id: str, name: str, payload: bytes, signal_id: str | None = None
) -> str:
    """Leave a signal for the store's owner; durable when this returns. Returns the id of the message."""
    return await _leave(storage, ids, ["signal", run_id, name, payload, signal_id])


async def leave_cancel(storage: Storage, ids: Ids, run_id: str, reason: str | None = None) -> str:
    """Leave a request to cancel a run for the store's owner."""
    return await _leave(storage, ids, ["cancel", run_id, reason])


async def leave_purge(storage: Storage, ids: Ids, run_id: str, force: bool = False) -> str:
    """Leave a request to purge a run for the store's owner."""
    return await _leave(storage, ids, ["purge", run_id, force])


async def leave_for_schedule(storage: Storage, ids: Ids, verb: str, schedule_id: str, argument: object = None) -> str:
    """Leave a request about a schedule for the store's owner: create (with its options), pause (with a reason), resume,
    trigger, delete."""
    return await _leave(storage, ids, ["schedule", verb, schedule_id, argument])


async def leave_start(storage: Storage, ids: Ids, message: list[object]) -> str:
    """Leave a start (``engine/left_starts.py``) for the store's owner."""
    return await _leave(storage, ids, message)


async def leave_review(storage: Storage, ids: Ids, review_id: str, submitted: dict[str, Any]) -> str:
    """Leave the plain form of a decision for the store's owner."""
    return await _leave(storage, ids, ["review", review_id, submitted])


async def leave_order(storage: Storage, ids: Ids, verb: str, run_id: str, reason: str | None = None) -> str:
    """Leave a request to terminate, suspend or resume a run for the store's owner."""
    return await _leave(storage, ids, ["order", verb, run_id, reason])


async def _leave(storage: Storage, ids: Ids, message: list[object]) -> str:
    message_id = ids.new_id()
    key = keys.inbox(message_id)
    await storage.put(key, seal_plain(key, message))
    return message_id


class InboxReader:
    """Takes up what was left, at opening and then now and then while the store is shared with other processes."""

    def __init__(self, storage: PatientReads, engine: Whole, purger: Purger) -> None:
        self._storage, self._engine, self._purger = storage, engine, purger
        self._task: asyncio.Task[None] | None = None
        self._waiting: dict[str, str] = {}
        """Runs that cannot be started with the code there is, by id, and why."""

    def watch(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._watch(), name="weft-inbox")

    async def _watch(self) -> None:
        while True:
            try:
                await self._engine._check_owner()
                await self.take()
            except EngineError:
                return
            except WeftError as trouble:
                log.warning("the inbox cannot be read now: %s", trouble)
            await asyncio.sleep(POLL_S)

    async def take(self) -> None:
        """Deliver everything that lies there."""
        after: str | None = None
        while rows := await self._storage.scan(keys.INBOX, after=after):
            after = rows[-1][0]
            for key, data in rows:
                await self._deliver(key, data)

    async def _deliver(self, key: str, data: bytes) -> None:
        remove: list[Op] = [(key, None)]
        try:
            match unseal_plain(key, data):
                case ["start", str(workflow), bytes(inputs), dict(facts)] if is_start(facts):
                    if not await self._can_start(workflow, inputs, facts, remove):
                        return
                case ["signal", str(run_id), str(name), bytes(payload), None | str() as signal_id]:
                    await self._engine.deliver_signal(run_id, SignalArrived(name, payload, signal_id), remove)
                case ["cancel", str(run_id), None | str() as reason]:
                    await self._engine.deliver_cancel(run_id, CancelRequested(reason), remove)
                case ["purge", str(run_id), bool(force)]:
                    await self._purger.purge(run_id, force=force)
                    await self._engine.discard(remove)
                case ["schedule", str(verb), str(schedule_id), argument]:
                    await self._engine.deliver_to_schedule(verb, schedule_id, argument, remove)
                case ["order", str(verb), str(run_id), None | str() as reason]:
                    await self._engine.deliver_order(verb, run_id, reason)  # may be done twice
                    await self._engine.discard(remove)
                case ["review", str(review_id), dict(submitted)]:
                    await self._engine.deliver_review(review_id, submitted, remove)
                case _:
                    raise CorruptRecordError(key=key, reason="it is no message that this version knows")
            return
        except WeftError as refusal:
            if isinstance(refusal, (EngineError, StorageError)) and not isinstance(refusal, StorageKeyError):
                raise  # no fault of the message: it stays for the next time
            if isinstance(refusal, LimitExceededError) and not isinstance(refusal, PayloadTooLargeError):
                return  # the mailbox is full now; its sender was told that it is durable
            if isinstance(refusal, RunHeldError):
                return  # it can be decided when its run goes on
            if isinstance(refusal, RunNotFoundError) and refusal.facts["run_id"] in self._waiting:
                return  # it is for a run that is still to be started
            log.warning("a message left in the inbox was refused: %s", refusal)
        await self._engine.discard(remove)

    async def _can_start(self, workflow: str, inputs: bytes, facts: dict[str, Any], remove: list[Op]) -> bool:
        """Start a run. False: the code there is cannot, so it stays until there is other code; this is told once."""
        try:
            await self._engine.deliver_start(workflow, inputs, facts, remove)
        except (WorkflowNotRegisteredError, InvalidInputError) as misfit:
            if self._waiting.get(facts["id"]) != str(misfit):
                log.warning("a start left in the inbox waits: %s", misfit)
            self._waiting[facts["id"]] = str(misfit)
            return False
        self._waiting.pop(facts["id"], None)
        return True

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
