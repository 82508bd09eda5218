"""Starting runs: ids, idempotency keys, inputs."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

from weft_core import codec
from weft_core.engine.batch import Envelope
from weft_core.engine.live import LiveRuns
from weft_core.engine.patience import PatientReads, scan_all
from weft_core.engine.registry import Registry
from weft_core.errors import (
    IdempotencyKeyConflictError,
    IdempotencyKeyPurgedError,
    InvalidInputError,
    PayloadTooLargeError,
    RunExistsError,
    WeftError,
)  # fmt: skip
from weft_core.machine import marks, records
from weft_core.machine.sealed import seal_plain, unseal_plain
from weft_core.machine.shared import Caller
from weft_core.model import keys
from weft_core.model.durations import Duration, duration_ms, instant_ms
from weft_core.model.limits import Limits
from weft_core.model.messages import Begin, SignalArrived
from weft_core.model.names import check_id
from weft_core.model.run import RunHeader
from weft_core.ports import Host, Op
from weft_core.workflow import Workflow
from weft_core.workflow.attributes import by_name

_PAGE = 256
Conflict = Literal["error", "return_existing", "restart"]
"""What a start does whose id names a run that exists: refuse; give that run; take the place of it if it is finished."""


Make = Callable[[str, list[Op]], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class StartOptions:
    """What the caller of ``start`` may say beside the inputs; checked."""

    id: str | None = None
    idempotency_key: str | None = None
    start_at: int = 0
    """Epoch ms before which the body does not begin."""
    deadline: int = 0
    """Epoch ms at which the run is ended as timed out; 0: never."""
    on_conflict: Conflict = "error"
    tags: Sequence[str] = ()
    attributes: Mapping[Any, Any] = field(default_factory=dict)
    """Search attributes, by :class:`SearchAttribute` or by name."""
    headers: dict[str, str] = field(default_factory=dict)
    parent: list[Any] = field(default_factory=list)
    lineage: dict[str, Any] = field(default_factory=dict)
    services: Mapping[str, Any] | None = None
    first: SignalArrived | None = None
    """A signal that is accepted in the batch that starts the run."""
    forming: str | None = None
    """The record by which later calls find the run, until it begins."""
    gathers: bool = False
    """Its one input is a list that grows until it begins."""

    @classmethod
    def of(
        cls,
        now: int,
        *,
        id: str | None = None,
        idempotency_key: str | None = None,
        delay: Duration | None = None,
        start_at: datetime | int | float | None = None,
        execution_timeout: Duration | None = None,
        on_conflict: Conflict = "error",
        **more: Any,
    ) -> StartOptions:
        """``delay`` and ``start_at`` exclude each other; the execution timeout counts from the start of the body."""
        if delay is not None and start_at is not None:
            raise InvalidInputError(call="start", reason="give delay= or start_at=, not both")
        if on_conflict not in get_args(Conflict):
            raise InvalidInputError(call="start", reason=f"on_conflict is one of {get_args(Conflict)}")
        if on_conflict != "error" and (id is None or idempotency_key is not None):
            raise InvalidInputError(
                call="start", reason=f"on_conflict={on_conflict!r} needs id= and no idempotency_key="
            )
        begin = now + duration_ms(delay, "the delay of start") if delay is not None else 0
        begin = instant_ms(start_at, "start_at") if start_at is not None else begin
        deadline = 0
        if execution_timeout is not None:
            deadline = max(begin, now) + duration_ms(execution_timeout, "execution_timeout")
        return cls(id, idempotency_key, begin, deadline, on_conflict, **more)


KeepBack = Callable[[RunHeader, Workflow, StartOptions], Awaitable[tuple[str, list[Op]] | None]]


async def _begins_here(header: RunHeader, definition: Workflow, options: StartOptions) -> None:
    return None


@dataclass(slots=True)
class _Request:
    """A start whose parts have been checked; ``rows`` go into the batch of the first turn."""

    definition: Workflow
    data: bytes
    options: StartOptions
    rows: list[Op]
    tags: list[str]
    attributes: dict[str, bytes]
    reply_to: Caller | None = None
    post: str = ""


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
        retain_checkpoints: int,
    ) -> None:
        self._storage, self._registry, self._live, self._submit = storage, registry, live, submit
        self._host, self._limits, self._retain_checkpoints = host, limits, retain_checkpoints
        self._claimed: dict[str, asyncio.Future[None]] = {}
        self.keep_back: KeepBack = _begins_here
        """Where a run is to begin, and what is written with it; None: here."""
        self.kept_back: Callable[[str], None] = lambda run_id: None
        """Told of such a run when it is durable."""
        self.revived: Callable[[RunHeader], None] = lambda before: None
        """Told of a finished run whose place another one has taken."""

    async def hold(self, key: str) -> None:
        """Take a key for ourselves until ``release``, whether or not there is a record of it."""
        while key in self._claimed:
            await asyncio.shield(self._claimed[key])
        self._claimed[key] = asyncio.get_running_loop().create_future()

    async def claim(self, key: str) -> bool:
        """True: the key is in no record and ours until ``release``. False: it has been taken."""
        await self.hold(key)
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

    def new_id(self) -> str:
        return self._host.ids.new_id()

    async def start(
        self, workflow: Workflow | str, inputs: tuple[Any, ...], options: StartOptions, rows: Sequence[Op] = ()
    ) -> str:
        """Id of the run, which is durable; ``rows`` are written in the batch of its first turn."""
        request = self._request(workflow, inputs, options, rows)
        if options.idempotency_key is not None:
            digest = hashlib.sha256(b"%b\0%b" % (request.definition.name.encode(), request.data)).digest()

            async def make(run_id: str, rows: list[Op]) -> str:
                request.rows += rows
                return await (self._start_as if options.id is not None else self._start)(request, run_id)

            return await self.once(options.id, options.idempotency_key, digest, make)
        if options.id is not None:
            return await to_the_end(self._start_as(request, options.id))
        return await self._start(request, self._host.ids.new_id())

    async def start_child(
        self, workflow: str, data: bytes, options: StartOptions, spawn_key: str, born: int | None
    ) -> None:
        """Start what a run that was created at ``born`` (None: it has ended) has asked for; its post is removed, and
        its parent told, in the batch of the first turn."""
        run_id, task, step, policy = options.parent
        check_id(options.id, "the id of a child run", self._limits)
        assert options.id is not None
        definition = self._registry.newest(workflow)
        definition.check_inputs(tuple(codec.loads(data)))
        rows: list[Op] = [(spawn_key, None)]
        if born is not None:
            rows.append((keys.child(run_id, options.id), f"{policy}@{born:x}".encode()))
        request = _Request(definition, data, options, rows, [*options.tags], {}, (run_id, task, step), spawn_key)
        await to_the_end(self._start_as(request, options.id))

    async def fire(self, workflow: str, data: bytes, options: StartOptions, rows: Sequence[Op]) -> None:
        """Start a run of a schedule, whose input is encoded, with ``rows`` in the batch of its first turn.

        ``RunExistsError``, ``WorkflowNotRegisteredError``, ``InvalidInputError``: then nothing has been written.
        """
        assert options.id is not None
        definition = self._registry.newest(workflow)
        definition.check_inputs(tuple(codec.loads(data)))
        request = _Request(definition, data, options, [*rows], [*options.tags], {})
        await to_the_end(self._start_as(request, options.id))

    def _request(
        self, workflow: Workflow | str, inputs: tuple[Any, ...], options: StartOptions, rows: Sequence[Op]
    ) -> _Request:
        registry = self._registry
        definition = registry.newest(workflow) if isinstance(workflow, str) else registry.exactly(workflow)
        definition.check_inputs(inputs)
        data = codec.dumps(list(inputs))
        if len(data) > self._limits.max_payload_bytes:
            raise PayloadTooLargeError(what="the input", actual=len(data), limit=self._limits.max_payload_bytes)
        if options.id is not None:
            check_id(options.id, "a run id", self._limits)
        if options.idempotency_key is not None:
            check_id(options.idempotency_key, "an idempotency key", self._limits)
        tags = [*marks.check_tags(options.tags, self._limits)] if options.tags else []
        attributes: dict[str, bytes] = {}
        if options.attributes:
            change = marks.encode(by_name(options.attributes), self._limits, definition.attribute_types)
            attributes = {name: value for name, value in change.items() if value is not None}
            marks.check_number(attributes, self._limits)
        return _Request(definition, data, options, [*rows], tags, attributes)

    async def _start_as(self, request: _Request, run_id: str) -> str:
        """Start under the id that was asked for."""
        key = keys.run(run_id)
        await self.hold(key)
        try:
            data = await self._storage.get(key)
            if data is None:
                return await self._start(request, run_id)
            conflict = request.options.on_conflict
            if conflict == "return_existing":
                return run_id
            existing = records.read_header(run_id, data)
            if conflict == "error" or existing.finished_at is None:
                raise RunExistsError(run_id=run_id, status=existing.status)
            return await self._start(request, run_id, existing)
        finally:
            self.release(key)

    async def once(self, wanted: str | None, key: str | None, digest: bytes, make: Make) -> str:
        """The id of the run that ``make`` makes, given its id and rows for its first batch; with a key, the same run
        for the same call for ever (G6)."""
        return await to_the_end(self._once(wanted, key, digest, make))

    async def _once(self, wanted: str | None, key: str | None, digest: bytes, make: Make) -> str:
        if key is None:
            return await make(wanted or self._host.ids.new_id(), [])
        record_key = keys.idempotency(key)
        if not await self.claim(record_key):
            stored = await self._storage.get(record_key)
            assert stored is not None
            found: str
            found, known, *purged = unseal_plain(record_key, stored)
            if purged:
                raise IdempotencyKeyPurgedError(key=key, run_id=found)
            if known != digest or wanted not in (None, found):
                raise IdempotencyKeyConflictError(key=key, run_id=found)
            return found
        try:
            run_id = wanted or self._host.ids.new_id()
            return await make(run_id, [(record_key, seal_plain(record_key, [run_id, digest]))])
        finally:
            self.release(record_key)

    async def _start(self, request: _Request, run_id: str, before: RunHeader | None = None) -> str:
        """``before`` is the finished run of the same id whose place this one takes. Its events stay; the steps of the
        new one have idempotency keys of their own."""
        now, options, definition = self._host.clock.now_ms(), request.options, request.definition
        inputs = tuple(codec.loads(request.data))
        admission = definition.admission(inputs)
        header = RunHeader(
            id=run_id, workflow=definition.name, version=definition.version, status="running", created_at=now,
            updated_at=now, input=request.data, idempotency_key=options.idempotency_key,
            signals=sorted(definition.signals or ()), tags=request.tags, attributes=request.attributes,
            deadline=options.deadline, parent=options.parent, headers=options.headers, lineage=options.lineage,
            retain=self.retained(definition),
        )  # fmt: skip
        if before is not None:
            request.rows += await self._take_over(header, before)
        elsewhere = await self.keep_back(header, definition, options)
        url, rows = elsewhere if elsewhere is not None else (None, [])
        request.rows += rows
        if options.services is not None:
            header.has_services = True
            self._live.services.give(run_id, options.services)
        run = self._live.create(header, inputs)
        reply: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        post_id = request.post.rpartition("/")[2]
        gathered = inputs[0] if options.gathers else None
        begin = Begin(
            options.start_at, options.first, options.forming, gathered, admission, elsewhere=url
        )  # fmt: skip
        self._submit(
            Envelope(
                run_id, begin, new=run, extra=request.rows, reply=reply, reply_to=request.reply_to, post_id=post_id
            )
        )
        try:
            await reply
        except WeftError:
            self._live.services.forget(run_id)  # it is refused
            raise
        if before is not None:
            self.revived(before)
        if url is not None:
            self.kept_back(run_id)
        return run_id

    async def _take_over(self, header: RunHeader, before: RunHeader) -> list[Op]:
        """Have a new run go on with the numbers of the finished one, and with its key; what goes away of that one."""
        assert before.finished_at is not None
        await self._forget(before)
        # By when they began others tell the two from each other.
        header.created_at = max(header.created_at, before.created_at + 1)
        header.generation, header.next_seq, header.mail_seq = before.generation + 1, before.next_seq, before.mail_seq
        header.highest, header.moves = max(before.highest, before.steps), before.moves
        header.idempotency_key, header.indexed = before.idempotency_key, before.indexed
        header.lineage = {**header.lineage, "restarted_from": before.created_at}
        ops: list[Op] = [
            (keys.answers(before.id), None),
            (keys.ended(before.workflow, before.status, before.finished_at, before.id), None),
        ]
        if before.retain:
            for prefix in (keys.past_prefix(before.id), keys.chunk_prefix(before.id)):
                ops += [(key, None) for key, _ in await scan_all(self._storage, prefix)]
        return ops

    def retained(self, definition: Workflow) -> int:
        """How many checkpoints a run that is started now retains."""
        declared = definition.retain_checkpoints
        return self._retain_checkpoints if declared is None else declared

    async def _forget(self, before: RunHeader) -> None:
        """The values of a finished run whose place another one takes."""
        for kind in before.kept:
            while found := await self._storage.scan(f"{kind}/{before.id}/", limit=_PAGE):
                reply: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._submit(Envelope("", extra=[(key, None) for key, _ in found], reply=reply))
                await reply

    async def submit_claimed(self, key: str, envelope: Envelope) -> None:
        """Have the envelope decided; its key stays claimed until then, also if the caller stops waiting."""
        reply = envelope.reply = asyncio.get_running_loop().create_future()
        reply.add_done_callback(lambda _: self.release(key))
        self._submit(envelope)
        await asyncio.shield(reply)


async def to_the_end(work: Coroutine[Any, Any, str]) -> str:
    """Await work that holds claims. If the caller stops waiting (a timeout) it goes on: what it has asked for may
    become durable, and until that is known nobody else may claim the same."""
    return await asyncio.shield(asyncio.get_running_loop().create_task(work))
