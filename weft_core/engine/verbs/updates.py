"""Updates: messages that are answered."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from weft_core import codec
from weft_core.engine.batch import Envelope
from weft_core.engine.events import Told
from weft_core.engine.verbs.looking import LookingVerbs
from weft_core.errors import (
    InvalidInputError,
    PayloadTooLargeError,
    RunFinishedError,
    UpdateNotDeclaredError,
    UpdateNotFoundError,
    UpdateRejectedError,
    UpdateTimeoutError,
    WeftError,
    WorkflowNotRegisteredError,
)  # fmt: skip
from weft_core.machine.mail import UpdateStatus, read_update
from weft_core.model import keys
from weft_core.model.durations import Duration, duration_ms
from weft_core.model.messages import UpdateArrived
from weft_core.model.names import check_id, check_text
from weft_core.workflow import Update

_ANSWERED = frozenset({"update_completed", "update_rejected", "update_unanswered"})


@dataclass(frozen=True, slots=True)
class UpdateState:
    """What is known of an update."""

    run_id: str
    id: str
    name: str
    status: UpdateStatus
    result: Any
    error: WeftError | None
    """``UpdateRejectedError`` or, where the run ended first, ``RunFinishedError``; None for the other states."""
    at: int
    """When it came to this status (epoch ms)."""

    def value(self) -> Any:
        """The result; or the error, raised."""
        if self.error is not None:
            raise self.error
        return self.result


class _Answered:
    """Hears that an update has been answered, or that nothing more will be heard."""

    def __init__(self, update_id: str) -> None:
        self._update_id = update_id
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def told(self, told: Told) -> None:
        answered = any(name in _ANSWERED and data["update_id"] == self._update_id for name, data in told.events)
        if answered and not self.future.done():
            self.future.set_result(None)

    def stopped(self, error: BaseException) -> None:
        if not self.future.done():
            self.future.set_exception(error)
            self.future.exception()  # it may be that nobody waits yet

    def started(self) -> None:
        """It has been told that the engine stopped, and waits no more."""


class UpdateVerbs(LookingVerbs):
    """update, get_update."""

    async def update(
        self,
        run_id: str,
        update: Update[Any, Any] | str,
        payload: Any = None,
        *,
        update_id: str | None = None,
        timeout: Duration | None = "5s",
    ) -> Any:
        """Send a message and wait for its answer: for ever with ``timeout=None``, not at all with 0.

        It is accepted at most once per ``update_id`` (G8): asking again gives the recorded answer, or waits for it.
        ``UpdateValidationError``: refused by the workflow's validator, nothing was written. ``UpdateRejectedError``:
        answered with an error, which is recorded. ``UpdateTimeoutError``: accepted, and not answered yet.
        ``RunFinishedError``: the run is over, or ended before it answered. ``RunNotFoundError``,
        ``UpdateNotDeclaredError``, ``LimitExceededError`` (mailbox), ``PayloadTooLargeError``.
        """
        self._check_open()
        name = update.name if isinstance(update, Update) else update
        timeout_ms = None if timeout is None else duration_ms(timeout, "the timeout of an update")
        payload = self.interceptors.update(run_id, name, payload)
        update_id = update_id if update_id is not None else self._new_id()
        message = UpdateArrived(name, codec.dumps(payload), update_id)
        hearer = _Answered(update_id)
        leave = self.events.join(hearer, run_id)
        try:
            await self._accept_update(run_id, message)
            state = await self.get_update(run_id, update_id)
            if state.name != name:
                reason = f"update_id {update_id!r} belongs to an update {state.name!r} of run {run_id!r}"
                raise InvalidInputError(call=f"update {name!r}", reason=reason)
            if state.status == "pending":
                await self._wait_for_answer(hearer.future, timeout_ms, run_id, message)
                state = await self.get_update(run_id, update_id)
        finally:
            leave()
            hearer.future.cancel()
        return state.value()

    async def _wait_for_answer(
        self, answered: asyncio.Future[None], timeout_ms: int | None, run_id: str, message: UpdateArrived
    ) -> None:
        def late() -> None:
            if not answered.done():
                facts = {"update": message.name, "update_id": message.update_id}
                answered.set_exception(UpdateTimeoutError(run_id=run_id, timeout_ms=timeout_ms, **facts))

        if timeout_ms == 0:
            late()
        timer = self._clock.call_at(self._clock.now_ms() + timeout_ms, late) if timeout_ms is not None else None
        try:
            await answered
        finally:
            if timer is not None:
                timer.cancel()

    async def _accept_update(self, run_id: str, message: UpdateArrived) -> None:
        """When this returns, the update is durable, as it is or as one that came before it under its id."""
        check_text(message.name, "the name of an update", self.limits)
        check_id(message.update_id, "an update_id", self.limits)
        if len(message.payload) > self.limits.max_payload_bytes:
            raise PayloadTooLargeError(what=f"the payload of update {message.name}", actual=len(message.payload),
                                       limit=self.limits.max_payload_bytes)  # fmt: skip
        header = await self.reader.header(run_id)
        claim = keys.update(run_id, message.update_id)
        if not await self._parts.starts.claim(claim):
            return
        try:
            self._check_declared(header.workflow, header.version, message.name)
        except BaseException:
            self._parts.starts.release(claim)
            raise
        await self._parts.starts.submit_claimed(claim, Envelope(run_id, message))

    def _check_declared(self, workflow: str, version: str, name: str) -> None:
        try:
            declared = self.registry.closest(workflow, version).updates
        except WorkflowNotRegisteredError:
            return  # the run is held; its code may know it
        if declared is not None and name not in declared:
            raise UpdateNotDeclaredError(workflow=workflow, update=name, declared=sorted(declared))

    async def get_update(self, run_id: str, update_id: str) -> UpdateState:
        """What became of an update, also when its run is finished. ``UpdateNotFoundError``: never accepted."""
        self._check_open()
        key = keys.update(run_id, update_id)
        data = await self.storage.get(key)
        if data is None:
            raise UpdateNotFoundError(run_id=run_id, update_id=update_id)
        record = read_update(key, data)
        result: Any = None
        error: WeftError | None = None
        if record.status == "completed":
            result = codec.loads(record.outcome)
        elif record.status == "rejected":
            error = _rejected(run_id, update_id, record.name, record.outcome)
        elif record.status == "unanswered":
            header = await self.reader.header(run_id)
            action = f"update {record.name!r} was accepted before, and never answered; sending it again"
            # The run may have been rewound since, or another one may have taken over its id.
            status = header.status if header.finished_at is not None else "past the end at which it was let go"
            error = RunFinishedError(run_id=run_id, status=status, action=action)
        return UpdateState(run_id, update_id, record.name, record.status, result, error, record.at)


def _rejected(run_id: str, update_id: str, name: str, stored: dict[str, Any]) -> UpdateRejectedError:
    error = UpdateRejectedError(
        run_id=run_id, update=name, update_id=update_id, error_type=stored.get("type"),
        error_message=stored.get("message"),
    )  # fmt: skip
    if "value" in stored:
        try:
            error.__cause__ = codec.loads(stored["value"])
        except WeftError:
            error.__cause__ = None  # its class is not at hand here; the text is in the facts
    return error
