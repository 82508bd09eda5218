"""Runs that belong on the server of a device, because their workflow says so (``placement=``).

``server_when_online``: the device makes their steps. The server is asked whether it takes them, again and again until
it answers; then each is handed off. ``server_only``: they begin with a handoff, and are suspended before their first
statement until the server has taken them; what is done for those is in ``mover``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from weft_core.engine.batch import Batch
from weft_core.engine.handoff.line import Line
from weft_core.engine.handoff.mover import FIRST_MS, MOST_MS, Mover
from weft_core.engine.handoff.napping import Nap
from weft_core.engine.handoff.parts import HandoffParts
from weft_core.engine.patience import scan_all
from weft_core.engine.starts import StartOptions
from weft_core.errors import EngineError, PlacementError, StorageError, WeftError, WorkflowNotRegisteredError
from weft_core.machine import handoffs
from weft_core.machine.handoffs import Handoff
from weft_core.model import keys
from weft_core.model.run import RunHeader
from weft_core.ports import Op
from weft_core.workflow import Workflow

log = logging.getLogger("weft")
_STATUSES = ("pending", "running")
_NEVER = 1 << 62


@dataclass(slots=True)
class _Candidate:
    """A run that is here and belongs on the server."""

    header: RunHeader
    after: int | None = None
    """Not before this time (epoch ms); None: that has not been looked up."""
    why: str = ""


class Placer:
    """One per engine; does nothing unless that is a device."""

    def __init__(
        self, parts: HandoffParts, mover: Mover, line: Line, leave: Callable[[str, str], Awaitable[None]]
    ) -> None:
        self._parts, self._mover, self._line, self._leave = parts, mover, line, leave
        self._here: dict[str, _Candidate] = {}
        self._task: asyncio.Task[None] | None = None
        self._nap = Nap(parts.clock)
        self._failures = 0
        self._closed = False

    @property
    def idle(self) -> bool:
        """Nothing goes now; something may later."""
        return self._task is None or self._nap.sleeping

    async def open(self) -> None:
        """Find the runs that belong elsewhere."""
        if self._line.device is None:
            return
        for workflow in {found.name for found in self._parts.registry.workflows() if found.placement != "local"}:
            for status in _STATUSES:
                for key, _ in await scan_all(self._parts.reads, keys.by_state(status, workflow)):
                    header = await self._parts.find(key.rpartition("/")[2])
                    if header is not None:
                        self._consider(header)

    def committed(self, batch: Batch) -> None:
        """A run may have begun, or come back."""
        if self._line.device is None:
            return
        for run in batch.runs:
            if run.header.status in _STATUSES:
                self._consider(run.header)
            else:
                self._here.pop(run.id, None)

    def wake(self) -> None:
        """A hint: the network may be there again."""
        self._failures = 0
        self._nap.ring()

    def why(self, run_id: str) -> str:
        """Why a run that belongs on the server is still here; empty if nothing is wrong, or it does not."""
        found = self._here.get(run_id)
        return found.why if found is not None else ""

    async def close(self) -> None:
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    # -- server_only

    async def keep_back(
        self, header: RunHeader, definition: Workflow, options: StartOptions
    ) -> tuple[str, list[Op]] | None:
        """Where a new run is to begin that must not begin here, and what is written with it; None: it may.
        ``PlacementError``."""
        device = self._line.device
        if device is None or definition.placement != "server_only":
            return None
        known = await self._parts.handoff(header.id)
        reason = _obstacle(header, options, known)
        if not device.server:
            reason = "this engine knows no server; give it one (in a page: Weft.open({server: {url}}))"
        if reason is not None:
            raise PlacementError(workflow=definition.name, reason=reason)
        header.moves = known.moves if known is not None else 0
        leaving = Handoff(
            self._parts.ids.token(), header.moves, "parking", device.server, at=header.created_at,
            refused=known.refused if known is not None else [], placed="server_only",
        )  # fmt: skip
        return device.server, handoffs.write(header.id, leaving)

    def kept_back(self, run_id: str) -> None:
        """The start of such a run is durable."""
        self._mover.look(run_id)

    # -- server_when_online

    def _consider(self, header: RunHeader) -> None:
        if header.id in self._here or self._closed:
            return
        try:
            placement = self._parts.registry.closest(header.workflow, header.version).placement
        except WorkflowNotRegisteredError:
            return
        if placement != "server_when_online":
            return
        self._here[header.id] = _Candidate(header)
        self._nap.ring()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work(), name="weft placement")

    async def _work(self) -> None:
        try:
            while self._here:
                pause = await self._round()
                if pause:
                    await self._nap.sleep(pause if pause < _NEVER // 2 else None)
        except (EngineError, StorageError) as trouble:
            log.info("runs that belong on the server wait for the next engine: %s", trouble)
        finally:
            self._task = None

    async def _round(self) -> int:
        """Hand off what can go now; the pause until the next try."""
        now, ready = self._parts.clock.now_ms(), []
        for run_id, found in list(self._here.items()):
            if found.after is None:
                found.after, found.why = await self._history(run_id)
            if found.after <= now:
                ready.append(found)
        if not ready:
            return min((found.after or 0) - now for found in self._here.values())
        try:
            answers = await self._line.takes([found.header for found in ready])
        except (EngineError, StorageError):
            raise
        except Exception as trouble:
            self._failures += 1
            for found in ready:
                found.why = str(trouble)
            return min(FIRST_MS << min(self._failures - 1, 10), MOST_MS)
        self._failures = 0
        for found, reason in zip(ready, answers, strict=True):
            await self._hand_off(found, reason, now)
        return 0

    async def _history(self, run_id: str) -> tuple[int, str]:
        """When a run may go, as its last handoff has ended, and why it is here."""
        known = await self._parts.handoff(run_id)
        if known is None:
            return 0, ""
        return (_NEVER, "it was taken back") if known.stays else (known.not_before, known.why)

    async def _hand_off(self, found: _Candidate, reason: str, now: int) -> None:
        run_id = found.header.id
        try:
            if not reason:
                await self._leave(run_id, self._line.server())
        except (EngineError, StorageError):
            raise
        except WeftError as refusal:
            reason = str(refusal)
        if reason:
            found.why, found.after = reason, now + MOST_MS
        else:
            self._here.pop(run_id, None)


def _obstacle(header: RunHeader, options: StartOptions, known: Handoff | None) -> str | None:
    """Why a run of a workflow that is server_only cannot be started on a device."""
    if options.parent:
        return f"it would be a child of run {options.parent[0]!r}, which is here; children do not move"
    if "schedule" in options.lineage:
        return "a schedule of this store would start it; runs of schedules do not move"
    if options.forming is not None:
        return "starts that are debounced or gathered wait here"
    if options.services is not None:
        return "services are objects of this program"
    if header.generation or (known is not None and known.open):
        return f"it cannot take the place of the run {header.id!r}; give it another id"
    return None
