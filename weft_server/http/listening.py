"""uvicorn around an application, until somebody says stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn


class _Server(uvicorn.Server):
    """Signals are handled where the engine is closed."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def listen(
    app: object, host: str, port: int, stopped: asyncio.Future[Any], listening: Callable[[int], None]
) -> None:
    """``listening`` is told the port, when it listens. It ends when ``stopped`` is done, or when it cannot listen."""
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    config = uvicorn.Config(
        app, host, port, lifespan="off", access_log=False, log_level="warning",  # type: ignore[arg-type]
        timeout_graceful_shutdown=2,
    )  # fmt: skip
    server = _Server(config)
    serving = asyncio.ensure_future(server.serve())
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    if server.started:
        listening(server.servers[0].sockets[0].getsockname()[1])
    waiting: list[asyncio.Future[Any]] = [serving, stopped]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    await serving
