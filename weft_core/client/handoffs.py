"""The verbs of handing off, over the wire."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from weft_core.engine import Engine
from weft_core.errors import InvalidInputError

Params = dict[str, Any]


async def _handoff(engine: Engine, p: Params) -> Any:
    """``token`` opens the server at ``url``; it is kept in memory only."""
    if p.get("token") is not None:
        engine.give_token(_need(p, "url"), p["token"])
    return await engine.handoff(_need(p, "id"), _need(p, "url"))


async def _take_back(engine: Engine, p: Params) -> Any:
    return await engine.take_back(_need(p, "id"), force=p.get("force", False))


async def _handoff_state(engine: Engine, p: Params) -> Any:
    return await engine.handoff_state(_need(p, "id"))


async def _use_server(engine: Engine, p: Params) -> Any:
    """The server of this device; ``token`` opens it, and is kept in memory only."""
    engine.use_server(_need(p, "url"), p.get("token"))


async def _server_state(engine: Engine, p: Params) -> Any:
    return engine.server_state()


def _need(p: Params, name: str) -> Any:
    if name not in p:
        raise InvalidInputError(call="the call", reason=f"the parameter {name!r} is missing")
    return p[name]


METHODS: dict[str, Callable[[Engine, Params], Awaitable[Any]]] = {
    "handoff": _handoff,
    "take_back": _take_back,
    "handoff_state": _handoff_state,
    "use_server": _use_server,
    "server_state": _server_state,
}
