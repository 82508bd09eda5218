"""A signal to a run that may have to be started first."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

from weft_core import codec
from weft_core.engine.batch import Envelope
from weft_core.engine.handle import WorkflowHandle
from weft_core.engine.starts import StartOptions
from weft_core.engine.verbs.runs import RunVerbs
from weft_core.errors import (
    InvalidInputError,
    RunExistsError,
    RunFinishedError,
    RunMovedError,
    StartOrSignalConflictError,
)
from weft_core.model import keys
from weft_core.model.durations import Duration
from weft_core.model.messages import SignalArrived
from weft_core.model.names import check_id
from weft_core.workflow import Signal, Workflow


class StartedOrSignalled(NamedTuple):
    """What ``start_or_signal`` has done: ``handle, outcome = await engine.start_or_signal(...)``."""

    handle: WorkflowHandle
    outcome: Literal["started", "signalled"]


class StartOrSignalVerbs(RunVerbs):
    """start_or_signal."""

    async def start_or_signal(
        self,
        workflow: Workflow | str,
        /,
        *inputs: Any,
        signal: Signal[Any] | str,
        payload: Any = None,
        id: str | None = None,
        idempotency_key: str | None = None,
        signal_id: str | None = None,
        delay: Duration | None = None,
        start_at: datetime | int | float | None = None,
        execution_timeout: Duration | None = None,
        services: Mapping[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        attributes: Mapping[Any, Any] | None = None,
        tags: Sequence[str] = (),
    ) -> StartedOrSignalled:
        """Signal the run, or start it with this as its first signal; one atomic step either way.

        The run is named by ``id``, or by ``idempotency_key``. If it is absent, it and the signal become durable in one
        batch. If it is unfinished, it gets the signal alone, and whether it is unfinished is decided in the very batch
        that accepts it: a run that ends meanwhile is ``StartOrSignalConflictError``, as is one that is finished, and
        nothing is written.

        A repeated call changes nothing and says the same again, if it has the same ``idempotency_key``, or the same
        ``id`` and ``signal_id``; without either each call signals. The other options are those of ``start`` and of no
        concern to a run that is there. Interceptors of starts and of signals see the call, whichever it comes to;
        without ``id`` the run's id is not known to them yet ("").
        """
        self._check_open()
        inputs, headers = self.interceptors.start(_name_of(workflow), inputs, id, headers)
        first = self._first_signal(workflow, signal, payload, signal_id, id, idempotency_key)
        options = StartOptions.of(
            self._clock.now_ms(), id=id, idempotency_key=idempotency_key, delay=delay, start_at=start_at,
            execution_timeout=execution_timeout, services=services, headers=headers, attributes=attributes or {},
            tags=tags, first=first,
        )  # fmt: skip
        try:
            run_id = await self._parts.starts.start(workflow, inputs, options)
        except RunExistsError:
            assert id is not None
            run_id = id
        outcome = await self._signal_unless_done(run_id, _name_of(workflow), first)
        return StartedOrSignalled(WorkflowHandle(self, run_id), outcome)

    def _first_signal(
        self,
        workflow: Workflow | str,
        signal: Signal[Any] | str,
        payload: Any,
        signal_id: str | None,
        run_id: str | None,
        key: str | None,
    ) -> SignalArrived:
        if run_id is None and key is None:
            raise InvalidInputError(call="start_or_signal", reason="give id= or idempotency_key=: which run is it?")
        if key is not None:
            if signal_id is not None:
                raise InvalidInputError(call="start_or_signal", reason="give idempotency_key= or signal_id=, not both")
            check_id(key, "an idempotency key", self.limits)
            signal_id = f"key-{hashlib.sha256(key.encode()).hexdigest()[:32]}"
        elif signal_id is None:
            signal_id = self._new_id()
        check_id(signal_id, "a signal_id", self.limits)
        name = signal.name if isinstance(signal, Signal) else signal
        message = self.interceptors.signal(run_id or "", SignalArrived(name, codec.dumps(payload), signal_id))
        known = self.registry.newest(workflow) if isinstance(workflow, str) else workflow
        self._check_signal(message, known.name, known.version, ())
        return message

    async def _signal_unless_done(
        self, run_id: str, workflow: str, message: SignalArrived
    ) -> Literal["started", "signalled"]:
        """The run is there. If this signal came with it, or has been sent before, that was it."""
        assert message.signal_id is not None
        claim = keys.mail_id(run_id, message.signal_id)
        if not await self._parts.starts.claim(claim):
            return "started" if await self._reads.get(claim) == keys.CAME_WITH_START else "signalled"
        try:
            header = await self.reader.header(run_id)
            if header.workflow != workflow:
                reason = f"is one of workflow {header.workflow!r}"
                raise StartOrSignalConflictError(run_id=run_id, reason=reason)
            self._check_signal(message, header.workflow, header.version, header.signals)
        except BaseException:
            self._parts.starts.release(claim)
            raise
        try:
            await self._parts.starts.submit_claimed(claim, Envelope(run_id, message))
        except RunMovedError:
            await self.deliver_signal(run_id, message)
        except RunFinishedError as finished:
            raise StartOrSignalConflictError(run_id=run_id, reason=f"is already {finished.facts['status']}") from None
        return "signalled"


def _name_of(workflow: Workflow | str) -> str:
    return workflow if isinstance(workflow, str) else workflow.name
