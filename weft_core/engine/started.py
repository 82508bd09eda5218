"""A coroutine that has begun and may go on later: what lets the next batch be decided while a commit is on its way."""

from __future__ import annotations

import types
from collections.abc import Coroutine, Generator
from typing import Any


class Started:
    """Runs ``coro`` up to its first wait, at once. No task is made: the caller goes on with it by ``await finish()``.

    ``done`` tells whether it has ended already, as it has when it never really waited.
    """

    __slots__ = ("_coro", "_yielded", "done")

    def __init__(self, coro: Coroutine[Any, Any, None]) -> None:
        self._coro = coro
        self.done = False
        try:
            self._yielded = coro.send(None)
        except StopIteration:
            self.done = True

    async def finish(self) -> None:
        """Wait for its end. Raises what it raises."""
        if not self.done:
            self.done = True
            await self._go_on()

    @types.coroutine
    def _go_on(self) -> Generator[Any, Any, None]:
        yielded = self._yielded
        while True:
            thrown: BaseException | None = None
            value = None
            try:
                value = yield yielded
            except BaseException as error:
                thrown = error
            try:
                yielded = self._coro.send(value) if thrown is None else self._coro.throw(thrown)
            except StopIteration:
                return
