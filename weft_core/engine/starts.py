"""Starting runs: ids, idempotency keys, inputs."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Coroutine
from typing import Any

from weft_core import codec
from weft_core.engine.batch import Envelope
from weft_core.engine.live import LiveRuns
from weft_core.engine.patience import PatientReads
from weft_core.engine.registry import Registry
from weft_core.errors import (
    IdempotencyKeyConflictError,
    InvalidInputError,
    LimitExceededError,
    PayloadTooLargeError,
    RunExistsError,
)  # fmt: skip
from weft_core.machine import records
from weft_core.machine.sealed import seal_plain, unseal_plain
from weft_core.model import keys
from weft_core.model.limits import Limits
from weft_core.model.messages import Begin
from weft_core.model.run import RunHeader
from weft_core.ports import Host, Op
from weft_core.workflow import Workflow


class Starts:
    """Makes new runs. Keys that must be unique are claimed in memory while their commit is under way: this engine is
    the store's only owner, so nobody else can claim them (G11)."""

    def __init__(
        self,
        storage: PatientReads,
        registry: Registry,
        live: LiveRuns,
        submit: Callable[[Envelope], None],
        host: Host,
        limits: Limits,
    ) -> None:
        self._storage, self._registry, self._live, self._submit = storage, registry, live, submit
        self._host, self._limits = host, limits
        self._claimed: dict[str, asyncio.Future[None]] = {}

    async def claim(self, key: str) -> bool:
        """True: the key is in no record and ours until ``release``. False: it has been taken."""
        while key in self._claimed:
            await asyncio.shield(self._claimed[key])
        self._claimed[key] = asyncio.get_running_loop().create_future()
        try:
            if not await self._storage.has(key):
                return True
        except BaseException:
            self.release(key)
            raise
        self.release(key)
        return False

    def release(self, key: str) -> None:
        self._claimed.pop(key).set_result(None)

    async def start(
        self, workflow: Workflow | str, inputs: tuple[Any, ...], run_id: str | None, idempotency_key: str | None
    ) -> str:
        """Id of the run, which is durable."""
        registry = self._registry
        definition = registry.newest(workflow) if isinstance(workflow, str) else registry.exactly(workflow)
        definition.check_inputs(inputs)
        data = codec.dumps(list(inputs))
        if len(data) > self._limits.max_payload_bytes:
            raise PayloadTooLargeError(what="the input", actual=len(data), limit=self._limits.max_payload_bytes)
        if run_id is not None:
            check_id(run_id, "a run id", self._limits)
        if idempotency_key is not None:
            check_id(idempotency_key, "an idempotency key", self._limits)
            return await _to_the_end(self._start_once(definition, data, run_id, idempotency_key))
        if run_id is not None:
            return await _to_the_end(self._start_as(definition, data, run_id, None, []))
        return await self._start(definition, data, self._host.ids.new_id(), None, [])

    async def _start_as(
        self, definition: Workflow, data: bytes, run_id: str | None, key: str | None, extra: list[Op]
    ) -> str:
        """Start under the id that was asked for, which must be free, or under a new one."""
        if run_id is None:
            return await self._start(definition, data, self._host.ids.new_id(), key, extra)
        if not await self.claim(keys.run(run_id)):
            raise RunExistsError(run_id=run_id, status=await self._status(run_id))
        try:
            return await self._start(definition, data, run_id, key, extra)
        finally:
            self.release(keys.run(run_id))

    async def _status(self, run_id: str) -> str:
        data = await self._storage.get(keys.run(run_id))
        return records.read_header(run_id, data).status if data is not None else "unknown"

    async def _start_once(self, definition: Workflow, data: bytes, wanted: str | None, key: str) -> str:
        record_key = keys.idempotency(key)
        digest = hashlib.sha256(b"%b\0%b" % (definition.name.encode(), data)).digest()
        if not await self.claim(record_key):
            stored = await self._storage.get(record_key)
            assert stored is not None
            found: str
            found, known = unseal_plain(record_key, stored)
            if known != digest or wanted not in (None, found):
                raise IdempotencyKeyConflictError(key=key, run_id=found)
            return found
        try:
            run_id = wanted or self._host.ids.new_id()
            row: Op = (record_key, seal_plain(record_key, [run_id, digest]))
            if wanted is None:
                return await self._start(definition, data, run_id, key, [row])
            return await self._start_as(definition, data, run_id, key, [row])
        finally:
            self.release(record_key)

    async def _start(self, definition: Workflow, data: bytes, run_id: str, key: str | None, extra: list[Op]) -> str:
        now = self._host.clock.now_ms()
        header = RunHeader(
            id=run_id, workflow=definition.name, version=definition.version, status="running", created_at=now,
            updated_at=now, input=data, idempotency_key=key, signals=sorted(definition.signals or ()),
        )  # fmt: skip
        run = self._live.create(header)
        reply: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        rows = [*extra, (keys.by_time(now, run_id), b"")]
        self._submit(Envelope(run_id, Begin(), new=run, extra=rows, reply=reply))
        await reply
        return run_id

    async def submit_claimed(self, key: str, envelope: Envelope) -> None:
        """Have the envelope decided; its key stays claimed until then, also if the caller stops waiting."""
        reply = envelope.reply = asyncio.get_running_loop().create_future()
        reply.add_done_callback(lambda _: self.release(key))
        self._submit(envelope)
        await asyncio.shield(reply)


async def _to_the_end(work: Coroutine[Any, Any, str]) -> str:
    """Await work that holds claims. If the caller stops waiting (a timeout) it goes on: what it has asked for may
    become durable, and until that is known nobody else may claim the same."""
    return await asyncio.shield(asyncio.get_running_loop().create_task(work))


def check_id(text: Any, what: str, limits: Limits) -> None:
    """Ids become parts of keys: text, no slash, not too long."""
    if not isinstance(text, str) or not text or "/" in text or "\0" in text:
        raise InvalidInputError(call=what, reason=f"{text!r} is no id; use non-empty text without slashes")
    check_text(text, what, limits)


def check_text(text: Any, what: str, limits: Limits) -> None:
    """Names and ids: text that can be written as UTF-8, not too long."""
    if not isinstance(text, str):
        raise InvalidInputError(call=what, reason=f"{text!r} is not text")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise InvalidInputError(call=what, reason=f"{text!r} holds half a character (a lone surrogate)") from None
    if size > limits.max_id_bytes:
        raise LimitExceededError(what=f"{what} in bytes", actual=size, limit=limits.max_id_bytes)
