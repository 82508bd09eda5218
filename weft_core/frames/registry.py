"""The durable functions of this process, by key."""

from __future__ import annotations

from .plan import Root

REGISTRY: dict[str, Root] = {}
"""``module:qualname`` (or the name given to ``@durable``) -> the function's root plan."""
