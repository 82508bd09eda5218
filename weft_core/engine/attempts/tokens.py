"""Completion tokens: ``<secret>.<run id>``. The store knows the secret by its hash, its mark, alone."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any

from weft_core.engine.batch import Envelope
from weft_core.errors import CompletionTokenNotFoundError
from weft_core.machine.effects import StartAttempt
from weft_core.model.attempt_messages import TokenIssued
from weft_core.ports import Ids


class Tokens:
    """Issues tokens, and knows those that the store does not know yet."""

    def __init__(self, ids: Ids, submit: Callable[[Envelope], None]) -> None:
        self._ids, self.submit = ids, submit
        self._loop = asyncio.get_running_loop()
        self._fresh: dict[str, StartAttempt] = {}
        """By mark; until the commit that holds it."""
        self._told: set[str] = set()
        """Those of them that are on their way to the pump."""

    def issue(self, effect: StartAttempt) -> str:
        """A token for an attempt, good at once. May be called from any thread."""
        secret = self._ids.token().replace(".", "_")
        mark = mark_of(secret)
        self._fresh[mark] = effect
        if on_loop(self._loop):
            self._tell(mark)
        else:
            self._loop.call_soon_threadsafe(self._tell, mark)
        return f"{secret}.{effect.run_id}"

    def fresh(self, mark: str) -> tuple[int, int] | None:
        """(task, step) of a token that may not be stored yet."""
        effect = self._fresh.get(mark)
        if effect is None:
            return None
        self._tell(mark)  # first its issue, then whatever is done with it
        return effect.task, effect.step

    def _tell(self, mark: str) -> None:
        if mark in self._told:
            return
        self._told.add(mark)
        effect = self._fresh[mark]
        reply: asyncio.Future[Any] = self._loop.create_future()
        reply.add_done_callback(lambda done: self._landed(mark, done))
        issued = TokenIssued(effect.task, effect.step, effect.attempt, mark)
        self.submit(Envelope(effect.run_id, issued, reply=reply))

    def _landed(self, mark: str, done: asyncio.Future[Any]) -> None:
        self._told.discard(mark)
        self._fresh.pop(mark, None)
        if not done.cancelled():
            done.exception()  # whoever stopped the engine has told everybody


def on_loop(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether this is the thread of the event loop, so that its objects may be touched."""
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


def mark_of(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def read_token(token: object) -> tuple[str, str]:
    """(run id, mark) of a token. What is none: ``CompletionTokenNotFoundError``."""
    secret, dot, run_id = token.partition(".") if isinstance(token, str) else ("", "", "")
    if not secret or not dot or not run_id or "/" in run_id or "\0" in run_id:
        raise CompletionTokenNotFoundError
    return run_id, mark_of(secret)
