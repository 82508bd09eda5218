"""Moves runs: for each one whose handoff is not over a task does the next thing, and speaks to the other engine again
and again until it has answered. What it has to do is read from the store each time, so a crash changes nothing.

No answer is never taken for a refusal: a run that is on its way stays there until somebody says what became of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from weft_core.engine.batch import Batch
from weft_core.engine.handoff.leaving import Gone, Park, TakeBack
from weft_core.engine.handoff.line import Line, of
from weft_core.engine.handoff.mirror import Mirror, Told
from weft_core.engine.handoff.parts import HandoffParts
from weft_core.engine.handoff.receiving import Receive
from weft_core.engine.patience import scan_all
from weft_core.errors import (
    EngineError,
    HandoffRefusedError,
    HandoffUnansweredError,
    RunFinishedError,
    StorageError,
)
from weft_core.machine import handoffs, records, travel
from weft_core.machine.handoffs import Handoff
from weft_core.machine.travel import message, read_message
from weft_core.model import keys
from weft_core.model.messages import Arrived, ResumeRequested, SuspendRequested
from weft_core.model.run import RunHeader

log = logging.getLogger("weft")
FIRST_MS, MOST_MS = 500, 60_000
"""Of the pauses between two tries that got no answer; each is twice the one before."""
_SOON_MS, _LATER_MS, _WAIT_MS = 200, 3_000, 20_000
_MOST_PATIENT = 3
"""How many questions may wait for news at once. A browser has six connections to a server, and others speak, too."""
_MAX_ANSWER = 8 * 1024 * 1024


@dataclass(slots=True)
class _Task:
    task: asyncio.Task[None] | None = None
    failures: int = 0
    poked: bool = False
    nap: asyncio.Future[None] | None = None
    trouble: str = ""
    waiters: list[asyncio.Future[None]] = field(default_factory=list)


class Messages(Protocol):
    """What people say to runs that are away (``outbox``)."""

    async def open(self) -> None: ...

    async def send(self, run_id: str) -> object:
        """To the owner. ``HandoffUnansweredError``."""

    async def settle(self, run_id: str) -> None:
        """Here, where the run is again."""


class Mover:
    """One per engine."""

    def __init__(self, parts: HandoffParts, line: Line) -> None:
        self._parts, self._line = parts, line
        self.outbox: Messages
        self._tasks: dict[str, _Task] = {}
        self._busy = self._patient = 0
        self._closed = False
        self.wait_ms = _WAIT_MS
        """How long the other engine may keep a question of ours until it has news."""
        self._steps: dict[str, Callable[[str, Handoff], Awaitable[int]]] = {
            "parking": self._park, "sending": self._send, "moved": self._follow, "asking": self._ask_back,
            "arriving": self._arrive, "owned": self._confirm, "doubted": self._ask_whose,
        }  # fmt: skip

    @property
    def idle(self) -> bool:
        """Nothing moves now; something may be due later."""
        return self._busy == 0

    async def open(self) -> None:
        """Go on with what was under way."""
        for key, _ in await scan_all(self._parts.reads, keys.MOVING):
            self.look(key.removeprefix(keys.MOVING))
        await self.outbox.open()

    def look(self, run_id: str) -> None:
        """Something is to be done for this run, now."""
        if self._closed:
            return
        mine = self._tasks.setdefault(run_id, _Task())
        mine.poked, mine.failures = True, 0
        if mine.task is None:
            self._busy += 1
            drive = self._drive(run_id, mine)
            mine.task = asyncio.get_running_loop().create_task(drive, name=f"weft handoff {run_id}")
            mine.task.add_done_callback(lambda task: task.cancelled() or task.exception())  # the pump has told of it
        elif mine.nap is not None and not mine.nap.done():
            mine.nap.set_result(None)

    def wake(self) -> None:
        """A hint: the network may be there again."""
        for run_id in list(self._tasks):
            self.look(run_id)

    def committed(self, batch: Batch) -> None:
        """A run that is to leave may have come to where it can."""
        if self._tasks:
            for run in batch.runs:
                if run.id in self._tasks and (run.header.status == "suspended" or run.finished):
                    self.look(run.id)

    def trouble(self, run_id: str) -> str:
        """Why the other engine has not answered yet; empty: it has, or was not asked."""
        mine = self._tasks.get(run_id)
        return mine.trouble if mine is not None else ""

    async def parked(self, run_id: str, within_ms: int) -> None:
        """Wait until the run is no longer being parked, or the time is over."""
        mine = self._tasks.get(run_id)
        if mine is None:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        mine.waiters.append(waiter)
        await self._until(waiter, within_ms)

    async def close(self) -> None:
        self._closed = True
        tasks = [mine.task for mine in self._tasks.values() if mine.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # -- driving

    async def _drive(self, run_id: str, mine: _Task) -> None:
        try:
            while True:
                mine.poked = False
                handoff = await self._parts.handoff(run_id)
                if handoff is None or handoff.state != "parking":
                    self._release(mine)
                if handoff is None or handoff.state in ("owned", "ended", "refused"):
                    await self.outbox.settle(run_id)
                if handoff is None or not handoff.open:
                    return
                pause = await self._step(run_id, handoff, mine)
                if pause and not mine.poked:
                    await self._nap(mine, pause)
        except (EngineError, StorageError) as trouble:
            log.info("the handoff of run %s waits for the next engine: %s", run_id, trouble)
        finally:
            self._busy -= 1
            self._release(mine)
            if self._tasks.get(run_id) is mine:
                del self._tasks[run_id]

    async def _step(self, run_id: str, handoff: Handoff, mine: _Task) -> int:
        """Do the next thing; the pause before the one after it."""
        try:
            pause = await self._steps[handoff.state](run_id, handoff)
        except (EngineError, StorageError):
            raise
        except Exception as trouble:
            mine.failures += 1
            mine.trouble = str(trouble) or type(trouble).__name__
            level = logging.DEBUG if isinstance(trouble, HandoffUnansweredError) else logging.WARNING
            log.log(level, "the handoff of run %s: %s", run_id, mine.trouble)
            return min(FIRST_MS << min(mine.failures - 1, 10), MOST_MS)
        mine.failures, mine.trouble = 0, ""
        return pause

    async def _nap(self, mine: _Task, pause_ms: int) -> None:
        mine.nap = asyncio.get_running_loop().create_future()
        self._busy -= 1
        try:
            await self._until(mine.nap, pause_ms)
        finally:
            self._busy += 1
            mine.nap = None

    async def _until(self, rung: asyncio.Future[None], within_ms: int) -> None:
        clock = self._parts.clock

        def ring() -> None:
            if not rung.done():
                rung.set_result(None)

        timer = clock.call_at(clock.now_ms() + within_ms, ring)
        try:
            await rung
        finally:
            timer.cancel()

    @staticmethod
    def _release(mine: _Task) -> None:
        waiters, mine.waiters = mine.waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    # -- one thing for each state

    async def _park(self, run_id: str, handoff: Handoff) -> int:
        header = await self._parts.find(run_id)
        if handoff.placed == "server_only" and header is not None and header.finished_at is None:
            return await self._keep_back(header, handoff)
        if header is not None and header.status in ("pending", "running"):
            with contextlib.suppress(RunFinishedError):
                await self._parts.deliver(run_id, SuspendRequested(_reason(handoff)), [])
        order = Park(self._parts, run_id)
        if handoff.placed and header is not None:
            order.obstacle = await self._out_of_reach(header)
        if order.obstacle is None:
            await self._parts.work(run_id, order)
        if order.obstacle is None:
            return 0 if order.parked else MOST_MS
        over = handoffs.write(run_id, replace(handoff, state="owned", why=order.obstacle))
        header = await self._parts.find(run_id)
        if header is not None and header.status == "suspended" and handoff.goes_on:
            with contextlib.suppress(RunFinishedError):
                await self._parts.deliver(run_id, ResumeRequested(), over)
                return 0
        await self._parts.deliver("", None, over)
        return 0

    async def _keep_back(self, header: RunHeader, handoff: Handoff) -> int:
        """No step of it is made here: it leaves when its server takes it, and waits for that however long."""
        pause = handoff.not_before - self._parts.clock.now_ms()
        if pause > 0:
            return pause
        url, reason = self._line.server(), (await self._line.takes([header]))[0]
        order = Park(self._parts, header.id, url)
        if not reason:
            await self._parts.work(header.id, order)
            reason = order.obstacle or ""
        if reason:
            raise HandoffRefusedError(run_id=header.id, reason=reason)
        return 0

    async def _out_of_reach(self, header: RunHeader) -> str | None:
        """A run that can go on here does not leave for a server that does not answer at this moment."""
        summary = await self._parts.summary(header.id)
        if summary is None or handoffs.is_busy(summary):
            return None
        try:
            return (await self._line.takes([header]))[0] or None
        except (EngineError, StorageError):
            raise
        except Exception as trouble:
            return str(trouble) or type(trouble).__name__

    async def _send(self, run_id: str, handoff: Handoff) -> int:
        parts = self._parts
        run = await parts.traveller(await parts.header(run_id), handoff)
        answer = await self._line.post(handoff.url, "/import", travel.pack(run))
        kind, answered, handoff_id, reason = read_message(answer, ("accepted", "refused", "conflict"))
        if (answered, handoff_id) != (run_id, handoff.id):
            raise HandoffUnansweredError(url=handoff.url, reason="it spoke of another handoff")
        if kind == "refused":
            await parts.work(run_id, TakeBack(parts, run_id, handoff.id, str(reason)))
        else:
            await parts.work(run_id, Gone(parts, run_id, handoff.id, handoff.url))
        return 0

    async def _follow(self, run_id: str, handoff: Handoff) -> int:
        await self.outbox.send(run_id)
        parts, header = self._parts, await self._parts.header(run_id)
        patient = self._patient < _MOST_PATIENT
        self._patient += patient
        try:
            asking = message("news", header.next_seq - 1, self.wait_ms if patient else 0)
            answer = await self._line.post(handoff.url, of(run_id, "news"), asking)
        finally:
            self._patient -= patient
        kind, *told = read_message(answer, ("news", "unknown"), _MAX_ANSWER)
        if kind == "unknown":
            raise HandoffUnansweredError(url=handoff.url, reason=str(told[0]))
        record, rows = told
        for first, data in rows:
            await parts.work(run_id, Mirror(parts, run_id, data, first))
        owner, header = records.read_header(run_id, record), await parts.header(run_id)
        over = owner.finished_at is not None and header.next_seq >= owner.next_seq
        seen = (header.tags, header.attributes, header.cancel_requested, header.version)
        if over or (owner.tags, owner.attributes, owner.cancel_requested, owner.version) != seen:
            if not over:
                owner.finished_at = None
            await parts.work(run_id, Told(parts, run_id, owner))
        return 0 if rows or over else _SOON_MS if patient else _LATER_MS

    async def _ask_back(self, run_id: str, handoff: Handoff) -> int:
        parts, url = self._parts, handoff.url
        asking = message("return", handoff.id, handoff.back, handoff.moves, self.wait_ms)
        answer = await self._line.post(url, of(run_id, "return"), asking)
        kinds = ("envelope", "wait", "never", "kept")
        kind, *told = read_message(answer, kinds, parts.limits.max_handoff_bytes + 1024)
        if kind == "envelope":
            await self._take_in(run_id, handoff, told[0])
        elif kind == "never":
            reason = "it was asked for again before it had come there"
            await parts.work(run_id, TakeBack(parts, run_id, handoff.id, reason))
        elif kind == "kept":
            await parts.work(run_id, Gone(parts, run_id, handoff.id, url, f"it could not be taken back: {told[0]}"))
        return _SOON_MS if kind == "wait" else 0

    async def _ask_whose(self, run_id: str, handoff: Handoff) -> int:
        """After its store was restored: it goes on here if neither engine that may have it has it."""
        parts, moves = self._parts, handoff.moves
        device = self._line.device
        for url in dict.fromkeys([handoff.url, device.server if device is not None and device.server else handoff.url]):
            answer = await self._line.post(url, of(run_id, "whose"), message("whose", handoff.moves))
            kind, number = read_message(answer, ("here", "elsewhere"))
            if kind == "here":
                await parts.work(run_id, Gone(parts, run_id, handoff.id, url, "it was handed off before the restore"))
                return 0
            moves = max(moves, int(number))
        reason = "the store was restored, and the server does not have it"
        await parts.work(run_id, TakeBack(parts, run_id, handoff.id, reason, moves))
        return 0

    async def _take_in(self, run_id: str, handoff: Handoff, data: bytes) -> None:
        parts, run = self._parts, travel.unpack(data, self._parts.limits)
        if (run.run_id, run.handoff_id) != (run_id, handoff.back):
            raise HandoffUnansweredError(url=handoff.url, reason="it sent another run")
        order = Receive(parts, run, handoff.url)
        await parts.work(run_id, order)
        if order.answer != "accepted":
            await self._line.post(
                handoff.url, of(run_id, "declined"), message("declined", run.handoff_id, order.reason)
            )
            await parts.work(run_id, Gone(parts, run_id, handoff.id, handoff.url, order.reason))

    async def _arrive(self, run_id: str, handoff: Handoff) -> int:
        if handoff.placed == "server_only":  # it was refused; it is offered again later, and does not begin here
            again = replace(handoff, id=self._parts.ids.token(), state="parking", tell=[])
            owned = handoffs.write(run_id, again)
        else:
            owned = handoffs.write(run_id, replace(handoff, state="owned", tell=[]))
        message = _arrived(handoff) if handoff.tell else ResumeRequested()
        try:
            if not handoff.tell and not handoff.goes_on:  # called back before it had left, and suspended by somebody
                await self._parts.deliver("", None, owned)
            else:
                await self._parts.deliver(run_id, message, owned)
        except RunFinishedError:
            await self._parts.deliver("", None, owned)
        return 0

    async def _confirm(self, run_id: str, handoff: Handoff) -> int:
        taker = f"store {self._parts.store_id}"
        answer = await self._line.post(handoff.url, of(run_id, "returned"), message("returned", handoff.id, taker))
        read_message(answer, ("noted",))
        rows = handoffs.write(run_id, replace(handoff, owes=False))
        await self._parts.deliver("", None, rows)
        return 0


def _arrived(handoff: Handoff) -> Arrived:
    handoff_id, moves, origin, url, reason = handoff.tell
    return Arrived(handoff_id, moves, origin, url, reason, handoff.goes_on)


def _reason(handoff: Handoff) -> str:
    return f"it is handed off to {handoff.url}" if handoff.url else "it is handed off to who asked for it"
