"""The durable functions of this process, by key."""

from __future__ import annotations

import importlib
from typing import Any

from .plan import Root


class _Registry(dict[str, Root]):
    """Our own durable functions are compiled when one of them is first asked for."""

    def get(self, key: str, default: Any = None) -> Any:
        if key.startswith(_OURS) and key not in self:
            importlib.import_module(_OURS[:-1])
        return super().get(key, default)


_OURS = "weft_core.frames.durable_contexts:"

REGISTRY: dict[str, Root] = _Registry()
"""``module:qualname`` (or the name given to ``@durable``) -> the function's root plan."""
