"""What is said to a run: messages, answers that people and other programs give, and what ends or holds it."""

from __future__ import annotations

from typing import Any

from weft_core.client.methods.call import Method, Params, need
from weft_core.engine import Engine
from weft_core.engine.present import jsonable


async def _signal(engine: Engine, p: Params) -> Any:
    await engine.signal(need(p, "id"), need(p, "name"), p.get("payload"), signal_id=p.get("signal_id"))


async def _update(engine: Engine, p: Params) -> Any:
    """Waits for the answer; one that is not there within ``timeout`` seconds is an UpdateTimeoutError."""
    value = await engine.update(
        need(p, "id"), need(p, "name"), p.get("payload"), update_id=p.get("update_id"), timeout=p.get("timeout", 5)
    )  # fmt: skip
    return {"value": jsonable(value)}


async def _get_update(engine: Engine, p: Params) -> Any:
    state = await engine.get_update(need(p, "id"), need(p, "update_id"))
    error = jsonable(state.error.to_json()) if state.error is not None else None
    return {
        "id": state.id, "run_id": state.run_id, "name": state.name, "status": state.status, "at": state.at,
        "result": jsonable(state.result), "error": error,
    }  # fmt: skip


async def _query(engine: Engine, p: Params) -> Any:
    value, step = await engine.query_at(need(p, "id"), need(p, "name"), *p.get("args", []))
    return {"value": jsonable(value), "step": step}


async def _reviews(engine: Engine, p: Params) -> Any:
    known = ("status", "run_id", "type", "reviewer", "limit", "cursor")
    page = await engine.reviews(**{k: p[k] for k in known if p.get(k) is not None})
    return {"items": page.items, "cursor": page.cursor}


async def _submit_review(engine: Engine, p: Params) -> Any:
    return await engine.submit_review(
        need(p, "review_id"), decision=p.get("decision"), reviewer=p.get("reviewer"), feedback=p.get("feedback"),
        sections=p.get("sections"), decision_id=p.get("decision_id"),
    )  # fmt: skip


async def _complete_async_activity(engine: Engine, p: Params) -> Any:
    await engine.complete_async_activity(need(p, "token"), p.get("result"))


async def _fail_async_activity(engine: Engine, p: Params) -> Any:
    """``error`` is text, or ``{"type", "message"}``."""
    error = need(p, "error")
    if isinstance(error, dict):
        message, type_ = str(error.get("message", "")), str(error.get("type", "failure"))
        await engine.fail_async_activity(need(p, "token"), message, type=type_)
    else:
        await engine.fail_async_activity(need(p, "token"), error)


async def _heartbeat_async_activity(engine: Engine, p: Params) -> Any:
    details = (p["details"],) if "details" in p else ()
    await engine.heartbeat_async_activity(need(p, "token"), *details)


async def _cancel(engine: Engine, p: Params) -> Any:
    await engine.cancel(need(p, "id"), p.get("reason"))


async def _terminate(engine: Engine, p: Params) -> Any:
    await engine.terminate(need(p, "id"), p.get("reason"))


async def _suspend(engine: Engine, p: Params) -> Any:
    await engine.suspend(need(p, "id"), p.get("reason"))


async def _resume(engine: Engine, p: Params) -> Any:
    await engine.resume(need(p, "id"))


async def _purge(engine: Engine, p: Params) -> Any:
    await engine.purge(need(p, "id"), force=p.get("force", False))


METHODS: dict[str, Method] = {
    "signal": _signal,
    "update": _update,
    "get_update": _get_update,
    "query": _query,
    "reviews": _reviews,
    "submit_review": _submit_review,
    "complete_async_activity": _complete_async_activity,
    "fail_async_activity": _fail_async_activity,
    "heartbeat_async_activity": _heartbeat_async_activity,
    "cancel": _cancel,
    "terminate": _terminate,
    "suspend": _suspend,
    "resume": _resume,
    "purge": _purge,
}
