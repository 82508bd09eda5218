"""A store's passing troubles are waited out, a bounded number of times (G17)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from weft_core.errors import StorageQuotaError, StorageUnavailableError
from weft_core.ports import DEFAULT_PAGE, Row, Storage

T = TypeVar("T")
RETRY_DELAYS_S = (0.05, 0.2, 0.5, 1.0, 2.0)


async def scan_all(storage: Storage | PatientReads, prefix: str) -> list[Row]:
    """Every row under a prefix, page by page."""
    rows: list[Row] = []
    while page := await storage.scan(prefix, after=rows[-1][0] if rows else None):
        rows += page
        if len(page) < DEFAULT_PAGE:
            break
    return rows


class PatientReads:
    """The reading half of a store. A read is repeated while the store is unavailable, once for each delay."""

    def __init__(self, storage: Storage, delays_s: tuple[float, ...] = RETRY_DELAYS_S) -> None:
        self._storage, self._delays_s = storage, delays_s

    async def get(self, key: str) -> bytes | None:
        return await self._patiently(lambda: self._storage.get(key))

    async def has(self, key: str) -> bool:
        return await self._patiently(lambda: self._storage.has(key))

    async def scan(
        self,
        prefix: str,
        *,
        after: str | None = None,
        before: str | None = None,
        limit: int = DEFAULT_PAGE,
        reverse: bool = False,
    ) -> list[Row]:
        return await self._patiently(
            lambda: self._storage.scan(prefix, after=after, before=before, limit=limit, reverse=reverse)
        )

    async def _patiently(self, read: Callable[[], Awaitable[T]]) -> T:
        for delay in self._delays_s:
            try:
                return await read()
            except (StorageUnavailableError, StorageQuotaError):
                await asyncio.sleep(delay)
        return await read()
