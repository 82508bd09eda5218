"""Posts: what runs leave for one another and for shared objects, on its way (exactly once).

A post is a record, written in its sender's batch and removed in the batch that acts on it. Here it is brought from the
one to the other in memory; after a crash the records are found again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from weft_core.engine.batch import Envelope
from weft_core.engine.patience import PatientReads, scan_all
from weft_core.engine.shared import answer, caller_of, check_request
from weft_core.engine.starts import StartOptions, Starts
from weft_core.errors import CorruptRecordError, EngineError, StorageError, WeftError
from weft_core.machine import failure
from weft_core.machine.farewell import stored
from weft_core.machine.records import read_header
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
        self.check_signal: Callable[[str, SignalArrived], Awaitable[None]]
        """Raises what is wrong with a signal for a run."""

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
                content = unseal_plain(key, data)
            except CorruptRecordError as damage:  # it stays as it is; others go on (G18)
                log.error("%s", damage)
            else:
                self.forward(key, content)

    def forward(self, key: str, content: list[Any]) -> None:
        """Bring a post whose record is durable to its receiver, unless it is under way already."""
        if key in self._under_way or self._closed:
            return
        try:
            self._forward(key, content)
        except (TypeError, ValueError, IndexError, WeftError) as nonsense:  # it stays as it is; others go on (G18)
            log.error("%s", CorruptRecordError(key=key, reason=f"it is no post that this version knows: {nonsense}"))

    def _forward(self, key: str, content: list[Any]) -> None:
        family, *parts = key.split("/")
        if family == "spawn":
            self._begin(key, self._spawn(key, content))
        elif family == "closing":
            parent_id, created = parts
            self._begin(key, self._close_children(key, parent_id, int(created, 16)))
        elif family == "ask":
            kind, name, post_id = parts
            check_request(kind, content)
            self._send(key, Envelope("", shared=(kind, name), request=content, post_id=post_id))
        else:
            run_id, post_id = parts
            envelope = _to_run(run_id, post_id, content)
            if isinstance(envelope.message, SignalArrived):
                self._begin(key, self._signal(key, envelope, envelope.message))
            else:
                self._send(key, envelope)

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
        except Exception as trouble:
            log.error("a post stays as it is: %s", failure.line(trouble))

    async def _spawn(self, key: str, content: list[Any]) -> None:
        """Start a child. That it cannot be started is its parent's answer."""
        workflow, data, facts, parent = content
        run_id, task, address, policy = parent
        options = StartOptions(**facts, parent=parent)
        born = await self._parent(run_id, address)
        if born is None and policy != "abandon":  # nobody asks for it any more, and nobody would close it
            await self._decided(Envelope("", extra=[(key, None)]))
            return
        try:
            await self._starts.start_child(workflow, data, options, key, born)
        except (EngineError, StorageError):
            raise
        except Exception as refusal:  # also what an author's class raises where it is restored
            refused = Reply(task, address, False, failure.record(refusal))
            await self._decided(Envelope(run_id, refused, extra=[(key, None)]))

    async def _parent(self, run_id: str, address: int) -> int | None:
        """When the run that asked for a child was created; None: it has ended, and another may have its id."""
        data = await self._storage.get(keys.run(run_id))
        header = read_header(run_id, data) if data is not None else None
        if header is None or header.finished_at is not None or header.address(0) >> 32 != address >> 32:
            return None
        return header.created_at

    async def _close_children(self, key: str, parent_id: str, born: int) -> None:
        """Tell the unfinished children of a run that has ended, as their policies say."""
        await self._spawned(parent_id)
        rows = [
            (row, policy.decode().partition("@"))
            for row, policy in await scan_all(self._storage, keys.children(parent_id))
        ]
        own = [(row, policy) for row, (policy, _, parent_born) in rows if int(parent_born or "0", 16) == born]
        reason = f"its parent run {parent_id} has ended"
        for row, policy in own:
            child_id = row.rpartition("/")[2]
            if policy == "cancel":
                await self._decided(Envelope(child_id, CancelRequested(reason)))
            elif policy == "terminate":
                await self._decided(Envelope(child_id, TerminateRequested(reason)))
        await self._decided(Envelope("", extra=[(key, None), *((row, None) for row, _ in own)]))

    async def _spawned(self, parent_id: str) -> None:
        """What the run has asked for before it ended has been started, or will not be."""
        own = keys.spawns(parent_id)
        spawning = [task for task in self._tasks if task.get_name().startswith(f"weft {own}")]
        if spawning:
            await asyncio.wait(spawning)

    async def _signal(self, key: str, envelope: Envelope, message: SignalArrived) -> None:
        """Deliver a signal, unless its receiver declares none of that name, or has accepted one with that id (G7)."""
        try:
            await self.check_signal(envelope.run_id, message)
        except (EngineError, StorageError):
            raise
        except WeftError as refusal:
            await self._answer(key, envelope, refusal)
            return
        envelope.extra = [(key, None)]
        if message.signal_id is None:
            await self._decided(envelope)
            return
        claim = keys.mail_id(envelope.run_id, message.signal_id)
        if not await self._starts.claim(claim):
            await self._answer(key, envelope, None)
            return
        try:
            await self._starts.submit_claimed(claim, envelope)
        except (EngineError, StorageError):
            raise
        except WeftError as refusal:  # who sent it has been told
            log.info("run %s refused a signal: %s", envelope.run_id, refusal)

    async def _answer(self, key: str, envelope: Envelope, refusal: WeftError | None) -> None:
        """Tell who left the post what has become of it, which nobody else does."""
        caller, data = envelope.reply_to, failure.record(refusal) if refusal is not None else None
        told = [answer(caller, refusal is None, data, f"{envelope.post_id}.r")] if caller is not None else []
        await self._decided(Envelope("", extra=[(key, None), *map(stored, told)]))
        for post in told:
            self.forward(post.key, post.content)

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
    return Envelope(run_id, message, reply_to=caller_of(asking) if asking else None, post_id=post_id)


def _message(run_id: str, post_id: str, content: list[Any]) -> tuple[Message, list[Any]]:
    """The message of a post, and the step that must hear what becomes of it."""
    match content:
        case ["reply", int(task), int(address), bool(ok), data]:
            return Reply(task, address, ok, data), []
        case ["watch", str(run), int(task), int(address)]:
            return Watch((run, task, address)), []
        case ["unwatch", str(run), int(task), int(address)]:
            return Watch((run, task, address), no_more=True), []
        case ["signal", str(name), bytes(payload), str() | None as signal_id, *asking]:
            return SignalArrived(name, payload, signal_id), asking
        case ["cancel", str() | None as reason, *asking]:
            return CancelRequested(reason), asking
    raise CorruptRecordError(key=keys.post(run_id, post_id), reason="it is no message that this version knows")
