"""The wire: JSON text in, JSON text out. One table of methods, for browsers, servers and tools alike."""

from __future__ import annotations

import json

from weft_core.client.methods import (
    driving,
    finding,
    handoffs,
    looking,
    repairs,
    schedules,
    speaking,
    starting,
    transfer,
)
from weft_core.client.methods.call import Method
from weft_core.engine import Engine
from weft_core.engine.present import jsonable
from weft_core.errors import InvalidInputError, WeftError


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


METHODS: dict[str, Method] = {
    **starting.METHODS,
    **speaking.METHODS,
    **finding.METHODS,
    **looking.METHODS,
    **repairs.METHODS,
    **schedules.METHODS,
    **driving.METHODS,
    **transfer.METHODS,
    **handoffs.METHODS,
}
