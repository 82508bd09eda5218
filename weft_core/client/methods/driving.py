"""The engine itself: what it has, what it may do now."""

from __future__ import annotations

from typing import Any

from weft_core.client.methods.call import Method, Params, need
from weft_core.engine import Engine


async def _workflows(engine: Engine, p: Params) -> Any:
    return [
        {"name": w.name, "version": w.version, "signals": _sorted(w.signals), "updates": _sorted(w.updates)}
        for w in engine.registry.workflows()
    ]


def _sorted(names: frozenset[str] | None) -> list[str] | None:
    return sorted(names) if names is not None else None


async def _diagnostics(engine: Engine, p: Params) -> Any:
    return engine.diagnostics()


async def _wake(engine: Engine, p: Params) -> Any:
    """A hint; see ``engine.wake``."""
    return {"hurried": await engine.wake(retry=bool(p.get("retry", False)))}


async def _queues(engine: Engine, p: Params) -> Any:
    return engine.queues()


async def _pause_queue(engine: Engine, p: Params) -> Any:
    await engine.pause_queue(need(p, "name"))


async def _resume_queue(engine: Engine, p: Params) -> Any:
    await engine.resume_queue(need(p, "name"))


METHODS: dict[str, Method] = {
    "workflows": _workflows,
    "diagnostics": _diagnostics,
    "wake": _wake,
    "queues": _queues,
    "pause_queue": _pause_queue,
    "resume_queue": _resume_queue,
}
