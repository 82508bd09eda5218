"""Schedules."""

from __future__ import annotations

from typing import Any

from weft_core.client.methods.call import Method, Params, inputs_of, need
from weft_core.engine import Engine


async def _schedules(engine: Engine, p: Params) -> Any:
    page = await engine.list_schedules(**{k: p[k] for k in ("limit", "cursor") if p.get(k) is not None})
    return {"items": page.items, "cursor": page.cursor}


async def _schedule_create(engine: Engine, p: Params) -> Any:
    """``input`` is the list of positional inputs; instants are epoch seconds, durations seconds or text."""
    inputs = inputs_of(p, "schedule_create")
    options: Any = {k: v for k, v in p.items() if k not in ("workflow", "input")}
    return await (await engine.schedule(need(p, "workflow"), *inputs, **options)).describe()


async def _schedule_describe(engine: Engine, p: Params) -> Any:
    return await engine.describe_schedule(need(p, "id"))


async def _schedule_pause(engine: Engine, p: Params) -> Any:
    await engine.pause_schedule(need(p, "id"), p.get("reason"))


async def _schedule_resume(engine: Engine, p: Params) -> Any:
    await engine.resume_schedule(need(p, "id"))


async def _schedule_update(engine: Engine, p: Params) -> Any:
    changes: Any = {k: v for k, v in p.items() if k != "id"}
    await engine.update_schedule(need(p, "id"), **changes)


async def _schedule_trigger(engine: Engine, p: Params) -> Any:
    return await (await engine.trigger_schedule(need(p, "id"))).describe()


async def _schedule_backfill(engine: Engine, p: Params) -> Any:
    overlap = p.get("overlap", "allow")
    return await engine.backfill_schedule(need(p, "id"), need(p, "start"), need(p, "end"), overlap=overlap)


async def _schedule_delete(engine: Engine, p: Params) -> Any:
    await engine.delete_schedule(need(p, "id"))


METHODS: dict[str, Method] = {
    "schedules": _schedules,
    "schedule_create": _schedule_create,
    "schedule_describe": _schedule_describe,
    "schedule_pause": _schedule_pause,
    "schedule_resume": _schedule_resume,
    "schedule_update": _schedule_update,
    "schedule_trigger": _schedule_trigger,
    "schedule_backfill": _schedule_backfill,
    "schedule_delete": _schedule_delete,
}
