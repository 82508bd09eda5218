"""The storage port over a store that JavaScript owns: one call and one buffer each way per request."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any, Literal, Protocol

from pyodide.ffi import to_js

from weft_core.errors import StorageClosedError
from weft_core.ports import DEFAULT_PAGE, Condition, Op, Row, StorageCapabilities
from weft_core.storage.keys import check_bounds, check_key, check_ops, check_value

from . import frames

_numbers = itertools.count(1)
"""Of requests, over all stores of this worker: what one no longer awaits is not taken for another's answer."""


class Bridge(Protocol):
    """The JavaScript side: takes a request frame and answers later through :meth:`BridgeStorage.stored`."""

    def store(self, request_id: int, frame: Any) -> None: ...


class BridgeStorage:
    """Storage whose requests travel as frames. Whether they end here or in the Service Worker, JavaScript knows."""

    def __init__(
        self, bridge: Bridge, *, durability: Literal["relaxed", "strict"] = "strict", kind: str = frames.INDEXED_DB
    ) -> None:
        self.kind = kind
        self._send = bridge.store
        self._loop = asyncio.get_event_loop()
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._closed = False
        self._capabilities = StorageCapabilities(persistence="local", durability=durability)

    @property
    def capabilities(self) -> StorageCapabilities:
        return self._capabilities

    def stored(self, request_id: int, reply: Any) -> None:
        """JavaScript's answer to a request."""
        waiting = self._waiting.pop(request_id, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(reply.to_bytes())

    async def get(self, key: str) -> bytes | None:
        check_key(key)
        return frames.value_of(await self._ask(frames.key_request(frames.GET, key)))

    async def has(self, key: str) -> bool:
        check_key(key)
        return frames.flag_of(await self._ask(frames.key_request(frames.HAS, key)))

    async def put(self, key: str, value: bytes) -> None:
        check_value(key, value)
        await self.conditional_batch((), ((key, value),))

    async def delete(self, key: str) -> None:
        await self.conditional_batch((), ((key, None),))

    async def scan(
        self,
        prefix: str,
        *,
        after: str | None = None,
        before: str | None = None,
        limit: int = DEFAULT_PAGE,
        reverse: bool = False,
    ) -> list[Row]:
        check_bounds(prefix, after, before)
        rows: list[Row] = []
        while True:
            asked = frames.scan_request(prefix, after, before, limit - len(rows), reverse)
            reply = await self._ask(asked)
            rows += frames.rows_of(reply)
            if not frames.was_cut(reply):
                return rows
            after = rows[-1][0]

    async def batch(self, ops: Sequence[Op]) -> None:
        await self.conditional_batch((), ops)

    async def conditional_batch(self, conditions: Sequence[Condition], ops: Sequence[Op]) -> bool:
        check_ops(conditions)
        check_ops(ops)
        return frames.flag_of(await self._ask(frames.apply_request(conditions, ops)))

    async def delete_prefix(self, prefix: str) -> int:
        check_bounds(prefix, None, None)
        return frames.count_of(await self._ask(frames.key_request(frames.DELETE_PREFIX, prefix)))

    async def close(self) -> None:
        self._closed = True

    async def _ask(self, frame: bytes) -> bytes:
        if self._closed:
            raise StorageClosedError(store=self.kind)
        request = next(_numbers)
        waiting = self._waiting[request] = self._loop.create_future()
        self._send(request, to_js(frame))
        reply: bytes = await waiting
        frames.check(reply, self.kind)
        return reply
