"""What a run is and was: its record, its log, its frames, its state, blobs and streams."""

from __future__ import annotations

from typing import Any

from weft_core.client.methods.call import Method, Params, need
from weft_core.engine import Engine, StateAccess
from weft_core.engine.present import jsonable
from weft_core.errors import WeftError
from weft_core.model.operations import StateValue


async def _describe(engine: Engine, p: Params) -> Any:
    return await engine.describe(need(p, "id"))


async def _result(engine: Engine, p: Params) -> Any:
    """Waits for the end; failures are answers here too, as the status says."""
    try:
        await engine.get_handle(need(p, "id")).result()
    except WeftError as error:
        info = await engine.describe(need(p, "id"))
        return {"status": info["status"], "result": None, "error": info["error"] or error.to_json()}
    info = await engine.describe(need(p, "id"))
    return {"status": info["status"], "result": info["result"], "error": None}


async def _history(engine: Engine, p: Params) -> Any:
    return await engine.history(need(p, "id"), after=p.get("after", 0), limit=p.get("limit", 1000))


async def _events(engine: Engine, p: Params) -> Any:
    page = await engine.feed(**{k: p[k] for k in ("after", "limit", "types") if p.get(k) is not None})
    return {"events": page.events, "cursor": page.cursor, "more": page.more}


async def _frames(engine: Engine, p: Params) -> Any:
    return await engine.frames(need(p, "id"), at=p.get("at"))


def _state(engine: Engine, p: Params) -> StateAccess:
    """Of a run (``id``), of a workflow (``workflow``), or of the store."""
    key = need(p, "key")
    if p.get("id") is not None:
        return engine.state.execution(p["id"], key)
    return engine.state.workflow(p["workflow"], key) if p.get("workflow") else engine.state.store(key)


async def _state_get(engine: Engine, p: Params) -> Any:
    found = await _state(engine, p).read()
    return {"value": jsonable(found.value), "version": found.version, "exists": found.exists}


async def _state_set(engine: Engine, p: Params) -> Any:
    """With ``version``: only if it is still that; ``version`` 0: only if it was never set. Whether it was set."""
    value, place = need(p, "value"), _state(engine, p)
    if p.get("version") is None:
        return {"set": True, "version": await place.set(value)}
    expected = StateValue(None, p["version"], False)
    swapped = await place.compare_and_swap(expected, value)
    return {"set": swapped, "version": p["version"] + 1 if swapped else (await place.read()).version}


async def _load_blob(engine: Engine, p: Params) -> Any:
    return {"value": jsonable(await engine.load_blob(need(p, "id"), need(p, "key")))}


async def _stream_read(engine: Engine, p: Params) -> Any:
    page = await engine.read_stream(
        need(p, "id"), need(p, "name"), after=p.get("after", 0), limit=p.get("limit", 256), wait=p.get("wait", 0)
    )  # fmt: skip
    items = [
        {"seq": i.seq, "step": i.step, **({"reset": True} if i.reset else {"value": jsonable(i.value)})}
        for i in page.items
    ]
    return {"items": items, "cursor": page.cursor, "ended": page.ended}


METHODS: dict[str, Method] = {
    "describe": _describe,
    "result": _result,
    "history": _history,
    "events": _events,
    "frames": _frames,
    "state_get": _state_get,
    "state_set": _state_set,
    "load_blob": _load_blob,
    "stream_read": _stream_read,
}
