"""What a call is made of: its parameters are what JSON gave."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from weft_core.engine import Engine
from weft_core.errors import InvalidInputError

Params = dict[str, Any]
Method = Callable[[Engine, Params], Awaitable[Any]]


def need(params: Params, name: str) -> Any:
    if name not in params:
        raise InvalidInputError(call="the call", reason=f"the parameter {name!r} is missing")
    return params[name]


def inputs_of(params: Params, call: str) -> list[Any]:
    inputs = params.get("input", [])
    if not isinstance(inputs, list):
        raise InvalidInputError(call=call, reason="input must be the list of positional inputs")
    return inputs


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
