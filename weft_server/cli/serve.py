"""``weft serve``: an engine, and the server in front of it, until it is told to stop."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import typer

from weft_core import Engine
from weft_core.model.limits import DEFAULT_LIMITS
from weft_server.cli.failure import CommandError
from weft_server.cli.loading import load_activities, load_definitions
from weft_server.cli.stopping import stop_signals
from weft_server.cli.store import owned
from weft_server.http.app import application
from weft_server.http.guard import Policy
from weft_server.http.listening import listen
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

    def listening(port: int) -> None:
        typer.echo(f"weft serves {', '.join(request.apps)} on http://{request.host}:{port}")

    async with owned(request.db, request.durability) as storage:
        engine = Engine(
            storage=storage, workflows=workflows, activities=activities, transport=HttpTransport(), close_storage=False
        )
        with stop_signals() as stopped:
            async with engine:
                await listen(application(engine, policy), request.host, request.port, stopped, listening)
    return 0


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
