"""What ``start`` returns: one run, as its caller sees it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Protocol

from weft_core.engine.events import EventBus
from weft_core.engine.tails import EventTail, RunSource
from weft_core.machine.outcomes import outcome_of, value_of
from weft_core.model.durations import Duration
from weft_core.model.run import FINISHED, STOPPED, RunHeader
from weft_core.workflow import Query, Signal, Update


class Owner(Protocol):
    """What a handle needs of its engine."""

    @property
    def events(self) -> EventBus: ...

    async def header(self, run_id: str) -> RunHeader: ...

    async def describe(self, run_id: str) -> dict[str, Any]: ...

    async def signal(
        self, run_id: str, signal: Signal[Any] | str, payload: Any = None, *, signal_id: str | None = None
    ) -> None: ...

    async def query(self, run_id: str, query: Query[Any] | str, /, *args: Any) -> Any: ...

    async def update(
        self,
        run_id: str,
        update: Update[Any, Any] | str,
        payload: Any = None,
        *,
        update_id: str | None = None,
        timeout: Duration | None = "5s",
    ) -> Any: ...

    async def cancel(self, run_id: str, reason: str | None = None) -> None: ...

    async def terminate(self, run_id: str, reason: str | None = None) -> None: ...

    async def suspend(self, run_id: str, reason: str | None = None) -> None: ...

    async def resume(self, run_id: str) -> None: ...

    async def history(self, run_id: str, *, after: int = 0, limit: int = 1000) -> list[dict[str, Any]]: ...


class WorkflowHandle:
    """A run by its id. Cheap; any number may exist for one run."""

    def __init__(self, engine: Owner, run_id: str) -> None:
        self._engine = engine
        self.id = run_id

    async def result(self) -> Any:
        """The workflow's return value, waiting for it if need be.

        Raises ``RunFailedError`` (its ``__cause__`` is the workflow's own error where that could be stored),
        ``RunCancelledError``, or ``RunHeldError`` for a run that is held or in the dead letter list.
        """
        ended = self._engine.events.wait_for_end(self.id)
        try:
            header = await self._engine.header(self.id)
            if header.status not in FINISHED and header.status not in STOPPED:
                header = await ended
        finally:
            self._engine.events.forget(self.id, ended)
        return result_of(header)

    async def describe(self) -> dict[str, Any]:
        return await self._engine.describe(self.id)

    async def signal(self, signal: Signal[Any] | str, payload: Any = None, *, signal_id: str | None = None) -> None:
        await self._engine.signal(self.id, signal, payload, signal_id=signal_id)

    async def update(
        self,
        update: Update[Any, Any] | str,
        payload: Any = None,
        *,
        update_id: str | None = None,
        timeout: Duration | None = "5s",
    ) -> Any:
        return await self._engine.update(self.id, update, payload, update_id=update_id, timeout=timeout)

    async def query(self, query: Query[Any] | str, *args: Any) -> Any:
        return await self._engine.query(self.id, query, *args)

    async def cancel(self, reason: str | None = None) -> None:
        await self._engine.cancel(self.id, reason)

    async def terminate(self, reason: str | None = None) -> None:
        await self._engine.terminate(self.id, reason)

    async def suspend(self, reason: str | None = None) -> None:
        await self._engine.suspend(self.id, reason)

    async def resume(self) -> None:
        await self._engine.resume(self.id)

    async def history(self, *, after: int = 0, limit: int = 1000) -> list[dict[str, Any]]:
        return await self._engine.history(self.id, after=after, limit=limit)

    async def tail(self, *, after: int = 0) -> AsyncIterator[dict[str, Any]]:
        """The run's events above ``after``, stored ones first and then live ones, without gap or repetition.

        Ends after the last event of a finished run. Raises what stopped the engine, if that comes first. The same as
        ``engine.tail(run_id)``, which gives typed events.
        """
        async with EventTail(self._engine.events, RunSource(self._engine, self.id), (after, 0), _as_is) as tail:
            async for event in tail:
                yield event

    def __repr__(self) -> str:
        return f"<WorkflowHandle {self.id}>"


def _as_is(event: dict[str, Any]) -> dict[str, Any]:
    return event


def result_of(header: RunHeader) -> Any:
    """The value of a finished run, or its error raised."""
    return value_of(outcome_of(header))
