"""What a retention lets go of, found in the order in which it is due.

``ended/<workflow>/<status>/<finished>/<id>`` names each finished run once a retention has been asked for in a store;
so a sweep looks at the oldest row of each group, and reads no run that is not due. The policy is applied when a sweep
looks: one that is changed applies to runs that had finished before, too.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

from weft_core.engine.batch import Envelope
from weft_core.engine.patience import PatientReads
from weft_core.engine.registry import Registry
from weft_core.engine.retention.purger import Purger
from weft_core.engine.starts import Starts
from weft_core.errors import CodecError, RunNotFinishedError, RunNotFoundError
from weft_core.machine import purging, records
from weft_core.machine.sealed import seal_plain, unseal_plain
from weft_core.model import keys
from weft_core.model.retention import Retention
from weft_core.model.run import FINISHED, RunHeader
from weft_core.ports import Op

log = logging.getLogger("weft")
_SLICE = 64
"""Runs that are purged at the same time; their first batches share commits."""
_PAGE = 256


class Sweeps:
    """One per engine."""

    def __init__(
        self,
        reads: PatientReads,
        registry: Registry,
        policy: Callable[[str], Retention],
        starts: Starts,
        ask: Callable[[Envelope], Awaitable[object]],
    ) -> None:
        self._reads, self._registry, self._policy = reads, registry, policy
        self._starts, self._ask = starts, ask
        self._state: tuple[bool, str] | None = None
        """Whether the rows are complete, and how far older runs have been looked at; None: no rows are written."""
        self._counts: Counter[str] | None = None
        """Finished runs of each workflow; None until they are counted, or where no policy needs it."""
        self._counting: set[str] | None = None
        """Runs that have finished since counting began."""
        self.purger: Purger

    async def open(self) -> None:
        """Read whether this store has rows of finished runs."""
        data = await self._reads.get(keys.ENDED_STATE)
        if data is not None:
            complete, cursor = unseal_plain(keys.ENDED_STATE, data)
            self._state = complete, cursor

    def _wanted(self) -> bool:
        return any(self._policy(name).removes_runs for name in ("", *(w.name for w in self._registry.workflows())))

    # -- what the pump calls

    def rows(self, headers: list[RunHeader]) -> list[Op]:
        """The rows of runs that finish in a batch."""
        if self._state is None:
            return []
        return [
            (keys.ended(h.workflow, h.status, h.finished_at, h.id), b"") for h in headers if h.finished_at is not None
        ]

    def ended(self, header: RunHeader) -> int | None:
        """A run has finished, and that is durable: when a sweep is due for it."""
        if self._state is None or header.finished_at is None:
            return None
        policy = self._policy(header.workflow)
        if policy.count is not None and self._counts is None:
            return 0
        if self._counts is not None:
            self._counts[header.workflow] += 1
            if self._counting is not None:
                self._counting.add(header.id)
            if policy.count is not None and self._counts[header.workflow] > policy.count:
                return 0
        age = policy.age_ms(header.status)
        return None if age is None else header.finished_at + age

    def gone(self, header: RunHeader) -> None:
        """A run has been purged, or is finished no more."""
        if self._counts is not None and header.status in FINISHED:
            self._counts[header.workflow] -= 1

    # -- sweeping

    async def sweep(self, now: int) -> int | None:
        """Remove all that is due. When the next sweep is due; None if nothing will be."""
        dues = [await self._spent_keys(now)]
        if self._wanted():
            await self._complete_rows()
            dues.append(await self._by_age(now))
            await self._by_count()
        return min((due for due in dues if due is not None), default=None)

    async def _complete_rows(self) -> None:
        """Rows of the runs that finished before there was a retention: written once for a store, in bounded slices."""
        if self._state is None:
            self._state = False, ""
            await self._write([self._state_record()])
        while not self._state[0]:
            rows = await self._reads.scan(keys.BY_TIME, after=self._state[1] or None, limit=_PAGE)
            headers = [h for key, _ in rows if (h := await self._header(key.rpartition("/")[2])) is not None]
            self._state = len(rows) < _PAGE, rows[-1][0] if rows else ""
            await self._write([*self.rows(headers), self._state_record()])

    def _state_record(self) -> Op:
        assert self._state is not None
        return keys.ENDED_STATE, seal_plain(keys.ENDED_STATE, list(self._state))

    async def _header(self, run_id: str) -> RunHeader | None:
        data = await self._reads.get(keys.run(run_id))
        try:
            return records.read_header(run_id, data) if data is not None else None
        except CodecError:
            return None  # whoever asks for the run is told

    async def _groups(self) -> AsyncIterator[tuple[str, str]]:
        """(workflow, status) of the finished runs there are."""
        after: str | None = None
        while rows := await self._reads.scan(keys.ENDED, after=after, limit=1):
            workflow, status, _, _ = keys.parse_ended(rows[0][0])
            yield workflow, status
            after = keys.ended_group(workflow, status) + "~"

    async def _by_age(self, now: int) -> int | None:
        dues = []
        async for workflow, status in self._groups():
            age = self._policy(workflow).age_ms(status)
            if age is None:
                continue
            until = keys.ended_until(workflow, status, now - age)
            while rows := await self._reads.scan(keys.ended_group(workflow, status), before=until, limit=_SLICE):
                await self._purge([key for key, _ in rows])
            if rows := await self._reads.scan(keys.ended_group(workflow, status), limit=1):
                dues.append(keys.parse_ended(rows[0][0])[2] + age)
        return min(dues, default=None)

    async def _by_count(self) -> None:
        names = {name async for name, _ in self._groups() if self._policy(name).count is not None}
        if not names:
            return
        if self._counts is None:
            await self._count()
        assert self._counts is not None
        for name in names:
            most = self._policy(name).count
            while most is not None and (surplus := self._counts[name] - most) > 0:
                oldest = await self._oldest(name, min(surplus, _SLICE))
                if not oldest:
                    self._counts[name] = 0
                    break
                await self._purge(oldest)

    async def _count(self) -> None:
        """Once for each engine. Runs that finish meanwhile are counted as they do, wherever the scan meets them."""
        counts = self._counts = Counter()
        self._counting = set()
        after: str | None = None
        while rows := await self._reads.scan(keys.ENDED, after=after, limit=_PAGE):
            after = rows[-1][0]
            for key, _ in rows:
                workflow, _, _, run_id = keys.parse_ended(key)
                counts[workflow] += run_id not in self._counting
        self._counting = None

    async def _oldest(self, workflow: str, many: int) -> list[str]:
        """The rows of the runs of a workflow that finished first, however they ended."""
        found: list[str] = []
        for status in FINISHED:
            found += [key for key, _ in await self._reads.scan(keys.ended_group(workflow, status), limit=many)]
        return sorted(found, key=lambda key: keys.parse_ended(key)[2:])[:many]

    async def _purge(self, rows: list[str]) -> None:
        await asyncio.gather(*map(self._purge_one, rows))

    async def _purge_one(self, row: str) -> None:
        workflow, _, finished_at, run_id = keys.parse_ended(row)
        try:
            await self.purger.purge(run_id, finished_at=finished_at)
        except (RunNotFoundError, RunNotFinishedError) as outdated:
            log.debug("a row of finished runs is outdated: %s", outdated)
            await self._drop(workflow, row)
        except CodecError as damage:
            log.warning("a run that is due to be removed cannot be read, and stays: %s", damage)
            await self._drop(workflow, row)

    async def _drop(self, workflow: str, row: str) -> None:
        if self._counts is not None:
            self._counts[workflow] -= 1
        await self._write([(row, None)])

    async def _spent_keys(self, now: int) -> int | None:
        """Forget the spent keys whose time has come."""
        while rows := await self._reads.scan(keys.SPENT, before=keys.spent_until(now), limit=_SLICE):
            for row, _ in rows:
                record_key = keys.idempotency(row.split("/", 2)[2])
                await self._starts.hold(record_key)
                try:
                    data = await self._reads.get(record_key)
                    spent = data is not None and purging.is_spent(unseal_plain(record_key, data))
                    await self._write([(row, None), *([(record_key, None)] if spent else ())])
                finally:
                    self._starts.release(record_key)
        rows = await self._reads.scan(keys.SPENT, limit=1)
        return int(rows[0][0].split("/")[1], 16) if rows else None

    async def _write(self, ops: list[Op]) -> None:
        await self._ask(Envelope("", extra=ops))
