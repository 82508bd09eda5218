"""The durable functions of this process, by key."""

from __future__ import annotations

import importlib
from typing import Any

from weft_core.frames.plan import Root


class _Registry(dict[str, Root]):
    """Our own durable functions are compiled when one of them is first asked for."""

    def get(self, key: str, default: Any = None) -> Any:
        if key.startswith(_OURS) and key not in self:
            importlib.import_module(_OURS[:-1])
        return super().get(key, default)


_OURS = "weft_core.frames.durable_contexts:"

REGISTRY: dict[str, Root] = _Registry()
"""``module:qualname`` (or the name given to ``@durable``) -> the function's root plan."""

_WORKFLOW = "workflow:"


def workflow_key(name: str, version: str) -> str:
    """The key of a workflow's own function: its name and version, wherever the function is written and whatever it is
    called. So versions stand side by side, and a function may be moved or renamed under its runs."""
    return f"{_WORKFLOW}{name}@{version}"


def shown_name(key: str) -> str:
    """What people call the function with this key: the workflow's name, or the function's own."""
    if key.startswith(_WORKFLOW):
        return key[len(_WORKFLOW) :].rpartition("@")[0]
    return key.rpartition(":")[2]
