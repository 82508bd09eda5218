"""Starting runs, speaking to them, and removing them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from weft_core import codec
from weft_core.engine.batch import Envelope
from weft_core.engine.handle import WorkflowHandle
from weft_core.engine.left_starts import inputs_of, options_of
from weft_core.engine.starts import Conflict, StartOptions
from weft_core.engine.verbs.updates import UpdateVerbs
from weft_core.engine.whole import OpList
from weft_core.errors import (
    InvalidInputError,
    PayloadTooLargeError,
    QueryNotFoundError,
    RunFinishedError,
    SignalNotDeclaredError,
    WorkflowNotRegisteredError,
)  # fmt: skip
from weft_core.machine import records
from weft_core.model import keys
from weft_core.model.durations import Duration
from weft_core.model.messages import (
    CancelRequested,
    Recover,
    ResumeRequested,
    SignalArrived,
    SuspendRequested,
    TerminateRequested,
)  # fmt: skip
from weft_core.model.names import check_id, check_text, check_told
from weft_core.model.run import RunHeader, RunState
from weft_core.ports import enters_authors_code
from weft_core.workflow import Query, Signal, Workflow


class RunVerbs(UpdateVerbs):
    """start, signal, query, cancel, terminate, suspend, resume, purge."""

    async def start(
        self,
        workflow: Workflow | str,
        /,
        *inputs: Any,
        id: str | None = None,
        idempotency_key: str | None = None,
        delay: Duration | None = None,
        start_at: datetime | int | float | None = None,
        execution_timeout: Duration | None = None,
        on_conflict: Conflict = "error",
        services: Mapping[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        attributes: Mapping[Any, Any] | None = None,
        tags: Sequence[str] = (),
    ) -> WorkflowHandle:
        """Start a run; when this returns, the run is durable and waits at its first suspension point.

        ``id`` names the run. What happens if it exists, ``on_conflict`` says: "error" (``RunExistsError``),
        "return_existing", or "restart", which takes the place of a run that is finished and refuses one that is not.
        With ``idempotency_key`` the same call gives the same run for ever (G6), another input or id
        ``IdempotencyKeyConflictError``. Inputs are copied.

        With ``delay`` or ``start_at`` the body begins then; until it has, the run is "pending". A run that is still
        unfinished ``execution_timeout`` after that is ended as "timed_out": ``RunCancelled`` is raised in it, so
        that ``finally`` blocks and compensations run. While no engine is awake both are late (G10).

        ``services`` are objects for this run, beside those of the engine. They are not stored: after a restart the
        engine's ``resolve_services`` is asked for them.

        ``headers`` are texts that the run, its children and its activities carry along (``activity_info().headers``),
        a trace id for example. ``attributes`` (by ``search_attribute`` or by name) and ``tags`` are what ``list``
        finds the run by.
        """
        self._check_open()
        name = workflow if isinstance(workflow, str) else workflow.name
        inputs, headers = self.interceptors.start(name, inputs, id, headers)
        options = StartOptions.of(
            self._clock.now_ms(), id=id, idempotency_key=idempotency_key, delay=delay, start_at=start_at,
            execution_timeout=execution_timeout, on_conflict=on_conflict, headers=headers, attributes=attributes or {},
            tags=tags, services=services,
        )  # fmt: skip
        return WorkflowHandle(self, await self._parts.starts.start(workflow, inputs, options))

    async def deliver_start(self, workflow: str, data: bytes, facts: dict[str, Any], extra: OpList) -> None:
        """Start a run that was left to be started; ``extra`` is written in the batch of its first turn, once."""
        inputs, headers = self.interceptors.start(
            workflow, inputs_of(data), facts["id"], facts.get("headers")
        )  # fmt: skip
        await self._parts.starts.start(workflow, inputs, options_of(facts, self._clock.now_ms(), headers), extra)
        if await self._reads.has(extra[0][0]):  # the key has its run already: nothing was started
            await self.discard(extra)

    def get_handle(self, run_id: str) -> WorkflowHandle:
        """A handle for a run that may or may not exist."""
        return WorkflowHandle(self, run_id)

    async def signal(
        self, run_id: str, signal: Signal[Any] | str, payload: Any = None, *, signal_id: str | None = None
    ) -> None:
        """Send a signal. When this returns it is durable, and it is delivered in order of acceptance (G7).

        The same ``signal_id`` is accepted once per run. ``RunNotFoundError``, ``RunFinishedError``,
        ``SignalNotDeclaredError``, ``LimitExceededError`` (mailbox), ``PayloadTooLargeError``.
        """
        self._check_open()
        name = signal.name if isinstance(signal, Signal) else signal
        await self.deliver_signal(run_id, SignalArrived(name, codec.dumps(payload), signal_id))

    async def deliver_signal(self, run_id: str, message: SignalArrived, extra: OpList | None = None) -> None:
        """Accept a signal that is encoded already; ``extra`` is written in the same batch."""
        message = self.interceptors.signal(run_id, message)
        check_text(message.name, "the name of a signal", self.limits)
        await self._check_signal_to(run_id, message)
        if message.signal_id is None:
            await self._deliver(run_id, message, extra)
            return
        check_id(message.signal_id, "a signal_id", self.limits)
        claim = keys.mail_id(run_id, message.signal_id)
        if await self._parts.starts.claim(claim):
            await self._parts.starts.submit_claimed(claim, Envelope(run_id, message, extra=extra or []))
        elif extra:
            await self.discard(extra)

    async def _check_signal_to(self, run_id: str, message: SignalArrived) -> None:
        header = await self.reader.header(run_id)
        self._check_signal(message, header.workflow, header.version, header.signals)

    def _check_signal(self, message: SignalArrived, workflow: str, version: str, stored: Sequence[str]) -> None:
        """Whether it may be sent to a run of that workflow, which declared the ``stored`` signals when it began."""
        check_text(message.name, "the name of a signal", self.limits)
        if len(message.payload) > self.limits.max_payload_bytes:
            raise PayloadTooLargeError(what=f"the payload of signal {message.name}", actual=len(message.payload),
                                       limit=self.limits.max_payload_bytes)  # fmt: skip
        declared = self._declared_signals(workflow, version, stored)
        if declared is not None and message.name not in declared:
            raise SignalNotDeclaredError(workflow=workflow, signal=message.name, declared=sorted(declared))

    def _declared_signals(self, name: str, version: str, stored: Sequence[str]) -> frozenset[str] | None:
        """Those of today's code, and those the run was started with: a sender may have been told that it is durable."""
        try:
            declared = self.registry.closest(name, version).signals
        except WorkflowNotRegisteredError:
            return frozenset(stored) or None
        return None if declared is None else declared | frozenset(stored)

    async def query(self, run_id: str, query: Query[Any] | str, /, *args: Any) -> Any:
        """Ask a run, from its committed state; also while it is parked, and when it is finished (G9).

        Runs no steps, writes nothing: handlers work on a copy. ``QueryNotFoundError``; for a finished run whose code is
        gone, what keeps its handlers from being restored: ``WorkflowNotRegisteredError``, ``CodeChangedError``.
        """
        return (await self.query_at(run_id, query, *args))[0]

    async def query_at(self, run_id: str, query: Query[Any] | str, /, *args: Any) -> tuple[Any, int]:
        """The answer, and the number of completed steps it saw."""
        self._check_open()
        name = query.name if isinstance(query, Query) else query
        check_text(name, "the name of a query", self.limits)
        args = self.interceptors.query(run_id, name, args)
        header = await self.reader.header(run_id)
        if header.finished_at is not None:
            return await self._ask_finished(header, name, args)

        def answer(run: RunState) -> tuple[Any, int]:
            if name in run.exposed:
                return codec.loads(run.exposed[name]), run.completed
            handler = run.queries.get(name)
            if handler is None:
                raise QueryNotFoundError(run_id=run_id, query=name, available=sorted({*run.queries, *run.exposed}))
            return _answer(self._parts.onlooker.copy(run, handler), args), run.completed

        try:
            found: tuple[Any, int] = await self._ask(Envelope(run_id, visit=answer))
        except RunFinishedError:  # since we looked
            return await self._ask_finished(await self.reader.header(run_id), name, args)
        return found

    async def _ask_finished(self, header: RunHeader, name: str, args: tuple[Any, ...]) -> tuple[Any, int]:
        """From the values it had exposed, and from its handlers as they were at its end."""
        if name in header.exposed:
            return codec.loads(header.exposed[name]), header.steps
        data = await self.storage.get(keys.answers(header.id))
        handlers: dict[str, Any] = {}
        if data is not None:
            self.registry.closest(header.workflow, header.version)  # raises if it is not registered
            handlers = self._parts.onlooker.restore(header, header.exposed, records.read_answers(header.id, data))
        if name not in handlers:
            available = sorted({*header.exposed, *handlers})
            raise QueryNotFoundError(run_id=header.id, query=name, available=available)
        try:
            return _answer(handlers[name], args), header.steps
        except SystemExit as error:
            raise RuntimeError(f"the query's handler raised SystemExit({error})") from error

    async def cancel(self, run_id: str, reason: str | None = None) -> None:
        """Ask a run to stop (G13): durable when this returns; raised at its suspension point as ``RunCancelled``."""
        self._check_open()
        await self.deliver_cancel(run_id, CancelRequested(reason))

    async def terminate(self, run_id: str, reason: str | None = None) -> None:
        """End a run at once. None of its code runs any more: no ``finally``, no compensation; prefer ``cancel``.

        Durable when this returns. ``RunNotFoundError``, ``RunFinishedError``.
        """
        self._check_run_id(run_id)
        check_told("terminate", self.limits, reason=reason)
        await self._deliver(run_id, TerminateRequested(reason))

    async def suspend(self, run_id: str, reason: str | None = None) -> None:
        """Have a run take no further step until :meth:`resume`.

        Attempts in flight go on, their outcome is recorded; timers fire, signals are accepted, its execution timeout
        goes on; but none of its code runs. Durable when this returns.
        """
        self._check_run_id(run_id)
        check_told("suspend", self.limits, reason=reason)
        await self._deliver(run_id, SuspendRequested(reason))

    async def deliver_cancel(self, run_id: str, message: CancelRequested, extra: OpList | None = None) -> None:
        """Accept a request to cancel; ``extra`` is written in the same batch."""
        self._check_run_id(run_id)
        message = self.interceptors.cancel(run_id, message)
        check_told("cancel", self.limits, reason=message.reason)
        await self._deliver(run_id, message, extra)

    async def resume(self, run_id: str) -> None:
        """Go on with a suspended run; or take up a held or dead one again from its last checkpoint, after its obstacle
        has been removed: the code it needs may have been registered meanwhile.

        Raises the obstacle if it is still there; a run that is not stopped goes on as it does.
        """
        self._check_run_id(run_id)
        self._check_open()
        if (await self.header(run_id)).status in ("suspended", "needs_attention"):
            await self._deliver(run_id, ResumeRequested())
            return
        await self._parts.sources.renew()
        await self._deliver(run_id, Recover())

    async def purge(self, run_id: str, *, force: bool = False) -> None:
        """Remove a finished run and every record of it, event log included.

        When this returns nothing of it is left but its spent idempotency key, which starts nothing any more
        (``IdempotencyKeyPurgedError``, G6). It is invisible from the first batch on, and a crash in the middle is made
        good at the next opening. ``force`` also removes a run that is held or dead, or whose record cannot be read.
        ``RunNotFoundError``, ``RunNotFinishedError``, ``CorruptRecordError``.
        """
        self._check_open()
        self._check_run_id(run_id)
        await self._parts.purger.purge(run_id, force=force)

    async def deliver_order(self, verb: str, run_id: str, reason: str | None) -> None:
        """Do what was left to be done with a run. ``InvalidInputError``: nothing of ours."""
        orders: dict[str, Callable[[], Awaitable[None]]] = {
            "terminate": lambda: self.terminate(run_id, reason),
            "suspend": lambda: self.suspend(run_id, reason),
            "resume": lambda: self.resume(run_id),
        }
        if verb not in orders:
            raise InvalidInputError(call="what was left", reason=f"{verb!r} is nothing that a run can be told")
        await orders[verb]()


@enters_authors_code
def _answer(handler: Any, args: tuple[Any, ...]) -> Any:
    return codec.loads(codec.dumps(handler(*args)))
