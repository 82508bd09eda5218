"""Starts."""

from __future__ import annotations

from typing import Any

from weft_core.client.methods.call import Method, Params, inputs_of, instants, need
from weft_core.engine import Engine

_START_OPTIONS = (
    "id", "idempotency_key", "delay", "start_at", "execution_timeout", "on_conflict", "headers", "attributes", "tags",
)  # fmt: skip
_DEBOUNCE_OPTIONS = ("max_delay",)
_BATCH_OPTIONS = ("max_items", "max_delay")


async def _start(engine: Engine, p: Params) -> Any:
    inputs = inputs_of(p, "start")
    options = {name: p[name] for name in _START_OPTIONS if p.get(name) is not None}
    if "attributes" in options:
        options["attributes"] = instants(options["attributes"])
    handle = await engine.start(need(p, "workflow"), *inputs, **options)
    return await handle.describe()


async def _start_or_signal(engine: Engine, p: Params) -> Any:
    inputs = inputs_of(p, "start_or_signal")
    handle, outcome = await engine.start_or_signal(
        need(p, "workflow"), *inputs, signal=need(p, "signal"), payload=p.get("payload"), id=p.get("id"),
        idempotency_key=p.get("idempotency_key"), signal_id=p.get("signal_id"),
    )  # fmt: skip
    return {"outcome": outcome, "run": await handle.describe()}


async def _start_debounced(engine: Engine, p: Params) -> Any:
    inputs = inputs_of(p, "start_debounced")
    options = {name: p[name] for name in _DEBOUNCE_OPTIONS if p.get(name) is not None}
    handle = await engine.start_debounced(
        need(p, "workflow"), *inputs, key=need(p, "key"), delay=need(p, "delay"), **options
    )  # fmt: skip
    return await handle.describe()


async def _start_batched(engine: Engine, p: Params) -> Any:
    options = {name: p[name] for name in _BATCH_OPTIONS if p.get(name) is not None}
    handle = await engine.start_batched(need(p, "workflow"), need(p, "item"), key=need(p, "key"), **options)
    return await handle.describe()


METHODS: dict[str, Method] = {
    "start": _start,
    "start_or_signal": _start_or_signal,
    "start_debounced": _start_debounced,
    "start_batched": _start_batched,
}
