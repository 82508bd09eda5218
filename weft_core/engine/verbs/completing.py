"""Completing activities from outside, by the token that they handed over."""

from __future__ import annotations

import hashlib
from typing import Any

from weft_core import codec
from weft_core.engine.attempts.outcome import recorded
from weft_core.engine.attempts.tokens import read_token
from weft_core.engine.core import EngineCore
from weft_core.errors import (
    CompletionTokenNotFoundError,
    CompletionTokenUsedError,
    InvalidInputError,
    PayloadTooLargeError,
    RunFinishedError,
    RunNotFoundError,
)  # fmt: skip
from weft_core.machine.sealed import unseal_plain
from weft_core.model import keys
from weft_core.model.attempt_messages import OutsideAnswer, OutsideHeartbeat


class CompletingVerbs(EngineCore):
    """complete_async_activity, fail_async_activity, heartbeat_async_activity."""

    async def complete_async_activity(self, token: str, result: Any = None) -> None:
        """Give the activity that handed ``token`` over its result; durable when this returns.

        A token answers once; the same answer again changes nothing and is no error, another one is
        ``CompletionTokenUsedError``. What nothing waits for any more is ``CompletionTokenNotFoundError``. A result that
        cannot be stored is refused, and the token stays good. ``RunHeldError`` if the run cannot step now.
        """
        value, encoded = recorded(result, "an activity", self.limits)
        answer = OutsideAnswer(0, 0, "", _digest(b"result", encoded), value=value, encoded=encoded)
        await self._answer(token, answer)

    async def fail_async_activity(self, token: str, error: Exception | str, *, type: str = "failure") -> None:
        """Say that the attempt has failed; its retry policy decides what follows, as for any other error.

        Text becomes an ``ActivityFailedError``, and ``type`` its ``error_type``, which ``non_retryable`` may name. The
        rest is as for :meth:`complete_async_activity`.
        """
        if not isinstance(error, (Exception, str)) or not isinstance(type, str):
            raise InvalidInputError(call="fail_async_activity", reason=f"{error!r} is neither an exception nor text")
        told = None if isinstance(error, Exception) else (type, error)
        encoded = codec.dumps(told or error)
        if len(encoded) > self.limits.max_payload_bytes:
            raise PayloadTooLargeError(what="the error", actual=len(encoded), limit=self.limits.max_payload_bytes)
        answer = OutsideAnswer(0, 0, "", _digest(b"error", encoded), told=told)
        answer.error = codec.loads(encoded) if told is None else None
        await self._answer(token, answer)

    async def heartbeat_async_activity(self, token: str, *details: Any) -> None:
        """A sign of life of what was handed over, perhaps with details for the attempt after it. Durable when this
        returns. ``CompletionTokenNotFoundError``: nobody waits any more; stop."""
        self._check_open()
        if len(details) > 1:
            raise InvalidInputError(call="heartbeat_async_activity", reason="it takes one value of details")
        encoded = codec.dumps(details[0]) if details else None
        if encoded is not None and len(encoded) > self.limits.max_heartbeat_bytes:
            raise PayloadTooLargeError(what="the details of a heartbeat", actual=len(encoded),
                                       limit=self.limits.max_heartbeat_bytes)  # fmt: skip
        run_id, mark = read_token(token)
        task, step, digest = await self._look_up(run_id, mark)
        if digest is not None:
            raise CompletionTokenNotFoundError
        if not await self._accepted(run_id, OutsideHeartbeat(task, step, mark, encoded)):
            raise CompletionTokenNotFoundError

    async def _answer(self, token: str, answer: OutsideAnswer) -> None:
        self._check_open()
        run_id, answer.mark = read_token(token)
        answer.task, answer.step, known = await self._look_up(run_id, answer.mark)
        if known is None:
            if await self._accepted(run_id, answer):
                return
            *_, known = await self._look_up(run_id, answer.mark)  # another answer came first, or its time was up
            if known is None:
                raise CompletionTokenNotFoundError
        if known != answer.digest:
            raise CompletionTokenUsedError(run_id=run_id)

    async def _look_up(self, run_id: str, mark: str) -> tuple[int, int, bytes | None]:
        """Task and step of a token, and the digest of the answer it has been used for."""
        fresh = self._parts.tokens.fresh(mark)
        if fresh is not None:
            return *fresh, None
        key = keys.token(run_id, mark)
        data = await self._reads.get(key)
        if data is None:
            raise CompletionTokenNotFoundError
        task, step, digest = unseal_plain(key, data)
        return task, step, digest

    async def _accepted(self, run_id: str, message: OutsideAnswer | OutsideHeartbeat) -> bool:
        try:
            await self._deliver(run_id, message)
        except (RunFinishedError, RunNotFoundError):
            return False
        return message.accepted


def _digest(kind: bytes, encoded: bytes) -> bytes:
    return hashlib.sha256(kind + b"\0" + encoded).digest()
