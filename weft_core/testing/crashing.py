"""CrashingStorage: the process dies at its n-th write. For tests that crash at every write a scenario makes.

for n in count(1):
    storage = CrashingStorage(memory, crash_at=n)
    ... run the scenario; on SimulatedCrash go on with a new engine on memory.reopen() ...
    if not storage.dead:
        break
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, TypeVar

from weft_core.ports import Op, Storage
from weft_core.testing.intercepting import InterceptingStorage, reopened

T = TypeVar("T")


class SimulatedCrash(BaseException):
    """The process has died here. Not an Exception: no handler of the engine or of a workflow may survive it."""


class CrashingStorage(InterceptingStorage):
    """Raises :class:`SimulatedCrash` at write number ``crash_at`` (from 1; None: never) and at every call after it.

    ``mode`` says whether that write had reached the store ("after") or not ("before"); a store with atomic batches has
    nothing in between. A write call is one of put, delete, batch, conditional_batch, delete_prefix, also when it turns
    out to change nothing. Calls that are under way at the moment of the crash are never answered: they raise, too.
    With ``record`` the operations of every write that was made are kept in ``recorded``; ``fatal`` are those of the
    write at which it died.
    """

    def __init__(
        self,
        inner: Storage,
        crash_at: int | None = None,
        mode: Literal["before", "after"] = "before",
        *,
        record: bool = False,
    ) -> None:
        super().__init__(inner)
        self.crash_at = crash_at
        self.mode = mode
        self.dead = False
        self.recorded: list[list[Op]] = []
        self.fatal: list[Op] = []
        self._record = record

    def reopen(self) -> CrashingStorage:
        """What the next process finds: all that was written, and no crash ahead."""
        return CrashingStorage(reopened(self.inner), record=self._record)

    def crash_in(self, writes: int, mode: Literal["before", "after"] = "before") -> None:
        """Crash at the n-th write from now on; 1 is the next."""
        self.crash_at = self.writes + writes
        self.mode = mode

    async def reading(self, call: Callable[[], Awaitable[T]]) -> T:
        self._live()
        result = await call()
        self._live()
        return result

    async def writing(self, call: Callable[[], Awaitable[T]], ops: Sequence[Op]) -> T:
        self._live()
        number = self.writes
        if number == self.crash_at:
            self.fatal = list(ops)
        if number == self.crash_at and self.mode == "before":
            self._die()
        result = await call()
        if self._record:
            self.recorded.append(list(ops))
        if number == self.crash_at:
            self._die()
        self._live()
        return result

    async def close(self) -> None:
        """Closing a dead store raises as every call does; ``inner`` stays as the crash left it."""
        self._live()
        await self.inner.close()

    def _die(self) -> None:
        self.dead = True
        self._live()

    def _live(self) -> None:
        if self.dead:
            raise SimulatedCrash(f"simulated crash {self.mode} write {self.crash_at}")
