"""FailingStorage: a store that gives trouble without dying, as a network or a full disk does (G17)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, TypeVar

from weft_core.errors import CommitUnknownError, StorageError, StorageQuotaError, StorageUnavailableError
from weft_core.ports import Op, Storage
from weft_core.testing.intercepting import InterceptingStorage

T = TypeVar("T")

Failure = Literal["unavailable", "quota", "unknown-committed", "unknown-lost"]
"""What a failing write does. The two unknown ones raise CommitUnknownError, having written or not."""


class FailingStorage(InterceptingStorage):
    """Write number ``fail_at`` (from 1) and the ``times - 1`` after it fail in the way ``failure`` says.

    While ``down`` is set, every call raises StorageUnavailableError and writes nothing. ``failed`` counts.
    """

    def __init__(
        self, inner: Storage, fail_at: int | None = None, failure: Failure = "unavailable", *, times: int = 1
    ) -> None:
        super().__init__(inner)
        self.down = False
        self.failed = 0
        self._from = fail_at
        self._times = times
        self._failure: Failure = failure
        self._reads_to_fail = 0

    def fail_next_writes(self, times: int = 1, failure: Failure = "unavailable") -> None:
        """Let the coming writes fail."""
        self._from, self._times, self._failure = self.writes + 1, times, failure

    def fail_next_reads(self, times: int = 1) -> None:
        """Let the coming reads raise StorageUnavailableError."""
        self._reads_to_fail = times

    async def reading(self, call: Callable[[], Awaitable[T]]) -> T:
        if self.down or self._reads_to_fail:
            self._reads_to_fail = max(0, self._reads_to_fail - 1)
            raise self._error("unavailable")
        return await call()

    async def writing(self, call: Callable[[], Awaitable[T]], ops: Sequence[Op]) -> T:
        if self.down:
            raise self._error("unavailable")
        if self._from is None or not self._from <= self.writes < self._from + self._times:
            return await call()
        if self._failure == "unknown-committed":
            await call()
        raise self._error(self._failure)

    def _error(self, failure: Failure) -> StorageError:
        self.failed += 1
        if failure == "unavailable":
            return StorageUnavailableError(store="failing", reason="simulated outage")
        if failure == "quota":
            return StorageQuotaError(store="failing", reason="simulated full disk")
        return CommitUnknownError(store="failing", reason="simulated break during the commit")
