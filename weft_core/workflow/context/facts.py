"""What a run knows of itself, and what it does at once: nothing here awaits."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from weft_core import codec
from weft_core.model.durations import from_ms
from weft_core.model.limits import DEFAULT_LIMITS, Limits
from weft_core.model.run import RunState
from weft_core.model.services import NO_SERVICES, Services
from weft_core.ports import Clock, Ids


class Facts:
    """The part of ``ctx`` that all its other parts stand on."""

    def __init__(self, clock: Clock, ids: Ids) -> None:
        self._clock, self._ids = clock, ids
        self._run: RunState
        self._limits: Limits = DEFAULT_LIMITS
        self._services = NO_SERVICES

    @property
    def services(self) -> Services:
        """Objects of the host, given by ``Engine(services=)`` or ``start(services=)``. A checkpoint names them and does
        not hold them, so they may be kept in variables. To use one that does input or output, use it in an activity:
        ``activity_info().services``."""
        return self._services

    @property
    def id(self) -> str:
        """The run's id."""
        return self._run.header.id

    @property
    def workflow_name(self) -> str:
        return self._run.header.workflow

    @property
    def version(self) -> str:
        return self._run.header.version

    @property
    def started_at(self) -> datetime:
        return from_ms(self._run.header.created_at)

    @property
    def execution_time_remaining(self) -> timedelta | None:
        """Until the run is ended as timed out; None without an execution timeout."""
        deadline = self._run.header.deadline
        return timedelta(milliseconds=max(0, deadline - self._clock.now_ms())) if deadline else None

    @property
    def idempotency_key(self) -> str | None:
        """The key the run was started with, if any."""
        return self._run.header.idempotency_key

    def __repr__(self) -> str:
        return f"<Context of {self.workflow_name} run {self.id}>"

    def log(self, message: str, /, **data: Any) -> None:
        """Add a line to the run's event log. It becomes visible with the next checkpoint. Of one that is larger than a
        payload may be, the beginning."""
        self._run.logged.append((str(message), {k: codec.dumps(v) for k, v in data.items()}))

    def now(self) -> datetime:
        """The owner's clock, aware UTC."""
        return from_ms(self._clock.now_ms())

    def random(self) -> float:
        """A number in [0, 1)."""
        return self._ids.random()

    def uuid(self) -> UUID:
        """A random UUID (version 4)."""
        bits = 0
        for _ in range(4):
            bits = bits << 32 | int(self._ids.random() * (1 << 32))
        return UUID(int=bits, version=4)
