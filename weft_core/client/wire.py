"""The wire: JSON text in, JSON text out. One table of methods, for browsers, servers and tools alike."""

from __future__ import annotations

import json
from binascii import a2b_base64, b2a_base64
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from weft_core.client import handoffs, repairs
from weft_core.engine import BulkPlan, BulkResult, Engine, StateAccess
from weft_core.engine.present import jsonable
from weft_core.errors import InvalidInputError, WeftError
from weft_core.model.operations import StateValue

Params = dict[str, Any]
Method = Callable[[Engine, Params], Awaitable[Any]]


class Dispatcher:
    """Answers calls for an engine. ``call`` never raises: errors are answers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def call(self, method: str, params_json: str) -> str:
        """``{"ok": ...}`` or ``{"error": {"code", "message", "facts"}}``."""
        try:
            handler = METHODS.get(method)
            if handler is None:
                raise InvalidInputError(call=method, reason=f"there is no such method; there are {sorted(METHODS)}")
            params = json.loads(params_json)
            if not isinstance(params, dict):
                raise InvalidInputError(call=method, reason="the parameters must be a JSON object")
            return json.dumps({"ok": await handler(self._engine, params)}, allow_nan=False)
        except WeftError as error:
            return json.dumps({"error": jsonable(error.to_json())})
        except Exception as error:  # of a query handler of the author's, or of ours: an answer all the same
            return json.dumps({"error": {"code": type(error).__name__, "message": str(error), "facts": {}}})


def _need(params: Params, name: str) -> Any:
    if name not in params:
        raise InvalidInputError(call="the call", reason=f"the parameter {name!r} is missing")
    return params[name]


_START_OPTIONS = (
    "id", "idempotency_key", "delay", "start_at", "execution_timeout", "on_conflict", "headers", "attributes", "tags",
)  # fmt: skip


async def _start(engine: Engine, p: Params) -> Any:
    inputs = p.get("input", [])
    if not isinstance(inputs, list):
        raise InvalidInputError(call="start", reason="input must be the list of positional inputs")
    options = {name: p[name] for name in _START_OPTIONS if p.get(name) is not None}
    if "attributes" in options:
        options["attributes"] = instants(options["attributes"])
    handle = await engine.start(_need(p, "workflow"), *inputs, **options)
    return await handle.describe()


async def _start_or_signal(engine: Engine, p: Params) -> Any:
    inputs = p.get("input", [])
    if not isinstance(inputs, list):
        raise InvalidInputError(call="start_or_signal", reason="input must be the list of positional inputs")
    handle, outcome = await engine.start_or_signal(
        _need(p, "workflow"), *inputs, signal=_need(p, "signal"), payload=p.get("payload"), id=p.get("id"),
        idempotency_key=p.get("idempotency_key"), signal_id=p.get("signal_id"),
    )  # fmt: skip
    return {"outcome": outcome, "run": await handle.describe()}


_DEBOUNCE_OPTIONS = ("max_delay",)
_BATCH_OPTIONS = ("max_items", "max_delay")


async def _start_debounced(engine: Engine, p: Params) -> Any:
    inputs = p.get("input", [])
    if not isinstance(inputs, list):
        raise InvalidInputError(call="start_debounced", reason="input must be the list of positional inputs")
    options = {name: p[name] for name in _DEBOUNCE_OPTIONS if p.get(name) is not None}
    handle = await engine.start_debounced(
        _need(p, "workflow"), *inputs, key=_need(p, "key"), delay=_need(p, "delay"), **options
    )  # fmt: skip
    return await handle.describe()


async def _start_batched(engine: Engine, p: Params) -> Any:
    options = {name: p[name] for name in _BATCH_OPTIONS if p.get(name) is not None}
    handle = await engine.start_batched(_need(p, "workflow"), _need(p, "item"), key=_need(p, "key"), **options)
    return await handle.describe()


async def _signal(engine: Engine, p: Params) -> Any:
    await engine.signal(_need(p, "id"), _need(p, "name"), p.get("payload"), signal_id=p.get("signal_id"))


async def _update(engine: Engine, p: Params) -> Any:
    """Waits for the answer; one that is not there within ``timeout`` seconds is an UpdateTimeoutError."""
    value = await engine.update(
        _need(p, "id"), _need(p, "name"), p.get("payload"), update_id=p.get("update_id"), timeout=p.get("timeout", 5)
    )  # fmt: skip
    return {"value": jsonable(value)}


async def _get_update(engine: Engine, p: Params) -> Any:
    state = await engine.get_update(_need(p, "id"), _need(p, "update_id"))
    error = jsonable(state.error.to_json()) if state.error is not None else None
    return {
        "id": state.id, "run_id": state.run_id, "name": state.name, "status": state.status, "at": state.at,
        "result": jsonable(state.result), "error": error,
    }  # fmt: skip


async def _reviews(engine: Engine, p: Params) -> Any:
    known = ("status", "run_id", "type", "reviewer", "limit", "cursor")
    page = await engine.reviews(**{k: p[k] for k in known if p.get(k) is not None})
    return {"items": page.items, "cursor": page.cursor}


async def _submit_review(engine: Engine, p: Params) -> Any:
    return await engine.submit_review(
        _need(p, "review_id"), decision=p.get("decision"), reviewer=p.get("reviewer"), feedback=p.get("feedback"),
        sections=p.get("sections"), decision_id=p.get("decision_id"),
    )  # fmt: skip


async def _query(engine: Engine, p: Params) -> Any:
    value, step = await engine.query_at(_need(p, "id"), _need(p, "name"), *p.get("args", []))
    return {"value": jsonable(value), "step": step}


async def _cancel(engine: Engine, p: Params) -> Any:
    await engine.cancel(_need(p, "id"), p.get("reason"))


async def _terminate(engine: Engine, p: Params) -> Any:
    await engine.terminate(_need(p, "id"), p.get("reason"))


async def _suspend(engine: Engine, p: Params) -> Any:
    await engine.suspend(_need(p, "id"), p.get("reason"))


async def _complete_async_activity(engine: Engine, p: Params) -> Any:
    await engine.complete_async_activity(_need(p, "token"), p.get("result"))


async def _fail_async_activity(engine: Engine, p: Params) -> Any:
    """``error`` is text, or ``{"type", "message"}``."""
    error = _need(p, "error")
    if isinstance(error, dict):
        message, type_ = str(error.get("message", "")), str(error.get("type", "failure"))
        await engine.fail_async_activity(_need(p, "token"), message, type=type_)
    else:
        await engine.fail_async_activity(_need(p, "token"), error)


async def _heartbeat_async_activity(engine: Engine, p: Params) -> Any:
    details = (p["details"],) if "details" in p else ()
    await engine.heartbeat_async_activity(_need(p, "token"), *details)


def _words(p: Params) -> Params:
    """Filters: those of ``engine.list``. An instant is ISO text with a zone, or epoch seconds."""
    words = {name: value for name, value in p.items() if value is not None}
    return {**words, "attributes": instants(words["attributes"])} if "attributes" in words else words


def instants(value: Any) -> Any:
    """Search attributes as JSON has them: ``{"datetime": "2026-01-03T12:00:00Z"}`` is an instant."""
    if isinstance(value, dict) and set(value) == {"datetime"}:
        try:
            return datetime.fromisoformat(value["datetime"])
        except (TypeError, ValueError) as error:
            raise InvalidInputError(call="attributes", reason=str(error)) from None
    if isinstance(value, dict):
        return {name: instants(inner) for name, inner in value.items()}
    return [instants(inner) for inner in value] if isinstance(value, list) else value


async def _list(engine: Engine, p: Params) -> Any:
    page = await engine.list(**_words(p))
    return {"items": page.items, "cursor": page.cursor}


async def _count(engine: Engine, p: Params) -> Any:
    return {"count": await engine.count(**_words(p))}


async def _aggregate(engine: Engine, p: Params) -> Any:
    found = await engine.aggregate(by=_need(p, "by"), **{k: v for k, v in _words(p).items() if k != "by"})
    return {"total": found.total, "groups": found.groups, "truncated": found.truncated}


async def _get_attributes(engine: Engine, p: Params) -> Any:
    return jsonable(await engine.get_attributes(_need(p, "id")))


async def _set_attributes(engine: Engine, p: Params) -> Any:
    await engine.set_attributes(_need(p, "id"), instants(_need(p, "attributes")))


async def _add_tags(engine: Engine, p: Params) -> Any:
    await engine.add_tags(_need(p, "id"), _need(p, "tags"))


async def _remove_tags(engine: Engine, p: Params) -> Any:
    await engine.remove_tags(_need(p, "id"), _need(p, "tags"))


async def _describe(engine: Engine, p: Params) -> Any:
    return await engine.describe(_need(p, "id"))


async def _result(engine: Engine, p: Params) -> Any:
    """Waits for the end; failures are answers here too, as the status says."""
    try:
        await engine.get_handle(_need(p, "id")).result()
    except WeftError as error:
        info = await engine.describe(_need(p, "id"))
        return {"status": info["status"], "result": None, "error": info["error"] or error.to_json()}
    info = await engine.describe(_need(p, "id"))
    return {"status": info["status"], "result": info["result"], "error": None}


async def _history(engine: Engine, p: Params) -> Any:
    return await engine.history(_need(p, "id"), after=p.get("after", 0), limit=p.get("limit", 1000))


async def _events(engine: Engine, p: Params) -> Any:
    page = await engine.feed(**{k: p[k] for k in ("after", "limit", "types") if p.get(k) is not None})
    return {"events": page.events, "cursor": page.cursor, "more": page.more}


async def _frames(engine: Engine, p: Params) -> Any:
    return await engine.frames(_need(p, "id"), at=p.get("at"))


async def _resume(engine: Engine, p: Params) -> Any:
    await engine.resume(_need(p, "id"))


async def _purge(engine: Engine, p: Params) -> Any:
    await engine.purge(_need(p, "id"), force=p.get("force", False))


_BULK = ("cancel", "terminate", "resume", "signal", "tag", "untag", "delete")


def _bulk(verb: str) -> Method:
    """All parameters are those of the verb: its own, ``dry_run``, ``confirm``, ``all``, ``by`` and the filters."""

    async def call(engine: Engine, p: Params) -> Any:
        answer: BulkPlan | BulkResult = await getattr(engine, verb)(**p)
        return answer.to_json()

    return call


async def _audit(engine: Engine, p: Params) -> Any:
    page = await engine.audit(**{k: p[k] for k in ("limit", "cursor") if p.get(k) is not None})
    return {"items": page.items, "cursor": page.cursor}


async def _schedules(engine: Engine, p: Params) -> Any:
    page = await engine.list_schedules(**{k: p[k] for k in ("limit", "cursor") if p.get(k) is not None})
    return {"items": page.items, "cursor": page.cursor}


async def _schedule_create(engine: Engine, p: Params) -> Any:
    """``input`` is the list of positional inputs; instants are epoch seconds, durations seconds or text."""
    inputs = p.get("input", [])
    if not isinstance(inputs, list):
        raise InvalidInputError(call="schedule_create", reason="input must be the list of positional inputs")
    options: Any = {k: v for k, v in p.items() if k not in ("workflow", "input")}
    return await (await engine.schedule(_need(p, "workflow"), *inputs, **options)).describe()


async def _schedule_describe(engine: Engine, p: Params) -> Any:
    return await engine.describe_schedule(_need(p, "id"))


async def _schedule_pause(engine: Engine, p: Params) -> Any:
    await engine.pause_schedule(_need(p, "id"), p.get("reason"))


async def _schedule_resume(engine: Engine, p: Params) -> Any:
    await engine.resume_schedule(_need(p, "id"))


async def _schedule_update(engine: Engine, p: Params) -> Any:
    changes: Any = {k: v for k, v in p.items() if k != "id"}
    await engine.update_schedule(_need(p, "id"), **changes)


async def _schedule_trigger(engine: Engine, p: Params) -> Any:
    return await (await engine.trigger_schedule(_need(p, "id"))).describe()


async def _schedule_backfill(engine: Engine, p: Params) -> Any:
    overlap = p.get("overlap", "allow")
    return await engine.backfill_schedule(_need(p, "id"), _need(p, "start"), _need(p, "end"), overlap=overlap)


async def _schedule_delete(engine: Engine, p: Params) -> Any:
    await engine.delete_schedule(_need(p, "id"))


def _state(engine: Engine, p: Params) -> StateAccess:
    """Of a run (``id``), of a workflow (``workflow``), or of the store."""
    key = _need(p, "key")
    if p.get("id") is not None:
        return engine.state.execution(p["id"], key)
    return engine.state.workflow(p["workflow"], key) if p.get("workflow") else engine.state.store(key)


async def _state_get(engine: Engine, p: Params) -> Any:
    found = await _state(engine, p).read()
    return {"value": jsonable(found.value), "version": found.version, "exists": found.exists}


async def _state_set(engine: Engine, p: Params) -> Any:
    """With ``version``: only if it is still that; ``version`` 0: only if it was never set. Whether it was set."""
    value, place = _need(p, "value"), _state(engine, p)
    if p.get("version") is None:
        return {"set": True, "version": await place.set(value)}
    expected = StateValue(None, p["version"], False)
    swapped = await place.compare_and_swap(expected, value)
    return {"set": swapped, "version": p["version"] + 1 if swapped else (await place.read()).version}


async def _load_blob(engine: Engine, p: Params) -> Any:
    return {"value": jsonable(await engine.load_blob(_need(p, "id"), _need(p, "key")))}


async def _stream_read(engine: Engine, p: Params) -> Any:
    page = await engine.read_stream(
        _need(p, "id"), _need(p, "name"), after=p.get("after", 0), limit=p.get("limit", 256)
    )  # fmt: skip
    items = [
        {"seq": i.seq, "step": i.step, **({"reset": True} if i.reset else {"value": jsonable(i.value)})}
        for i in page.items
    ]
    return {"items": items, "cursor": page.cursor, "ended": page.ended}


async def _workflows(engine: Engine, p: Params) -> Any:
    return [
        {"name": w.name, "version": w.version, "signals": _sorted(w.signals), "updates": _sorted(w.updates)}
        for w in engine.registry.workflows()
    ]


def _sorted(names: frozenset[str] | None) -> list[str] | None:
    return sorted(names) if names is not None else None


async def _queues(engine: Engine, p: Params) -> Any:
    return engine.queues()


async def _pause_queue(engine: Engine, p: Params) -> Any:
    await engine.pause_queue(_need(p, "name"))


async def _resume_queue(engine: Engine, p: Params) -> Any:
    await engine.resume_queue(_need(p, "name"))


async def _wake(engine: Engine, p: Params) -> Any:
    """A hint; see ``engine.wake``."""
    return {"hurried": await engine.wake(retry=bool(p.get("retry", False)))}


async def _diagnostics(engine: Engine, p: Params) -> Any:
    return engine.diagnostics()


async def _backup_status(engine: Engine, p: Params) -> Any:
    return await engine.backup_status()


async def _export_begin(engine: Engine, p: Params) -> Any:
    await engine.export_begin(_need(p, "export"), compress=p.get("compress", True))


async def _export_read(engine: Engine, p: Params) -> Any:
    """Bytes travel as base64."""
    data, done = await engine.export_read(_need(p, "export"), _need(p, "piece"))
    return {"data": b2a_base64(data, newline=False).decode(), "done": done}


async def _import_begin(engine: Engine, p: Params) -> Any:
    await engine.import_begin(_need(p, "import"), replace=p.get("replace", False), as_new=p.get("as_new", False))


async def _import_write(engine: Engine, p: Params) -> Any:
    try:
        data = a2b_base64(_need(p, "data"))
    except (TypeError, ValueError) as error:
        raise InvalidInputError(call="import_write", reason=f"data is no base64: {error}") from None
    return {"size": await engine.import_write(_need(p, "import"), _need(p, "at"), data)}


async def _import_finish(engine: Engine, p: Params) -> Any:
    """The engine closes; its host opens another one."""
    return await engine.import_finish(_need(p, "import"))


METHODS: dict[str, Method] = {
    "start": _start,
    "start_or_signal": _start_or_signal,
    "start_debounced": _start_debounced,
    "start_batched": _start_batched,
    "signal": _signal,
    "update": _update,
    "get_update": _get_update,
    "reviews": _reviews,
    "submit_review": _submit_review,
    "query": _query,
    "cancel": _cancel,
    "terminate": _terminate,
    "suspend": _suspend,
    "resume": _resume,
    "complete_async_activity": _complete_async_activity,
    "fail_async_activity": _fail_async_activity,
    "heartbeat_async_activity": _heartbeat_async_activity,
    "list": _list,
    "count": _count,
    "aggregate": _aggregate,
    "get_attributes": _get_attributes,
    "set_attributes": _set_attributes,
    "add_tags": _add_tags,
    "remove_tags": _remove_tags,
    "describe": _describe,
    "result": _result,
    "history": _history,
    "events": _events,
    "frames": _frames,
    "purge": _purge,
    "audit": _audit,
    "schedules": _schedules,
    "schedule_create": _schedule_create,
    "schedule_describe": _schedule_describe,
    "schedule_pause": _schedule_pause,
    "schedule_resume": _schedule_resume,
    "schedule_update": _schedule_update,
    "schedule_trigger": _schedule_trigger,
    "schedule_backfill": _schedule_backfill,
    "schedule_delete": _schedule_delete,
    "state_get": _state_get,
    "state_set": _state_set,
    "load_blob": _load_blob,
    "stream_read": _stream_read,
    "workflows": _workflows,
    "diagnostics": _diagnostics,
    "wake": _wake,
    "queues": _queues,
    "pause_queue": _pause_queue,
    "resume_queue": _resume_queue,
    "backup_status": _backup_status,
    "export_begin": _export_begin,
    "export_read": _export_read,
    "import_begin": _import_begin,
    "import_write": _import_write,
    "import_finish": _import_finish,
    **repairs.METHODS,
    **handoffs.METHODS,
    **{f"bulk_{verb}": _bulk(f"bulk_{verb}") for verb in _BULK},
}
