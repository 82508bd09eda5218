"""Runs in memory: made new, loaded from their checkpoint, evicted when parked and long unused."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from weft_core.engine.patience import PatientReads, scan_all
from weft_core.engine.registry import Registry
from weft_core.engine.restoring import restore_run
from weft_core.engine.services import ServiceBook, externals
from weft_core.engine.streams import find_streams
from weft_core.errors import CodecError, CorruptRecordError
from weft_core.machine import records
from weft_core.machine.mail import read_mail
from weft_core.machine.past import Past, named_chunks
from weft_core.machine.sealed import unseal_plain
from weft_core.machine.window import EventWindow
from weft_core.model import keys
from weft_core.model.limits import Limits
from weft_core.model.retention import Retention, keep_all
from weft_core.model.run import BufferedSignal, RunHeader, RunState, Value
from weft_core.ports import Clock, Ids, Op
from weft_core.workflow import Context


class LiveRuns:
    """The runs whose frames are in memory, least recently used first."""

    def __init__(
        self,
        storage: PatientReads,
        registry: Registry,
        clock: Clock,
        ids: Ids,
        limits: Limits,
        policy: Callable[[str], Retention] = keep_all,
        services: ServiceBook | None = None,
    ) -> None:
        self.services = services or ServiceBook(None, None)
        self._storage, self._registry, self._policy = storage, registry, policy
        self._clock, self._ids = clock, ids
        self._limits = limits
        self._runs: OrderedDict[str, RunState] = OrderedDict()

    def __len__(self) -> int:
        return len(self._runs)

    def __contains__(self, run_id: str) -> bool:
        return run_id in self._runs

    def get(self, run_id: str) -> RunState | None:
        return self._runs.get(run_id)

    def create(self, header: RunHeader, inputs: tuple[Any, ...]) -> RunState:
        """A new run with its root frame, not started yet."""
        run = self.blank(header)
        run.next_seq, run.mail_seq, run.steps = header.next_seq, header.mail_seq, header.highest
        workflow = self._registry.version(header.workflow, header.version)
        run.add_task(None, workflow.frame(run.ctx, inputs))
        policy = self._policy(header.workflow)
        if policy.events is not None:
            run.window = EventWindow(1, policy.last_events, policy.events_age_ms)
        return run

    def blank(self, header: RunHeader) -> RunState:
        """A run without frames."""
        ctx = Context(self._clock, self._ids)
        services = self.services.of(header.id)
        run = RunState(header, ctx, externals(ctx, services))
        ctx._run, ctx._services, ctx._limits = run, services, self._limits
        run.attribute_types = self._registry.attribute_types(header.workflow, header.version)
        if header.retain:
            run.past = Past(header.retain)
        return run

    async def prepare(self, header: RunHeader) -> RunState:
        """A run without frames that has its services, values and streams. ``ServicesUnavailableError``."""
        await self.services.resolve(header)
        run = self.blank(header)
        if "state" in header.kept:
            run.values = await self.read_values(header.id)
        if "stream" in header.kept:
            run.streams = await find_streams(self._storage, header.id)
        return run

    async def read_values(self, run_id: str) -> dict[str, Value]:
        """What it holds by ``ctx.state.execution``."""
        rows = await scan_all(self._storage, keys.state_prefix(run_id))
        return {key.rpartition("/")[2]: unseal_plain(key, data) for key, data in rows}

    async def load(self, header: RunHeader) -> RunState:
        """Restore a run from its checkpoint.

        Raises what stands in the way: WorkflowNotRegisteredError, CodeChangedError, CorruptRecordError, ... Its code is
        that of its own version, or what it has been migrated to: then ``run.migrated`` says so.
        """
        data = await self._storage.get(keys.checkpoint(header.id))
        if data is None:
            raise CorruptRecordError(key=keys.checkpoint(header.id), reason="an unfinished run without it")
        run = await self.prepare(header)
        record = records.read_record(header.id, data)
        stored = await scan_all(self._storage, keys.chunk_prefix(header.id)) if record.directory else ()
        restore_run(run, record, dict(stored), self._registry)
        mail = await self.read_mailbox(header.id)
        run.mailbox.extend(s for s in mail if not s.taken)
        run.unanswered = {s.update_id: s for s in mail if s.taken and s.update_id is not None}
        if mail:
            run.mail_seq = max(run.mail_seq, mail[-1].seq)
        await self.watch_log(run)
        if header.retain:
            in_chunks = run.chunks.size if run.chunks is not None else 0
            run.past = Past.of(header, data, in_chunks, await scan_all(self._storage, keys.past_prefix(header.id)))
            run.past.name_anew(run)
        return run

    async def watch_log(self, run: RunState) -> None:
        """Have its log keep what the policy says."""
        policy = self._policy(run.header.workflow)
        if policy.events is not None:
            run.window = await self._window(run, policy)

    async def _window(self, run: RunState, policy: Retention) -> EventWindow:
        """Where its log begins, and how much of it is older than is kept."""
        rows = await self._storage.scan(keys.log_prefix(run.id), limit=1)
        window = EventWindow(_begins(rows[0][0]) if rows else run.next_seq, policy.last_events, policy.events_age_ms)
        if policy.events_age_ms is not None:
            since = self._clock.now_ms() - policy.events_age_ms
            window.old(await self._first_since(run, window.first, since), since - 1)
        return window

    async def _first_since(self, run: RunState, low: int, since: int) -> int:
        """The number of the first event that was written at ``since`` or later; a few reads, however long the log."""
        high = run.next_seq
        while low < high:
            middle = (low + high) // 2
            rows = await self._storage.scan(keys.log_prefix(run.id), after=keys.log(run.id, middle - 1), limit=1)
            if not rows or records.written_at(*rows[0]) >= since:
                high = middle
            else:
                low = _begins(rows[0][0]) + 1
        return low

    async def end(self, header: RunHeader) -> list[Op]:
        """What removes the checkpoint of a run that is over without its frames; retained, if the run retains any."""
        key = keys.checkpoint(header.id)
        if not header.retain:
            rows = await scan_all(self._storage, keys.chunk_prefix(header.id))
            return [(key, None), *[(chunk, None) for chunk, _ in rows]]
        data = await self._storage.get(key) or b""
        try:
            record = records.read_record(header.id, data)
            chunks = dict(await scan_all(self._storage, keys.chunk_prefix(header.id)))
            named = named_chunks(header.id, record.directory)
            in_chunks = sum(len(chunks.get(chunk, b"")) for chunk in named)
            past = Past.of(header, data, in_chunks, await scan_all(self._storage, keys.past_prefix(header.id)))
        except CodecError:
            return [(key, None)]  # what it named is not known; its chunks go with its past
        run = RunState(header, None, None)
        run.completed, run.steps = record.summary[records.COMPLETED], record.summary[records.STEPS]
        for mail in await scan_all(self._storage, keys.mail_prefix(header.id)):
            with contextlib.suppress(CodecError):
                past.ends([read_mail(*mail)])
        return past.follow(run, [(key, None), *[(chunk, None) for chunk in named]], False)

    async def read_mailbox(self, run_id: str) -> list[BufferedSignal]:
        """The signals and updates that lie in a run's mailbox, oldest first."""
        return [read_mail(key, data) for key, data in await scan_all(self._storage, keys.mail_prefix(run_id))]

    def keep(self, run: RunState) -> None:
        """Hold a run in memory as the most recently used."""
        self._runs[run.id] = run
        self._runs.move_to_end(run.id)

    def drop(self, run_id: str) -> None:
        """Forget a run's frames; none of the author's code runs."""
        run = self._runs.pop(run_id, None)
        if run is not None:
            records.evict(run)

    def finished(self, run_id: str) -> None:
        """Forget a run that has ended."""
        self.drop(run_id)
        self.services.forget(run_id)

    def evict_surplus(self) -> None:
        """Evict the least recently used parked runs above capacity. Runs with an attempt in flight stay."""
        surplus = len(self._runs) - self._limits.max_live_runs
        if surplus <= 0:
            return
        idle = [r.id for r in self._runs.values() if not r.active and not r.uncommitted]
        for run_id in idle[:surplus]:
            self.drop(run_id)

    def evict_all(self) -> None:
        for run_id in list(self._runs):
            self.drop(run_id)

    def diagnostics(self) -> dict[str, Any]:
        return {"live_runs": len(self._runs), "active_runs": sum(r.active for r in self._runs.values())}


def _begins(log_key: str) -> int:
    return int(log_key.rpartition("/")[2], 16)
