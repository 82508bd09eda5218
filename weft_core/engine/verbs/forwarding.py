"""Speaking to a run that another engine has: its owner is told instead, or told later."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from weft_core import codec
from weft_core.engine.handoff.outbox import Form
from weft_core.engine.verbs.handoff import HandoffVerbs
from weft_core.engine.verbs.runs import RunVerbs
from weft_core.engine.verbs.updates import UpdateState
from weft_core.engine.whole import OpList
from weft_core.errors import (
    HandoffUnansweredError,
    QueryNotFoundError,
    RunMovedError,
    UpdateNotFoundError,
    UpdateTimeoutError,
    WeftError,
    error_from_json,
)
from weft_core.model.durations import Duration, duration_ms
from weft_core.model.messages import CancelRequested, SignalArrived
from weft_core.workflow import Query, Update

_WAIT_MS = 20_000
"""How long the owner may keep a question of ours."""


class ForwardingVerbs(HandoffVerbs):
    """signal, cancel, update, get_update, query of runs that have moved."""

    async def deliver_signal(self, run_id: str, message: SignalArrived, extra: OpList | None = None) -> None:
        """As for a run that is here; one that is away has it from its owner, now or when that is reached again."""
        self._check_run_id(run_id)
        form: Form = ["signal", message.name, message.payload, message.signal_id or self._new_id()]
        await self._tell(run_id, form, extra, partial(super().deliver_signal, run_id, message, extra))

    async def deliver_cancel(self, run_id: str, message: CancelRequested, extra: OpList | None = None) -> None:
        """As for a run that is here; one that is away has it from its owner, now or when that is reached again."""
        self._check_run_id(run_id)
        form: Form = ["cancel", message.reason]
        await self._tell(run_id, form, extra, partial(super().deliver_cancel, run_id, message, extra))

    async def update(
        self,
        run_id: str,
        update: Update[Any, Any] | str,
        payload: Any = None,
        *,
        update_id: str | None = None,
        timeout: Duration | None = "5s",
    ) -> Any:
        """Of a run that is away, its owner is asked; ``RunMovedError`` names one that cannot be reached."""
        update_id = update_id if update_id is not None else self._new_id()
        try:
            return await super().update(run_id, update, payload, update_id=update_id, timeout=timeout)
        except RunMovedError as moved:
            name = update.name if isinstance(update, Update) else update
            until = None if timeout is None else self._clock.now_ms() + duration_ms(timeout, "the timeout of an update")
            return await self._update_there(moved, name, codec.dumps(payload), update_id, until)

    async def _update_there(
        self, moved: RunMovedError, name: str, payload: bytes, update_id: str, until: int | None
    ) -> Any:
        while True:
            left = _WAIT_MS if until is None else max(0, until - self._clock.now_ms())
            try:
                form: Form = ["update", name, payload, update_id, min(left, _WAIT_MS)]
                return codec.loads(await self._ask_owner(moved, form))
            except UpdateTimeoutError:
                if until is not None and self._clock.now_ms() >= until - 1:
                    raise
                if left <= 0:
                    raise

    async def get_update(self, run_id: str, update_id: str) -> UpdateState:
        """Of a run that is away or has ended elsewhere, its owner is asked."""
        try:
            return await super().get_update(run_id, update_id)
        except UpdateNotFoundError as unknown:
            if not await self._owner_of(run_id):
                raise
            name, status, result, error, at = await self._ask_owner(unknown, ["get_update", update_id])
            value = codec.loads(result) if result is not None else None
            failure = error_from_json(error) if error is not None else None
            return UpdateState(run_id, update_id, name, status, value, failure, at)

    async def query_at(self, run_id: str, query: Query[Any] | str, /, *args: Any) -> tuple[Any, int]:
        """Of a run that is away, or has ended elsewhere with handlers that are there, its owner is asked."""
        try:
            return await super().query_at(run_id, query, *args)
        except (RunMovedError, QueryNotFoundError) as moved:
            if not await self._owner_of(run_id):
                raise
            name = query.name if isinstance(query, Query) else query
            answer, step = await self._ask_owner(moved, ["query", name, codec.dumps(list(args))])
            return codec.loads(answer), step

    async def handoff_state(self, run_id: str) -> dict[str, Any]:
        """With ``outbox``: how many signals and cancels wait here for its owner."""
        return {**await super().handoff_state(run_id), "outbox": await self._parts.outbox.waiting(run_id)}

    # -- inside

    async def _tell(self, run_id: str, form: Form, extra: OpList | None, here: Callable[[], Awaitable[None]]) -> None:
        """Tell a run ``here``, or its owner, now or when that is reached again."""
        if await self._is_away(run_id, extra) and await self._parts.outbox.tell(run_id, form, extra or []):
            return
        try:
            await here()
        except RunMovedError:
            if not await self._owner_of(run_id) or not await self._parts.outbox.tell(run_id, form, []):
                raise

    async def _is_away(self, run_id: str, extra: OpList | None) -> bool:
        """Looked up only where it costs nothing, or where a refusal would lose what goes with the message."""
        return run_id in self._parts.outbox.holding or (bool(extra) and await self._owner_of(run_id) != "")

    async def _owner_of(self, run_id: str) -> str:
        """The address of the engine that has it, will have it, or had it at its end; empty if it cannot be asked."""
        known = await self._parts.handing.handoff(run_id)
        if known is None or self._parts.line.transport is None:
            return ""
        if known.state == "ended":  # another run may have taken its id since
            header = await self._parts.handing.find(run_id)
            return known.url if header is not None and header.away else ""
        return known.url if known.state in ("sending", "moved", "asking") else ""

    async def _ask_owner(self, moved: WeftError, form: Form) -> Any:
        """Ask an owner that must answer now. ``RunMovedError``, or what else was found here, if it does not."""
        run_id: str = moved.facts["run_id"]
        known = await self._parts.handing.handoff(run_id)
        if known is None or known.state not in ("moved", "ended") or not known.url:
            raise moved
        try:
            await self._parts.outbox.send(run_id)
            return await self._parts.outbox.say(known.url, run_id, form)
        except HandoffUnansweredError as trouble:
            raise moved from trouble

    async def _said(self, run_id: str, form: Form, extra: OpList) -> Any:
        """Do here what somebody has said to a run, and encode the answer."""
        match form:
            case ["signal", name, payload, signal_id]:
                await RunVerbs.deliver_signal(self, run_id, SignalArrived(name, payload, signal_id), extra)
            case ["cancel", reason]:
                await RunVerbs.deliver_cancel(self, run_id, CancelRequested(reason), extra)
            case ["update", name, payload, update_id, wait_ms]:
                words: Any = {"update_id": update_id, "timeout": min(wait_ms, _WAIT_MS) / 1000}
                return codec.dumps(await RunVerbs.update(self, run_id, name, codec.loads(payload), **words))
            case ["get_update", update_id]:
                state = await RunVerbs.get_update(self, run_id, update_id)
                error = state.error.to_json() if state.error is not None else None
                return [state.name, state.status, codec.dumps(state.result), error, state.at]
            case ["query", name, args]:
                answer, step = await RunVerbs.query_at(self, run_id, name, *codec.loads(args))
                return [codec.dumps(answer), step]
        return None
