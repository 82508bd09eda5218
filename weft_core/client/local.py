"""LocalClient: the client's view of an engine in the same process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from weft_core.engine import (
    Aggregate,
    Engine,
    EngineState,
    Page,
    ScheduleHandle,
    StartedOrSignalled,
    StreamTail,
    UpdateState,
    WorkflowHandle,
)
from weft_core.model.blobs import BlobRef
from weft_core.model.streams import StreamPage

Items = list[dict[str, Any]]
"""``list`` is a method below."""


class LocalClient:
    """Start, signal, query, cancel and look; nothing that drives. The same names as every other client."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def start(self, workflow: str, /, *inputs: Any, **options: Any) -> WorkflowHandle:
        return await self._engine.start(workflow, *inputs, **options)

    async def start_or_signal(self, workflow: str, /, *inputs: Any, signal: str, **options: Any) -> StartedOrSignalled:
        return await self._engine.start_or_signal(workflow, *inputs, signal=signal, **options)

    async def start_debounced(self, workflow: str, /, *inputs: Any, **options: Any) -> WorkflowHandle:
        return await self._engine.start_debounced(workflow, *inputs, **options)

    async def start_batched(self, workflow: str, item: Any, /, **options: Any) -> WorkflowHandle:
        return await self._engine.start_batched(workflow, item, **options)

    async def signal(self, run_id: str, name: str, payload: Any = None, *, signal_id: str | None = None) -> None:
        await self._engine.signal(run_id, name, payload, signal_id=signal_id)

    async def update(self, run_id: str, name: str, payload: Any = None, **options: Any) -> Any:
        return await self._engine.update(run_id, name, payload, **options)

    async def get_update(self, run_id: str, update_id: str) -> UpdateState:
        return await self._engine.get_update(run_id, update_id)

    async def reviews(self, **filters: Any) -> Page:
        return await self._engine.reviews(**filters)

    async def submit_review(self, review_id: str, **decided: Any) -> dict[str, Any]:
        return await self._engine.submit_review(review_id, **decided)

    async def query(self, run_id: str, name: str, /, *args: Any) -> Any:
        return await self._engine.query(run_id, name, *args)

    async def cancel(self, run_id: str, reason: str | None = None) -> None:
        await self._engine.cancel(run_id, reason)

    async def terminate(self, run_id: str, reason: str | None = None) -> None:
        await self._engine.terminate(run_id, reason)

    async def suspend(self, run_id: str, reason: str | None = None) -> None:
        await self._engine.suspend(run_id, reason)

    async def resume(self, run_id: str) -> None:
        await self._engine.resume(run_id)

    async def complete_async_activity(self, token: str, result: Any = None) -> None:
        await self._engine.complete_async_activity(token, result)

    async def fail_async_activity(self, token: str, error: Exception | str, *, type: str = "failure") -> None:
        await self._engine.fail_async_activity(token, error, type=type)

    async def heartbeat_async_activity(self, token: str, *details: Any) -> None:
        await self._engine.heartbeat_async_activity(token, *details)

    @property
    def state(self) -> EngineState:
        return self._engine.state

    async def load_blob(self, where: BlobRef | str, key: str | None = None) -> Any:
        return await self._engine.load_blob(where, key)

    async def read_stream(self, run_id: str, name: str, **paging: Any) -> StreamPage:
        return await self._engine.read_stream(run_id, name, **paging)

    def tail_stream(self, run_id: str, name: str, *, after: int = 0) -> StreamTail:
        return self._engine.tail_stream(run_id, name, after=after)

    async def purge(self, run_id: str, *, force: bool = False) -> None:
        await self._engine.purge(run_id, force=force)

    async def checkpoints(self, run_id: str, *, limit: int = 100, cursor: int | None = None) -> Items:
        return await self._engine.checkpoints(run_id, limit=limit, cursor=cursor)

    async def fork(self, run_id: str, **options: Any) -> WorkflowHandle:
        return await self._engine.fork(run_id, **options)

    async def rewind(self, run_id: str, to: int, *, reason: str | None = None, by: str | None = None) -> None:
        await self._engine.rewind(run_id, to, reason=reason, by=by)

    async def edit(
        self, run_id: str, changes: dict[str, Any], *, reason: str | None = None, by: str | None = None
    ) -> None:
        await self._engine.edit(run_id, changes, reason=reason, by=by)

    async def skip(self, run_id: str, value: Any = None, **options: Any) -> None:
        await self._engine.skip(run_id, value, **options)

    async def retry(self, run_id: str) -> None:
        await self._engine.retry(run_id)

    async def dead_letters(self, *, limit: int = 50, cursor: str | None = None) -> Page:
        return await self._engine.dead_letters(limit=limit, cursor=cursor)

    def queues(self) -> dict[str, dict[str, Any]]:
        return self._engine.queues()

    async def pause_queue(self, name: str) -> None:
        await self._engine.pause_queue(name)

    async def resume_queue(self, name: str) -> None:
        await self._engine.resume_queue(name)

    async def list(self, **filters: Any) -> Page:
        return await self._engine.list(**filters)

    async def count(self, **filters: Any) -> int:
        return await self._engine.count(**filters)

    async def aggregate(self, *, by: Any, limit: int = 1000, **filters: Any) -> Aggregate:
        return await self._engine.aggregate(by=by, limit=limit, **filters)

    async def get_attributes(self, run_id: str) -> dict[str, Any]:
        return await self._engine.get_attributes(run_id)

    async def set_attributes(self, run_id: str, attributes: Mapping[Any, Any]) -> None:
        await self._engine.set_attributes(run_id, attributes)

    async def add_tags(self, run_id: str, tags: Iterable[str]) -> None:
        await self._engine.add_tags(run_id, tags)

    async def remove_tags(self, run_id: str, tags: Iterable[str]) -> None:
        await self._engine.remove_tags(run_id, tags)

    async def describe(self, run_id: str) -> dict[str, Any]:
        return await self._engine.describe(run_id)

    def get_handle(self, run_id: str) -> WorkflowHandle:
        return self._engine.get_handle(run_id)

    async def schedule(self, workflow: str, /, *inputs: Any, **options: Any) -> ScheduleHandle:
        return await self._engine.schedule(workflow, *inputs, **options)

    async def list_schedules(self, **paging: Any) -> Page:
        return await self._engine.list_schedules(**paging)

    def get_schedule(self, schedule_id: str) -> ScheduleHandle:
        return self._engine.get_schedule(schedule_id)
