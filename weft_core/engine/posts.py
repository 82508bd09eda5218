"""Posts: what runs leave for one another and for shared objects, on its way (exactly once).

A post is a record, written in its sender's batch and removed in the batch that acts on it. Here it is brought from the
one to the other in memory; after a crash the records are found again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from weft_core.engine.batch import Envelope
from weft_core.engine.patience import PatientReads, scan_all
from weft_core.engine.starts import StartOptions, Starts
from weft_core.errors import CorruptRecordError, EngineError, StorageError, WeftError
from weft_core.machine import failure
from weft_core.machine.sealed import unseal_plain
from weft_core.model import keys
from weft_core.model.messages import CancelRequested, Message, Reply, SignalArrived, TerminateRequested, Watch

log = logging.getLogger("weft")
_FAMILIES = (keys.POSTS, keys.ASKS, keys.SPAWNS, keys.CLOSINGS)


class PostOffice:
    """Brings posts to the pump."""

    def __init__(self, storage: PatientReads, submit: Callable[[Envelope], None], starts: Starts) -> None:
        self._storage, self._submit, self._starts = storage, submit, starts
        self._under_way: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def idle(self) -> bool:
        """No child is being started or told."""
        return not self._tasks

    async def recover(self) -> None:
        """Find every post in the store, those of a crashed engine too. Doing it twice is harmless."""
        for family in _FAMILIES:
            await self._find(family)

    async def call_again(self, run_id: str) -> None:
        """A run that was stopped goes on: what was left for it meanwhile is still there."""
        await self._find(keys.posts(run_id))

    async def _find(self, prefix: str) -> None:
        for key, data in await scan_all(self._storage, prefix):
            try:
                self.forward(key, unseal_plain(key, data))
            except CorruptRecordError as damage:  # it stays as it is; others go on (G18)
                log.error("%s", damage)

    def forward(self, key: str, content: list[Any]) -> None:
        """Bring a post whose record is durable to its receiver, unless it is under way already."""
        if key in self._under_way or self._closed:
            return
        family, *parts = key.split("/")
        if family == "spawn":
            self._begin(key, self._spawn(key, content))
        elif family == "closing":
            self._begin(key, self._close_children(key, parts[0]))
        elif family == "ask":
            self._send(key, Envelope("", shared=(parts[0], parts[1]), request=content, post_id=parts[2]))
        else:
            self._send(key, _to_run(parts[0], parts[1], content))

    def _send(self, key: str, envelope: Envelope) -> None:
        self._under_way.add(key)
        envelope.extra = [*envelope.extra, (key, None)]
        envelope.reply = asyncio.get_running_loop().create_future()
        envelope.reply.add_done_callback(lambda reply: self._arrived(key, reply))
        self._submit(envelope)

    def _arrived(self, key: str, reply: asyncio.Future[Any]) -> None:
        self._under_way.discard(key)
        if not reply.cancelled():
            reply.exception()  # the receiver is stopped, or the engine is: the record stays for later

    def _begin(self, key: str, work: Coroutine[Any, Any, None]) -> None:
        self._under_way.add(key)
        task = asyncio.get_running_loop().create_task(self._guarded(work), name=f"weft {key}")
        self._tasks.add(task)
        task.add_done_callback(lambda task: self._ended(key, task))

    def _ended(self, key: str, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._under_way.discard(key)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except (EngineError, StorageError) as trouble:
            log.info("a post stays for the next engine: %s", trouble)

    async def _spawn(self, key: str, content: list[Any]) -> None:
        """Start a child. That it cannot be started is its parent's answer."""
        workflow, data, facts, parent = content
        try:
            options = StartOptions(**facts, parent=parent)
            await self._starts.start_child(workflow, data, options, key)
        except (EngineError, StorageError):
            raise
        except WeftError as refusal:
            run_id, task, step, _ = parent
            answer = Envelope(run_id, Reply(task, step, False, failure.record(refusal)), extra=[(key, None)])
            await self._decided(answer)

    async def _close_children(self, key: str, parent_id: str) -> None:
        """Tell the unfinished children of a run that has ended, as their policies say."""
        rows = await scan_all(self._storage, keys.children(parent_id))
        reason = f"its parent run {parent_id} has ended"
        for row, policy in rows:
            child_id = row.rpartition("/")[2]
            if policy == b"cancel":
                await self._decided(Envelope(child_id, CancelRequested(reason)))
            elif policy == b"terminate":
                await self._decided(Envelope(child_id, TerminateRequested(reason)))
        await self._decided(Envelope("", extra=[(key, None), *((row, None) for row, _ in rows)]))

    async def _decided(self, envelope: Envelope) -> None:
        envelope.reply = asyncio.get_running_loop().create_future()
        self._submit(envelope)
        try:
            await envelope.reply
        except (EngineError, StorageError):
            raise
        except WeftError as refusal:
            log.info("run %s could not be told: %s", envelope.run_id, refusal)

    async def close(self) -> None:
        self._closed = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)


def _to_run(run_id: str, post_id: str, content: list[Any]) -> Envelope:
    message, asking = _message(run_id, post_id, content)
    return Envelope(run_id, message, reply_to=(asking[0], asking[1], asking[2]) if asking else None, post_id=post_id)


def _message(run_id: str, post_id: str, content: list[Any]) -> tuple[Message, list[Any]]:
    """The message of a post, and the step that must hear what becomes of it."""
    match content:
        case ["reply", task, step, ok, data]:
            return Reply(task, step, ok, data), []
        case ["watch", *asking]:
            return Watch((asking[0], asking[1], asking[2])), []
        case ["signal", name, payload, signal_id, *asking]:
            return SignalArrived(name, payload, signal_id), asking
        case ["cancel", reason, *asking]:
            return CancelRequested(reason), asking
    raise CorruptRecordError(key=keys.post(run_id, post_id), reason="it is no message that this version knows")
