"""One attempt in flight, and what its activity may ask of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

from weft_core import codec
from weft_core.engine.attempts.heartbeats import Heartbeats
from weft_core.engine.attempts.sinks import Sink
from weft_core.engine.attempts.tokens import Tokens, on_loop
from weft_core.engine.blobs import Blobs
from weft_core.errors import ArchiveNotConfiguredError, CompleteLater, OperationMisuseError, PayloadTooLargeError
from weft_core.machine.effects import StartAttempt
from weft_core.machine.naming import check_name
from weft_core.model.blobs import BlobRef
from weft_core.model.limits import Limits
from weft_core.model.services import Services
from weft_core.ports import Archive


class Attempt:
    """Made for every attempt: what most attempts do not use is made when it is asked for."""

    __slots__ = ("beats", "cancelled", "effect", "port", "sinks", "task", "timer", "token")

    def __init__(self, effect: StartAttempt, port: AttemptPort) -> None:
        self.effect, self.port = effect, port
        self.task: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.beats: Heartbeats | None = None
        self.token: str | None = None
        self.sinks: dict[str, Sink] | None = None
        self.cancelled = False

    # -- for the activity, in whatever thread it runs

    @property
    def services(self) -> Services:
        return self.port.services_of(self.effect.run_id)

    def stream(self, name: str) -> Sink:
        check_name(name, "the name of a stream", self.port.limits)
        if self.sinks is None:
            self.sinks = {}
        if name not in self.sinks:
            port = self.port
            self.sinks[name] = Sink(self.effect, name, port.loop, port.limits, port.tokens.submit, self.wanted)
        return self.sinks[name]

    def load(self, ref: BlobRef) -> Awaitable[Any]:
        return self.port.blobs.load(ref)

    async def archive(self, key: str, data: Any) -> Any:
        if self.port.archive is None:
            raise ArchiveNotConfiguredError(key=key)
        if isinstance(data, BlobRef):
            data = await self.load(data)
        return await self.port.archive.store(self.effect.run_id, key, data)

    def heartbeat(self, details: tuple[Any, ...]) -> None:
        encoded = None
        if details:
            encoded = codec.dumps(details[0])
            limit = self.port.limits.max_heartbeat_bytes
            if len(encoded) > limit:
                raise PayloadTooLargeError(what=f"the details of a heartbeat of {self.effect.activity}",
                                           actual=len(encoded), limit=limit)  # fmt: skip
        if on_loop(self.port.loop):
            self._beat(encoded)
        else:
            self.port.loop.call_soon_threadsafe(self._beat, encoded)

    def _beat(self, details: bytes | None) -> None:
        if self.cancelled:
            return
        if self.beats is None:
            self.beats = self.port.beats(self)
        self.beats.beat(details)

    def completion_token(self) -> str:
        if self.effect.keep is not None:
            reason = "its result would not come from here; have an activity of its own wait for it"
            raise OperationMisuseError(operation="completion_token in ctx.offload", reason=reason)
        if self.token is None:
            self.token = self.port.tokens.issue(self.effect)
        return self.token

    def complete_later(self) -> NoReturn:
        if self.token is None:
            raise OperationMisuseError(operation="complete_later()", reason=(
                "nobody could complete this activity: read activity_info().completion_token and hand it over first"
            ))  # fmt: skip
        raise CompleteLater

    # -- for the engine

    def wanted(self) -> bool:
        return not self.cancelled

    def remaining_ms(self) -> int | None:
        """What is left of its timeout."""
        if self.timer is None:  # it has none, or has ended before its first wait
            return self.effect.timeout_ms
        return max(0, round((self.timer.when() - self.port.loop.time()) * 1000))

    def stop_watching(self) -> None:
        """No timeout and no heartbeat counts any more."""
        if self.timer is not None:
            self.timer.cancel()
        if self.beats is not None:
            self.beats.close()

    def end(self) -> None:
        """Nobody wants its outcome: cancel it. A function in a thread cannot be; it may look at ``cancelled``."""
        self.cancelled = True
        self.stop_watching()
        for sink in (self.sinks or {}).values():
            sink.wake()
        if self.task is not None:
            self.task.cancel()


class AttemptPort:
    """What attempts need of those who keep them."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limits: Limits,
        tokens: Tokens,
        beats: Callable[[Attempt], Heartbeats],
        services_of: Callable[[str], Services],
        blobs: Blobs,
        archive: Archive | None,
    ) -> None:
        self.loop, self.limits, self.tokens, self.beats = loop, limits, tokens, beats
        self.services_of, self.blobs, self.archive = services_of, blobs, archive
