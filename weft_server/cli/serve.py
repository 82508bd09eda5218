"""``weft serve``: an engine, and the server in front of it, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import typer
import uvicorn

from weft_core import Engine
from weft_core.model.limits import DEFAULT_LIMITS
from weft_server.cli.failure import CommandError
from weft_server.cli.loading import load_activities, load_definitions
from weft_server.cli.stopping import stop_signals
from weft_server.cli.store import owned
from weft_server.http.app import application
from weft_server.http.guard import Policy
from weft_server.http.transport import HttpTransport

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Request:
    """What the command line said."""

    apps: list[str]
    activities: list[str]
    db: Path
    host: str
    port: int
    token: str | None
    names: list[str] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    durability: Literal["strict", "relaxed"] = "strict"


class _Server(uvicorn.Server):
    """Signals are handled where the engine is closed."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(request: Request) -> int:
    """Serve until Ctrl-C or SIGTERM. The exit code."""
    if request.token is None and not _is_loopback(request.host):
        raise CommandError(
            f"{request.host} can be reached by others: give --token or WEFT_TOKEN, or serve on 127.0.0.1"
        )
    (workflows, _), activities = load_definitions(request.apps), load_activities(request.activities)
    policy = Policy(
        request.token, LOOPBACK | {name.lower() for name in request.names} | {request.host.lower()},
        frozenset(request.origins), DEFAULT_LIMITS.max_handoff_bytes,
    )  # fmt: skip
    async with owned(request.db, request.durability) as storage:
        engine = Engine(
            storage=storage, workflows=workflows, activities=activities, transport=HttpTransport(), close_storage=False
        )
        with stop_signals() as stopped:
            async with engine:
                await _listen(application(engine, policy), request, stopped)
    return 0


async def _listen(app: object, request: Request, stopped: asyncio.Future[int]) -> None:
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    config = uvicorn.Config(
        app, request.host, request.port, lifespan="off", access_log=False, log_level="warning",  # type: ignore[arg-type]
        timeout_graceful_shutdown=2,
    )  # fmt: skip
    server = _Server(config)
    serving = asyncio.ensure_future(server.serve())
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    if server.started:
        port = server.servers[0].sockets[0].getsockname()[1]
        typer.echo(f"weft serves {', '.join(request.apps)} on http://{request.host}:{port}")
    waiting: list[asyncio.Future[Any]] = [serving, stopped]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    await serving


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
