"""A quicker ``call_soon`` for Pyodide's event loop.

Pyodide makes one JavaScript macrotask for each callback (0.1 ms; 4 ms in WebKit workers, where it falls back to
``setTimeout``). Here all callbacks that are ready run in one macrotask of one MessageChannel.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable
from typing import Any

from pyodide.ffi import create_proxy

from weft_core.ports import Stretch, enters_authors_code

MAX_SLICE_MS = 8.0
"""After this long the worker's own messages get a turn."""


class ReadyQueue:
    """Callbacks that are ready to run, in order."""

    def __init__(self, loop: asyncio.AbstractEventLoop, stretch: Stretch) -> None:
        import js  # not with the module: a memory snapshot may hold no JavaScript

        self._loop: Any = loop
        self._stretch = stretch
        self._js = js
        self._ready: deque[asyncio.Handle] = deque()
        self._asked = False
        channel = js.MessageChannel.new()
        self._port = channel.port2
        channel.port1.onmessage = create_proxy(self._on_message)

    def call_soon(
        self, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self._loop, context=context)
        self._ready.append(handle)
        if not self._asked:
            self._asked = True
            self._port.postMessage(None)
        return handle

    def _on_message(self, _event: Any) -> None:
        self._asked = False
        self.run()

    @enters_authors_code
    def run(self) -> None:
        """Run what is ready now, and what that makes ready, for a slice of time."""
        # JavaScript entered Python on a thread state of its own, which must know its loop and hooks.
        self._loop._install_running_loop()
        self._loop._install_asyncgen_hooks()
        ready = self._ready
        now = self._js.performance.now
        end = now() + MAX_SLICE_MS
        while ready:
            handle = ready.popleft()
            if not handle.cancelled():
                self._stretch.begins()
                handle._run()
                if now() > end:
                    break
        if ready and not self._asked:
            self._asked = True
            self._port.postMessage(None)


def install(stretch: Stretch) -> ReadyQueue:
    """Give the running loop the quicker ``call_soon``."""
    loop: Any = asyncio.get_event_loop()
    queue = ReadyQueue(loop, stretch)
    loop.call_soon = queue.call_soon
    loop.call_soon_threadsafe = queue.call_soon
    return queue
