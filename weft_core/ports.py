"""What the core needs from outside: a store, a clock, identities, and a way to run blocking code.

The core reads no clock, makes no id and opens no file; it asks one of these. Adapters live at the edges.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from types import CodeType
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

from weft_core.errors import ComputedTooLong

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

Op = tuple[str, "bytes | None"]
"""One write: ``(key, value)`` puts, ``(key, None)`` deletes."""

Condition = tuple[str, "bytes | None"]
"""What must hold before a batch: the key has exactly these bytes, or (None) is absent."""

Row = tuple[str, bytes]

MAX_KEY_BYTES = 1024
DEFAULT_PAGE = 256


@dataclass(frozen=True, slots=True)
class StorageCapabilities:
    """What a store promises. The engine refuses at start what a store cannot give."""

    persistence: Literal["ephemeral", "local", "remote"] = "ephemeral"
    durability: Literal["none", "relaxed", "strict"] = "none"
    read_after_write: bool = True
    atomic_batch: bool = True
    conditional_batch: bool = True
    transactions: bool = False
    """It commits a batch together with statements of the author's (:class:`TransactionalStorage`)."""
    shared: bool = False
    """Other processes may write to it while we own it, so the engine looks into its inbox now and then."""


@runtime_checkable
class Storage(Protocol):
    """An ordered map from text keys (by their UTF-8 bytes) to bytes. A write is atomic, and durable when it returns."""

    @property
    def capabilities(self) -> StorageCapabilities: ...

    async def get(self, key: str) -> bytes | None: ...

    async def has(self, key: str) -> bool: ...

    async def put(self, key: str, value: bytes) -> None: ...

    async def delete(self, key: str) -> None: ...

    async def scan(
        self,
        prefix: str,
        *,
        after: str | None = None,
        before: str | None = None,
        limit: int = DEFAULT_PAGE,
        reverse: bool = False,
    ) -> list[Row]:
        """One page in key order; ``after`` and ``before`` are exclusive. The next page starts after the last key."""
        ...

    async def batch(self, ops: Sequence[Op]) -> None: ...

    async def conditional_batch(self, conditions: Sequence[Condition], ops: Sequence[Op]) -> bool:
        """Check and write in one transaction. False: a condition failed and nothing was written."""
        ...

    async def delete_prefix(self, prefix: str) -> int: ...

    async def close(self) -> None: ...


class StorageTransaction(Protocol):
    """Statements of the author's and a batch of ours in one transaction of a database."""

    @property
    def is_open(self) -> bool:
        """Begun, and neither committed nor rolled back."""
        ...

    async def begin(self, conditions: Sequence[Condition]) -> bool:
        """False: a condition does not hold, and nothing has begun. What holds now holds until the commit."""
        ...

    async def run(self, fn: Callable[[Any], T]) -> T:
        """Call ``fn`` with what it may make statements on, where it may block. What it raises is raised."""
        ...

    async def commit(self, ops: Sequence[Op]) -> None:
        """Add a batch and commit all. After a StorageError it may be tried again while it ``is_open``."""
        ...

    def interrupt(self) -> None:
        """End the statement under way and refuse further ones."""

    def abandon(self) -> None:
        """Roll back; nothing of it is waited for."""


@runtime_checkable
class TransactionalStorage(Storage, Protocol):
    """A store whose database has tables of the author's beside ours."""

    def transaction(self) -> StorageTransaction:
        """One that has not begun. The next one begins when it is over."""
        ...


class TimerHandle(Protocol):
    def cancel(self) -> None: ...


class Clock(Protocol):
    """UTC time in milliseconds, and wake-ups that may be late but are never early (G10)."""

    def now_ms(self) -> int: ...

    def call_at(self, deadline_ms: int, callback: Callable[[], None]) -> TimerHandle: ...


class Ids(Protocol):
    """Identity and chance."""

    def new_id(self) -> str:
        """Unique text that sorts by creation time."""
        ...

    def random(self) -> float:
        """A number in [0, 1), for jitter and ``ctx.random``."""
        ...

    def token(self) -> str:
        """Unguessable text of at least 128 bits."""
        ...


class Archive(Protocol):
    """Where ``ctx.archive`` hands data to: outside of the store, and kept when the run is purged."""

    async def store(self, run_id: str, key: str, data: Any) -> Any:
        """Keep the data; what is returned is the reference that the workflow gets. It may be called again for the same
        step: ``activity_info().idempotency_key`` is the same then."""
        ...


class HandoffTransport(Protocol):
    """Carries bytes to another engine."""

    async def post(self, url: str, body: bytes) -> bytes:
        """The body of a 200 answer. Anything else raises an ``Exception`` and counts as no answer: the network, a
        proxy's page, a refused token."""
        ...


class Stretch:
    """What runs now, without a pause, and whose it is. A host that can end author's code which runs for too long does
    so by what is said here: it raises :class:`ComputedTooLong` in it. Others leave it alone."""

    __slots__ = ("ended", "kind", "name", "number", "run_id", "told")

    def __init__(self) -> None:
        self.number = 0
        """Another number: another stretch."""
        self.run_id = self.kind = self.name = ""
        """Whose code, and which ("workflow", "activity", "query"), as far as that is known."""
        self.ended: ComputedTooLong | None = None
        """What was raised in it, whatever the code has made of that."""
        self.told: Callable[[], None] | None = None
        """Is told of each that begins, while the host looks for one that nothing can end."""

    def begins(self, run_id: str = "", kind: str = "", name: str = "") -> None:
        """From here on something else runs."""
        self.number += 1
        self.run_id, self.kind, self.name, self.ended = run_id, kind, name, None
        if self.told is not None:
            self.told()


_ENTRANCES: set[CodeType] = set()


def enters_authors_code(function: F) -> F:
    """Marks a function that calls author's code and is ready for :class:`ComputedTooLong` in it."""
    _ENTRANCES.add(function.__code__)
    return function


def is_entrance(code: CodeType) -> bool:
    """Whether this is the code of a function that is marked so."""
    return code in _ENTRANCES


@dataclass(frozen=True, slots=True)
class Host:
    """The machine as the engine sees it."""

    clock: Clock
    ids: Ids
    run_blocking: Callable[[Callable[[], Any]], Awaitable[Any]]
    """Run a blocking function without stopping the event loop: in a thread on servers, inline in Pyodide."""
    stretch: Stretch = field(default_factory=Stretch)


def default_host() -> Host:
    """The host adapter of the platform. Looked up by name, so that the core has no import of an edge."""
    edge = "weft_browser.host" if sys.platform == "emscripten" else "weft_server.host"
    host: Host = importlib.import_module(edge).default_host()
    return host
