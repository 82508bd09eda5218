"""What the attempt of an activity may know of itself, and what it may say while it runs."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

from weft_core import codec
from weft_core.model.blobs import BlobRef
from weft_core.model.services import Services


class StreamSink(Protocol):
    """Where an attempt writes to a stream of its run. May be used from the thread that a plain function runs in."""

    def write(self, value: Any) -> Awaitable[None]:
        """Append a value. It is stored soon, many in one commit, in order; ``await`` it to write no faster than that.
        In a thread it waits by itself.

        ``PayloadTooLargeError``, ``NotSerializableError``; and of what was written before: ``LimitExceededError``,
        ``OperationMisuseError`` (the stream is closed).
        """
        ...

    async def flush(self) -> None:
        """Wait until everything is durable."""
        ...


class AttemptLink(Protocol):
    """The engine's end of an attempt."""

    cancelled: bool

    @property
    def services(self) -> Services: ...

    def heartbeat(self, details: tuple[Any, ...]) -> None: ...

    def stream(self, name: str) -> StreamSink: ...

    def load(self, ref: BlobRef) -> Awaitable[Any]: ...

    def archive(self, key: str, data: Any) -> Awaitable[Any]: ...

    def completion_token(self) -> str: ...

    def complete_later(self) -> NoReturn: ...


@dataclass(slots=True)  # not frozen: one is made for every attempt, and freezing costs as much as the rest of it
class ActivityInfo:
    """What an attempt may know of itself. Its methods may be called from the thread that a plain function runs in."""

    run_id: str
    workflow: str
    activity: str
    step: int
    attempt: int
    store_id: str
    chosen_key: str | None = None
    generation: int = 0
    """How often the run's id has begun anew, by a restart or a rewind."""
    given_headers: dict[str, str] | None = field(default=None, repr=False)
    given_details: bytes | None = field(default=None, repr=False)
    link: AttemptLink | None = field(default=None, repr=False, compare=False)

    @property
    def idempotency_key(self) -> str:
        """Equal over attempts, crashes, tabs and engines, different for each step and run (G5).

        Hand it to the receiver of the effect, and the effect happens once. ``ctx.run(..., idempotency_key=)`` and
        ``@activity(idempotency_key=...)`` set it.
        """
        if self.chosen_key is not None:
            return self.chosen_key
        name = f"{self.store_id}|{self.run_id}|{self.step}" + (f"|{self.generation}" if self.generation else "")
        return hashlib.sha256(name.encode()).hexdigest()[:32]

    @property
    def headers(self) -> dict[str, str]:
        """Those the run was started with, and what interceptors added: a trace id, for example. A copy."""
        return dict(self.given_headers or ())

    @property
    def heartbeat_details(self) -> Any:
        """The last durable details that an earlier attempt gave to :meth:`heartbeat`, also one that a crash cut off.
        None if there are none."""
        return None if self.given_details is None else codec.loads(self.given_details)

    def heartbeat(self, *details: Any) -> None:
        """Say that the attempt is alive, and perhaps how far it has come: one value, for the attempt after it.

        Details become durable at once, but at most once in half a ``heartbeat_timeout`` (10 s without one); the last
        ones also when the attempt fails, times out, or its engine is closed. ``NotSerializableError``,
        ``PayloadTooLargeError``.
        """
        if len(details) > 1:
            raise TypeError("heartbeat() takes one value of details; pass a tuple or a dict")
        self._engine().heartbeat(details)

    @property
    def services(self) -> Services:
        """Objects of the host: those of the engine and of the run."""
        return self._engine().services

    def stream(self, name: str) -> StreamSink:
        """A stream of the run: ``await activity_info().stream("tokens").write(chunk)``.

        What this attempt writes is void if it fails: readers are told by a reset.
        """
        return self._engine().stream(name)

    async def load(self, ref: BlobRef) -> Any:
        """The value that ``ctx.offload`` has stored, however large. ``BlobNotFoundError``: its run was purged."""
        return await self._engine().load(ref)

    async def archive(self, key: str, data: Any) -> Any:
        """Hand data, or the value of a :class:`BlobRef`, to the engine's archive. ``ArchiveNotConfiguredError``."""
        return await self._engine().archive(key, data)

    @property
    def cancelled(self) -> bool:
        """True once nobody wants the outcome: the run was cancelled, the attempt timed out, or the engine closes.

        A coroutine learns it by ``asyncio.CancelledError``; a function in a thread cannot be stopped, and looks here.
        """
        return self._engine().cancelled

    @property
    def completion_token(self) -> str:
        """A secret by which others may complete this step: ``engine.complete_async_activity(token, result)``.

        It is good from the moment it is read until the step is decided. Then end with :meth:`complete_later`.
        """
        return self._engine().completion_token()

    def complete_later(self) -> NoReturn:
        """End the attempt without an outcome: whoever holds the :attr:`completion_token` gives it.

        The step waits durably and nothing runs meanwhile; its timeouts go on. Raises control flow that no ``except
        Exception`` catches.
        """
        self._engine().complete_later()

    def _engine(self) -> AttemptLink:
        if self.link is None:
            raise LookupError("this works only while an engine runs the activity")
        return self.link


_current: ContextVar[ActivityInfo] = ContextVar("weft_activity")


def activity_info() -> ActivityInfo:
    """The attempt that is running. Outside an activity: ``LookupError``."""
    try:
        return _current.get()
    except LookupError:
        raise LookupError("activity_info() works only while an engine runs an activity") from None


def enter_attempt(info: ActivityInfo) -> None:
    """Called by the engine in the attempt's own context."""
    _current.set(info)
