"""The place in a queue that one attempt has. It is given back when the attempt has really ended.

A coroutine that is cancelled has ended when its ``finally`` blocks have run. A function in a thread cannot be stopped:
it still uses what the queue protects, so it keeps its place until it returns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


class Place:
    """Belongs to the event loop in which it was made."""

    def __init__(self, release: Callable[[], None]) -> None:
        self._release: Callable[[], None] | None = release
        self._loop = asyncio.get_running_loop()
        self._entered = self._left = self._over = False
        self.used = False
        """An attempt has begun in it."""

    def around(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """The same function; the place knows while it runs, in whatever thread."""

        def call(*args: Any) -> Any:
            self._entered, self._left = True, False
            try:
                return fn(*args)
            finally:
                self._left = True
                if self._over:  # who waited for it has gone
                    self._tell()

        return call

    def _tell(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self.over)
        except RuntimeError:
            pass  # the loop is closed, and with it the queue

    def over(self) -> None:
        """The attempt has ended, as far as the event loop knows."""
        self._over = True
        release = self._release
        if release is not None and (self._left or not self._entered):
            self._release = None
            release()
