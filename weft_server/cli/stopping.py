"""Ctrl-C and SIGTERM as a future, so that an engine can close in order."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def stop_signals() -> Iterator[asyncio.Future[int]]:
    """A future that Ctrl-C and SIGTERM resolve, so that the engine closes in order. A second Ctrl-C breaks off."""
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[int] = loop.create_future()

    def stop(signum: int) -> None:
        loop.remove_signal_handler(signum)
        if not stopped.done():
            stopped.set_result(signum)

    handled = []
    for signum in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C then cancels the main task instead
            loop.add_signal_handler(signum, stop, signum)
            handled.append(signum)
    try:
        yield stopped
    finally:
        for signum in handled:
            loop.remove_signal_handler(signum)
