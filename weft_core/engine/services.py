"""Which services a run has: those of the engine, its own, or what is resolved for it after a restart."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from weft_core import codec
from weft_core.errors import ServicesUnavailableError
from weft_core.model.run import RunHeader
from weft_core.model.services import Services

Resolver = Callable[[dict[str, Any]], "Mapping[str, Any] | Awaitable[Mapping[str, Any]]"]
"""Given ``{"id", "workflow", "version", "input"}`` of a run: the services it was started with. May be async. What it
raises holds that run, and no other, until it is resumed."""

_PLAIN = (type(None), bool, int, float, complex, str, bytes, type)
"""Values of these types are stored as values, wherever they come from."""


class ServiceBook:
    """Services by run, as long as this process knows them."""

    def __init__(self, common: Mapping[str, Any] | None, resolver: Resolver | None) -> None:
        self._common = Services(common)
        self._resolver = resolver
        self._own: dict[str, Services] = {}

    def give(self, run_id: str, services: Mapping[str, Any]) -> None:
        """A run is started with these, which win over those of the engine."""
        self._own[run_id] = Services({**self._common, **services})

    def share(self, run_id: str, fork_id: str) -> None:
        """A fork has those of its run, as far as they are known here."""
        if run_id in self._own:
            self._own[fork_id] = self._own[run_id]

    def forget(self, run_id: str) -> None:
        """The run has ended."""
        self._own.pop(run_id, None)

    def of(self, run_id: str) -> Services:
        return self._own.get(run_id, self._common)

    async def resolve(self, header: RunHeader) -> None:
        """Before a stored run is loaded. ``ServicesUnavailableError``: nobody can say what it was started with."""
        if not header.has_services or header.id in self._own:
            return
        if self._resolver is None:
            raise ServicesUnavailableError(run_id=header.id, reason="the engine has no resolve_services=")
        facts = {"id": header.id, "workflow": header.workflow, "version": header.version}
        try:
            found = self._resolver({**facts, "input": codec.loads(header.input)})
            self.give(header.id, await found if inspect.isawaitable(found) else found)
        except Exception as error:
            reason = f"resolve_services raised {type(error).__name__}: {error}"
            raise ServicesUnavailableError(run_id=header.id, reason=reason) from error


def externals(ctx: Any, services: Services) -> codec.Externals:
    """What checkpoints of a run name and do not hold: its context and its services."""
    named = {f"service {name}": service for name, service in services.items() if not isinstance(service, _PLAIN)}
    return codec.Externals({"ctx": ctx, "services": services, **named})
