"""Removes runs with all their records: at once if they are few, else in bounded batches behind a durable mark."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from weft_core.engine.batch import Envelope
from weft_core.engine.patience import PatientReads
from weft_core.engine.starts import Starts
from weft_core.errors import CodecError, RunError, RunNotFinishedError, RunNotFoundError
from weft_core.machine import purging, records
from weft_core.machine.sealed import unseal_plain
from weft_core.model import keys
from weft_core.model.messages import TerminateRequested
from weft_core.model.run import STOPPED, RunHeader
from weft_core.ports import Clock, Op

log = logging.getLogger("weft")
_PAGE = 256
"""Records removed in one batch."""


class Purger:
    """One per engine. While a run is being purged its id is claimed, so that no new run can take it."""

    def __init__(
        self,
        reads: PatientReads,
        starts: Starts,
        ask: Callable[[Envelope], Awaitable[object]],
        clock: Clock,
        keys_kept_ms: int | None,
        gone: Callable[[RunHeader], None],
    ) -> None:
        self._reads, self._starts, self._ask, self._clock = reads, starts, ask, clock
        self._keys_kept_ms, self._gone = keys_kept_ms, gone
        self._left: list[str] = []
        """Runs whose purge was cut off by the end of an earlier engine."""
        self.purged = 0

    async def open(self) -> None:
        """Find the purges that were cut off, and keep their ids from being taken."""
        after: str | None = None
        while rows := await self._reads.scan(keys.PURGING, after=after):
            after = rows[-1][0]
            self._left += [key.removeprefix(keys.PURGING) for key, _ in rows]
        for run_id in self._left:
            await self._starts.hold(keys.run(run_id))

    async def finish_left(self, now: int) -> int | None:
        """Bring the purges that were cut off to their end. Nothing more is due then."""
        while self._left:
            run_id = self._left[0]
            data = await self._reads.get(keys.purging(run_id))
            try:
                thorough = data is None or purging.read_mark(run_id, data)
            except CodecError:
                thorough = True
            await self._finish(run_id, thorough)
            self._left.pop(0)
            self._starts.release(keys.run(run_id))
        return None

    async def purge(self, run_id: str, *, force: bool = False, finished_at: int | None = None) -> None:
        """Remove a run. Goes on to its end also if the caller stops waiting.

        ``finished_at``: only if that is when it finished. ``RunNotFoundError``, ``RunNotFinishedError``, and without
        ``force`` ``CorruptRecordError``.
        """
        work = asyncio.get_running_loop().create_task(self._purge(run_id, force, finished_at))
        await asyncio.shield(work)

    async def _purge(self, run_id: str, force: bool, finished_at: int | None) -> None:
        claim = keys.run(run_id)
        await self._starts.hold(claim)
        try:
            thorough = force and await self._end(run_id)
            purge = _Purge(self._reads, run_id, force, finished_at, self._clock.now_ms(), self._keys_kept_ms)
            purge.thorough = thorough
            await purge.gather()
            await self._ask(Envelope(run_id, plan=purge.plan))
            self.purged += 1
            if purge.header is not None:
                self._gone(purge.header)
            if purge.marked:
                await self._finish(run_id, purge.thorough)
        finally:
            self._starts.release(claim)

    async def _end(self, run_id: str) -> bool:
        """A run that is held or dead ends first, so that its parent is told and its locks are given back. Whether it
        was one, or cannot be read: then rows may be left of it that its records do not tell."""
        data = await self._reads.get(keys.run(run_id))
        try:
            header = records.read_header(run_id, data) if data is not None else None
            if header is None or header.status not in STOPPED:
                return False
            await self._ask(Envelope(run_id, TerminateRequested("it is purged")))
        except (CodecError, RunError) as trouble:
            log.warning("run %s is purged though it cannot be ended: %s", run_id, trouble)
        return True

    async def _finish(self, run_id: str, thorough: bool) -> None:
        for prefix in purging.prefixes(run_id):
            while rows := await self._reads.scan(prefix, limit=_PAGE):
                await self._write(purging.remove(key for key, _ in rows))
        if thorough:
            await self._look_through_indexes(run_id)
        await self._write([*purging.singles(run_id), (keys.purging(run_id), None)])

    async def _look_through_indexes(self, run_id: str) -> None:
        for kind in (*keys.INDEXES, *keys.SEARCHES, "child"):
            after: str | None = None
            while rows := await self._reads.scan(f"{kind}/", after=after, limit=_PAGE):
                after = rows[-1][0]
                if found := [key for key, _ in rows if purging.names(key, run_id)]:
                    await self._write(purging.remove(found))
        await self._spend_any_key(run_id)

    async def _spend_any_key(self, run_id: str) -> None:
        """The record that would name its idempotency key may have been unreadable."""
        after: str | None = None
        while rows := await self._reads.scan(keys.IDEMPOTENCY, after=after, limit=_PAGE):
            after = rows[-1][0]
            for key, data in rows:
                try:
                    known = unseal_plain(key, data)
                except CodecError:
                    continue
                if known[0] == run_id and not purging.is_spent(known):
                    name = key.removeprefix(keys.IDEMPOTENCY)
                    now = self._clock.now_ms()
                    await self._write(purging.spend(name, run_id, data, now, _until(now, self._keys_kept_ms)))

    async def _write(self, ops: list[Op]) -> None:
        await self._ask(Envelope("", extra=ops))


class _Purge:
    """The first batch of one purge."""

    def __init__(
        self, reads: PatientReads, run_id: str, force: bool, finished_at: int | None, now: int, keys_kept_ms: int | None
    ) -> None:
        self._reads, self._run_id, self._force, self._finished_at = reads, run_id, force, finished_at
        self._now, self._keys_kept_ms = now, keys_kept_ms
        self._seen: bytes | None = None
        self._found: list[str] = []
        self._all = True
        self.header: RunHeader | None = None
        self.thorough = self.marked = False

    async def gather(self) -> None:
        """Look for its records while other runs go on; what is found holds if the run's record stays as it is."""
        self._seen = await self._reads.get(keys.run(self._run_id))
        for prefix in purging.prefixes(self._run_id) if self._seen is not None else ():
            rows = await self._reads.scan(prefix, limit=_PAGE - len(self._found))
            self._found += [key for key, _ in rows]
            if len(self._found) >= _PAGE:
                self._all = False
                return

    async def plan(self) -> list[Op]:
        """Called by the pump when no turn of the run is under way."""
        data = await self._reads.get(keys.run(self._run_id))
        if data is None:
            raise RunNotFoundError(run_id=self._run_id)
        self.header = self._checked(data)
        self.thorough |= self.header is None or self.header.finished_at is None
        self.marked = self.thorough or not self._all or data != self._seen
        ops = purging.hide(self._run_id, self.header)
        if self.header is not None and (key := self.header.idempotency_key) is not None:
            stored = await self._reads.get(keys.idempotency(key))
            ops += purging.spend(key, self._run_id, stored, self._now, _until(self._now, self._keys_kept_ms))
        ops += purging.singles(self._run_id)
        if self.marked:
            return [*ops, purging.mark(self._run_id, self.thorough)]
        return ops + purging.remove(self._found)

    def _checked(self, data: bytes) -> RunHeader | None:
        try:
            header = records.read_header(self._run_id, data)
        except CodecError:
            if self._force:
                return None
            raise
        if header.finished_at is None and not (self._force and header.status in STOPPED):
            raise RunNotFinishedError.of(header.id, header.status)
        if self._finished_at not in (None, header.finished_at):
            raise RunNotFinishedError(
                run_id=header.id, status=header.status, action="this", remedy="It has been continued meanwhile"
            )
        return header


def _until(now: int, kept_ms: int | None) -> int | None:
    return None if kept_ms is None else now + kept_ms
