"""The wire's methods for looking back and putting right."""

from __future__ import annotations

from typing import Any

from weft_core.client.methods.call import Method, Params, need
from weft_core.engine import Engine


async def _checkpoints(engine: Engine, p: Params) -> Any:
    return await engine.checkpoints(_run(p), limit=p.get("limit", 100), cursor=p.get("cursor"))


async def _fork(engine: Engine, p: Params) -> Any:
    """``edit`` is an object of new values by name; the new run is described."""
    handle = await engine.fork(
        _run(p), at=p.get("at"), id=p.get("new_id"), idempotency_key=p.get("idempotency_key"), edit=p.get("edit")
    )
    return await handle.describe()


async def _rewind(engine: Engine, p: Params) -> Any:
    await engine.rewind(_run(p), need(p, "to"), **_told(p))


async def _edit(engine: Engine, p: Params) -> Any:
    await engine.edit(_run(p), need(p, "changes"), **_told(p))


async def _skip(engine: Engine, p: Params) -> Any:
    """``error`` is text: it is raised where the run waits."""
    await engine.skip(_run(p), p.get("value"), error=p.get("error"), task=p.get("task"), **_told(p))


async def _retry(engine: Engine, p: Params) -> Any:
    await engine.retry(_run(p))


async def _dead_letters(engine: Engine, p: Params) -> Any:
    page = await engine.dead_letters(limit=p.get("limit", 50), cursor=p.get("cursor"))
    return {"items": page.items, "cursor": page.cursor}


def _run(p: Params) -> str:
    run_id: str = need(p, "id")
    return run_id


def _told(p: Params) -> dict[str, Any]:
    return {"reason": p.get("reason"), "by": p.get("by")}


METHODS: dict[str, Method] = {
    "checkpoints": _checkpoints,
    "fork": _fork,
    "rewind": _rewind,
    "edit": _edit,
    "skip": _skip,
    "retry": _retry,
    "dead_letters": _dead_letters,
}
