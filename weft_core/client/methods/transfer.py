"""The whole store as one file, piece by piece."""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from typing import Any

from weft_core.client.methods.call import Method, Params, need
from weft_core.engine import Engine
from weft_core.errors import InvalidInputError


async def _backup_status(engine: Engine, p: Params) -> Any:
    return await engine.backup_status()


async def _export_begin(engine: Engine, p: Params) -> Any:
    await engine.export_begin(need(p, "export"), compress=p.get("compress", True))


async def _export_read(engine: Engine, p: Params) -> Any:
    """Bytes travel as base64."""
    data, done = await engine.export_read(need(p, "export"), need(p, "piece"))
    return {"data": b2a_base64(data, newline=False).decode(), "done": done}


async def _import_begin(engine: Engine, p: Params) -> Any:
    await engine.import_begin(need(p, "import"), replace=p.get("replace", False), as_new=p.get("as_new", False))


async def _import_write(engine: Engine, p: Params) -> Any:
    try:
        data = a2b_base64(need(p, "data"))
    except (TypeError, ValueError) as error:
        raise InvalidInputError(call="import_write", reason=f"data is no base64: {error}") from None
    return {"size": await engine.import_write(need(p, "import"), need(p, "at"), data)}


async def _import_finish(engine: Engine, p: Params) -> Any:
    """The engine closes; its host opens another one."""
    return await engine.import_finish(need(p, "import"))


METHODS: dict[str, Method] = {
    "backup_status": _backup_status,
    "export_begin": _export_begin,
    "export_read": _export_read,
    "import_begin": _import_begin,
    "import_write": _import_write,
    "import_finish": _import_finish,
}
