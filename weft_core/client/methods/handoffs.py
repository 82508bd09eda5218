"""The verbs of handing off, over the wire."""

from __future__ import annotations

from typing import Any

from weft_core.client.methods.call import Method, Params, need
from weft_core.engine import Engine


async def _handoff(engine: Engine, p: Params) -> Any:
    """``token`` opens the server at ``url``; it is kept in memory only."""
    if p.get("token") is not None:
        engine.give_token(need(p, "url"), p["token"])
    return await engine.handoff(need(p, "id"), need(p, "url"))


async def _take_back(engine: Engine, p: Params) -> Any:
    return await engine.take_back(need(p, "id"), force=p.get("force", False))


async def _handoff_state(engine: Engine, p: Params) -> Any:
    return await engine.handoff_state(need(p, "id"))


async def _use_server(engine: Engine, p: Params) -> Any:
    """The server of this device; ``token`` opens it, and is kept in memory only."""
    engine.use_server(need(p, "url"), p.get("token"))


async def _server_state(engine: Engine, p: Params) -> Any:
    return engine.server_state()


METHODS: dict[str, Method] = {
    "handoff": _handoff,
    "take_back": _take_back,
    "handoff_state": _handoff_state,
    "use_server": _use_server,
    "server_state": _server_state,
}
