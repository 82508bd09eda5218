"""The engine as its parts see it: what they are made from, and what they ask of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from weft_core.engine.attempts import Attempts
from weft_core.engine.batch import Envelope
from weft_core.engine.bulk.verbs import Actions
from weft_core.engine.events import EventBus
from weft_core.engine.handoff.outbox import Form
from weft_core.engine.interceptors import Interceptors
from weft_core.engine.patience import PatientReads
from weft_core.engine.registry import Registry
from weft_core.engine.services import ServiceBook
from weft_core.model.limits import Limits
from weft_core.model.messages import CancelRequested, Message, SignalArrived, StepMessage
from weft_core.model.placement import Device
from weft_core.model.queues import Queue
from weft_core.model.retention import Retention
from weft_core.ports import Archive, HandoffTransport, Op, Storage
from weft_core.workflow import Schedule

OpList = list[Op]
"""``list`` is a method of the engine."""


class Whole:
    """Its core and its verbs answer what is asked here."""

    attempts_class: type[Attempts]
    storage: Storage
    registry: Registry
    limits: Limits
    retention: Retention
    interceptors: Interceptors
    events: EventBus
    _reads: PatientReads
    _services: ServiceBook
    _archive: Archive | None
    _transport: HandoffTransport | None
    _device: Device | None
    _declared_queues: Iterable[Queue]
    _retain_checkpoints: int
    _distrusted: dict[str, Mapping[str, Any]]

    @property
    def trouble(self) -> BaseException | None:
        """What stopped the engine, if it did not stop by being closed."""
        raise NotImplementedError

    # -- messages

    async def discard(self, ops: OpList) -> None:
        """Write records that concern no run, in the next batch."""
        raise NotImplementedError

    async def _deliver(self, run_id: str, message: Message | None, extra: OpList | None = None) -> None:
        raise NotImplementedError

    async def _ask(self, envelope: Envelope) -> Any:
        raise NotImplementedError

    def _outcome(self, run_id: str, message: StepMessage) -> None:
        """An attempt has ended."""
        raise NotImplementedError

    def _pump_stopped(self, trouble: BaseException) -> None:
        """The pump ended by itself: fenced, or its store fails."""
        raise NotImplementedError

    async def _check_owner(self) -> None:
        """An engine with nothing to commit does not meet its fence: look, and if it is there, run into it."""
        raise NotImplementedError

    # -- verbs

    async def deliver_signal(self, run_id: str, message: SignalArrived, extra: OpList | None = None) -> None:
        """Accept a signal that is encoded already; ``extra`` is written in the same batch."""
        raise NotImplementedError

    async def deliver_review(self, review_id: str, submitted: dict[str, Any], extra: OpList | None = None) -> None:
        """Accept a decision in its plain form; ``extra`` is written in the same batch."""
        raise NotImplementedError

    async def deliver_start(self, workflow: str, data: bytes, facts: dict[str, Any], extra: OpList) -> None:
        """Start a run that was left to be started; ``extra`` is written in the batch of its first turn."""
        raise NotImplementedError

    async def deliver_cancel(self, run_id: str, message: CancelRequested, extra: OpList | None = None) -> None:
        """Accept a request to cancel; ``extra`` is written in the same batch."""
        raise NotImplementedError

    async def deliver_order(self, verb: str, run_id: str, reason: str | None) -> None:
        """Terminate, suspend or resume a run, as was left to be done."""
        raise NotImplementedError

    async def deliver_to_schedule(self, verb: str, schedule_id: str, argument: Any, extra: OpList) -> None:
        """Do what was left to be done with a schedule; ``extra`` is written when it is done, once."""
        raise NotImplementedError

    async def _declare(self, declared: Schedule) -> None:
        """Bring the store in line with a schedule that the program declares."""
        raise NotImplementedError

    async def _check_signal_to(self, run_id: str, message: SignalArrived) -> None:
        """Raises what is wrong with a signal for a run."""
        raise NotImplementedError

    def _actions(self) -> Actions:
        """The verbs that bulk operations use."""
        raise NotImplementedError

    async def _leave_for_server(self, run_id: str, url: str) -> None:
        """Begin to hand off a run that belongs on the server."""
        raise NotImplementedError

    async def _said(self, run_id: str, form: Form, extra: OpList) -> Any:
        """Do here what somebody has said to a run, and encode the answer."""
        raise NotImplementedError
