"""What tails have in common: one consumer, what the bus tells them, and an end.

What they read is in ``tails.py`` (events) and ``streams.py``.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Any, ClassVar, Generic, Self, TypeVar

from weft_core.engine.events import EventBus, Told
from weft_core.errors import OperationMisuseError

T = TypeVar("T")


class Following(Generic[T]):
    """``async for`` over what is in the store and what comes, for one consumer.

    ``async with`` or ``aclose()`` ends it; so does letting go of it.
    """

    CALL: ClassVar[str]
    """How it was opened."""

    def __init__(self, bus: EventBus, run_id: str | None) -> None:
        self._bus, self._run_id = bus, run_id
        self._over = self._reading = False
        self._trouble: BaseException | None = None
        """What stopped the engine."""
        self._wake = asyncio.Event()
        self._leave: Callable[[], None] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        if self._reading:
            raise OperationMisuseError(operation=self.CALL, reason="it has one consumer at a time; open another tail")
        self._reading = True
        try:
            if self._leave is None and not self._over:
                self._leave = self._bus.join(_Ear(self), self._run_id)
                weakref.finalize(self, self._leave).atexit = False
            return await self._next()
        finally:
            self._reading = False

    async def _next(self) -> T:
        raise NotImplementedError

    def _told(self, told: Told) -> None:
        self._trouble = None
        self._wake.set()

    def _stopped(self, error: BaseException) -> None:
        self._trouble = error
        self._wake.set()

    def _started(self) -> None:
        self._trouble = None
        self._wake.set()

    def _forget(self) -> None:
        """Let go of what has been read and not given."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """End it: iteration stops."""
        self._over = True
        self._forget()
        self._wake.set()
        if self._leave is not None:
            self._leave()
            self._leave = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.aclose()


class _Ear:
    """What the bus holds of a tail: not the tail, so that an iteration that was broken off ends with it."""

    def __init__(self, tail: Following[Any]) -> None:
        self._tail = weakref.ref(tail)

    def told(self, told: Told) -> None:
        if (tail := self._tail()) is not None:
            tail._told(told)

    def stopped(self, error: BaseException) -> None:
        if (tail := self._tail()) is not None:
            tail._stopped(error)

    def started(self) -> None:
        if (tail := self._tail()) is not None:
            tail._started()
