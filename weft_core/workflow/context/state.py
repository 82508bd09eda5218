"""State: values beside the local variables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft_core.model.operations import DurableValue
from weft_core.workflow.context.facts import Facts


class State(Facts):
    """``ctx.state``."""

    @property
    def state(self) -> States:
        """Values by key, in four scopes: see :class:`States`."""
        return States(self)


class States:
    """Where a value can be kept. A run's local variables are durable by themselves; these are for more than one
    function, one run, or one reader."""

    __slots__ = ("_ctx",)

    def __init__(self, ctx: Facts) -> None:
        self._ctx = ctx

    def session(self, key: str) -> SessionValue:
        """Part of this run's checkpoint, at once and without ``await``: for handlers and helpers of one run."""
        return SessionValue(self._ctx, key)

    def execution(self, key: str) -> DurableValue:
        """A record of this run, changed with its next checkpoint; others can read it, also after the end."""
        return DurableValue("execution", key)

    def workflow(self, key: str) -> DurableValue:
        """Shared by all runs of this workflow, whatever their version."""
        return DurableValue("workflow", key)

    def store(self, key: str) -> DurableValue:
        """Shared by all runs of the store."""
        return DurableValue("store", key)


class SessionValue:
    """A value in the checkpoint. It is the live object: what changes in it is stored with the next checkpoint."""

    __slots__ = ("_ctx", "key")

    def __init__(self, ctx: Facts, key: str) -> None:
        self._ctx, self.key = ctx, key

    def get(self, default: Any = None) -> Any:
        return self._ctx._run.session.get(self.key, default)

    def set(self, value: Any) -> None:
        self._ctx._run.session[self.key] = value

    def update(self, fn: Callable[[Any], Any], *, initial: Any = None) -> Any:
        """Set it to ``fn(value)``, or ``fn(initial)`` if there is none; the new value."""
        value = fn(self.get(initial))
        self.set(value)
        return value

    def delete(self) -> bool:
        """Remove it; whether there was one."""
        held = self.key in self._ctx._run.session
        self._ctx._run.session.pop(self.key, None)
        return held

    def __repr__(self) -> str:
        return f"<session state {self.key}>"
