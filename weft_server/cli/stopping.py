"""Ctrl-C and SIGTERM as a future, so that an engine can close in order."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterator

PATIENCE_S = 1.0
"""Ctrl-C often arrives twice at once, from the terminal and from a wrapper such as make; that is one wish, not two."""


@contextlib.contextmanager
def stop_signals() -> Iterator[asyncio.Future[int]]:
    """A future that Ctrl-C and SIGTERM resolve, so that the engine closes in order. One that comes later breaks off."""
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[int] = loop.create_future()

    def stop(signum: int) -> None:
        if not stopped.done():
            stopped.set_result(signum)
            loop.call_later(PATIENCE_S, let_go)

    def let_go() -> None:
        for signum in handled:
            loop.remove_signal_handler(signum)

    handled = []
    for signum in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C then cancels the main task instead
            loop.add_signal_handler(signum, stop, signum)
            handled.append(signum)
    try:
        yield stopped
    finally:
        let_go()
