"""What another engine is told: takes a run in, gives one back, and tells what has become of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from weft_core.engine.batch import Batch
from weft_core.engine.events import EventBus, Told
from weft_core.engine.handoff.doubting import Whose
from weft_core.engine.handoff.leaving import Gone, TakeBack
from weft_core.engine.handoff.mover import Mover
from weft_core.engine.handoff.outbox import Form, check_form
from weft_core.engine.handoff.parts import HandoffParts
from weft_core.engine.handoff.receiving import Receive, misfit
from weft_core.errors import EngineError, EnvelopeDamagedError, RunNotFoundError, StorageError, WeftError
from weft_core.machine import handoffs, travel
from weft_core.machine.handoffs import Handoff
from weft_core.machine.travel import message, read_message
from weft_core.model import keys
from weft_core.model.run import RunHeader

MAX_WAIT_MS = 25_000
_PAGE = 64
_PAGE_BYTES = 4 * 1024 * 1024
_HEAD = 64 * 1024
Say = Callable[[str, Form], Awaitable[Any]]
"""Does here what was said to a run; its answer is plain."""


class Answering:
    """Bytes in, bytes out; ``EnvelopeDamagedError`` for what is no message."""

    def __init__(self, parts: HandoffParts, mover: Mover, bus: EventBus, say: Say) -> None:
        self._parts, self._mover, self._bus, self._say = parts, mover, bus, say

    async def take_in(self, body: bytes) -> bytes:
        """An envelope: ``answer, run id, handoff id, reason``."""
        parts = self._parts
        run = travel.unpack(body, parts.limits)
        order = Receive(parts, run)
        await parts.work(run.run_id, order)
        if order.answer == "accepted":
            self._mover.look(run.run_id)
        return message(order.answer, run.run_id, run.handoff_id, order.reason)

    async def takes(self, body: bytes) -> bytes:
        """``takes``: of each ``[workflow, version, code]`` why a run of it would be refused; empty: it would not."""
        _, kinds = _arguments(body, "takes", (list,))
        if not all(isinstance(kind, list) and [type(text) for text in kind] == [str, str, str] for kind in kinds):
            raise EnvelopeDamagedError(reason="takes has other arguments")
        return message("takes", [misfit(self._parts.registry, *kind)[:500] for kind in kinds])

    async def give_back(self, run_id: str, body: bytes) -> bytes:
        """``return``: the envelope, ``wait`` (something of it is in flight), ``never`` (it was not here and will not
        be, under any number so far), or ``kept`` and the reason: it stays."""
        parts = self._parts
        _, left_id, back_id, moves, wait_ms = _arguments(body, "return", (str, str, int, int))
        self._check_names(run_id, left_id, back_id)
        self._check_moves(moves)
        order = Asked(parts, run_id, left_id, back_id, moves)
        await parts.work(run_id, order)
        if order.answer == "":
            self._mover.look(run_id)
            await self._mover.parked(run_id, min(wait_ms, MAX_WAIT_MS))
            order = Asked(parts, run_id, left_id, back_id, moves)
            await parts.work(run_id, order)
        if order.answer == "here":
            handoff, header = await parts.handoff(run_id), await parts.header(run_id)
            assert handoff is not None
            return message("envelope", travel.pack(await parts.traveller(header, handoff)))
        return message(order.answer or "wait", order.reason)

    async def given_back(self, run_id: str, body: bytes) -> bytes:
        """``returned``: the other engine owns it now."""
        _, back_id, taker = _arguments(body, "returned", (str, str))
        self._check_names(run_id, back_id)
        await self._parts.work(run_id, Gone(self._parts, run_id, back_id, taker))
        return message("noted")

    async def declined(self, run_id: str, body: bytes) -> bytes:
        """``declined``: the other engine cannot take it; it goes on here."""
        _, back_id, reason = _arguments(body, "declined", (str, str))
        self._check_names(run_id, back_id)
        await self._parts.work(run_id, TakeBack(self._parts, run_id, back_id, reason[:500]))
        self._mover.look(run_id)
        return message("noted")

    async def whose(self, run_id: str, body: bytes) -> bytes:
        """``whose``: ``here``, or ``elsewhere`` and the highest number that is known: it does not come here by it."""
        _, moves = _arguments(body, "whose", (int,))
        self._check_names(run_id)
        self._check_moves(moves)
        order = Whose(self._parts, run_id, moves)
        await self._parts.work(run_id, order)
        return message(order.answer, order.moves)

    async def say(self, run_id: str, body: bytes) -> bytes:
        """``say``: what somebody says, where the run was before, to it. ``said`` and the answer, or ``refused`` and
        the error."""
        limit = self._parts.limits.max_payload_bytes + _HEAD
        _, form = _arguments(body, "say", (list,), limit)
        self._check_names(run_id)
        try:
            if not await self._has_come(run_id):
                raise RunNotFoundError(run_id=run_id)
            return message("said", await self._say(run_id, check_form(form)))
        except (EngineError, StorageError):
            raise
        except WeftError as refusal:
            return message("refused", refusal.to_json())
        except Exception as broken:  # of a query handler of the author's
            return message("refused", {"code": type(broken).__name__, "message": str(broken)[:500], "facts": {}})

    async def news(self, run_id: str, body: bytes) -> bytes:
        """``news``: its record, and its events from a number on; waits for some up to ``wait`` ms."""
        _, after, wait_ms = _arguments(body, "news", (int, int))
        self._check_names(run_id)
        header = await self._parts.find(run_id)
        if header is None or not await self._has_come(run_id):
            return message("unknown", "no run has come here under this id")
        rows = await self._rows(run_id, after)
        if not rows and header.finished_at is None and wait_ms > 0:
            await self._change(run_id, min(wait_ms, MAX_WAIT_MS))
            rows = await self._rows(run_id, after)
        record = await self._parts.reads.get(keys.run(run_id))
        return message("news", record, rows)

    async def _has_come(self, run_id: str) -> bool:
        """By a handoff: other runs are no business of other engines."""
        known = await self._parts.handoff(run_id)
        return known is not None and known.came != ""

    def _check_names(self, *names: str) -> None:
        """Before they come to the pump: a key that the store refuses would stop the engine."""
        for name in names:
            travel.check_name(name, self._parts.limits)

    @staticmethod
    def _check_moves(moves: int) -> None:
        if not 0 <= moves < travel.MAX_MOVES:
            raise EnvelopeDamagedError(reason=f"no run has moved {moves} times")

    async def _rows(self, run_id: str, after: int) -> list[list[Any]]:
        """``[number of its first event, record]`` of each turn."""
        found: list[list[Any]] = []
        size = 0
        prefix = keys.log_prefix(run_id)
        for key, data in await self._parts.reads.scan(prefix, after=keys.log(run_id, max(after, 0)), limit=_PAGE):
            size += len(data)
            if found and size > _PAGE_BYTES:
                break
            found.append([int(key.rpartition("/")[2], 16), data])
        return found

    async def _change(self, run_id: str, wait_ms: int) -> None:
        waiter = _Waiter()
        leave = self._bus.join(waiter, run_id)
        clock = self._parts.clock
        timer = clock.call_at(clock.now_ms() + wait_ms, waiter.ring)
        try:
            await waiter.rung.wait()
        finally:
            timer.cancel()
            leave()


class _Waiter:
    def __init__(self) -> None:
        self.rung = asyncio.Event()

    def ring(self) -> None:
        self.rung.set()

    def told(self, told: Told) -> None:
        self.rung.set()

    def stopped(self, error: BaseException) -> None:
        self.rung.set()

    def started(self) -> None:
        pass


@dataclass(slots=True)
class Asked:
    """The order to let a run go to an engine that asks for it. A job of the pump. The answer is empty while it parks;
    ``here``: its envelope can be had."""

    parts: HandoffParts
    run_id: str
    left_id: str
    back_id: str
    moves: int
    answer: str = ""
    reason: str = ""

    async def __call__(self, batch: Batch, now: int) -> None:
        parts, known = self.parts, await self.parts.handoff(self.run_id)
        header = await parts.find(self.run_id)
        if known is not None and known.id == self.back_id:
            self.answer = {"parking": "", "sending": "here"}.get(known.state, "kept")
            self.reason = known.why or f"it is {known.state}"
        elif known is None or known.moves < self.moves or known.state == "refused" or self.left_id in known.refused:
            self._never(known, header, batch, now)
        elif known.came != self.left_id:
            self.answer, self.reason = "kept", "it did not come here by that handoff"
        elif header is None or header.finished_at is not None or known.state not in ("owned", "arriving"):
            self.answer, self.reason = "kept", f"it is {header.status if header is not None else 'purged'} here"
        elif known.state == "arriving":
            self.answer = "wait"
        elif header.status not in ("pending", "running", "suspended"):
            self.answer, self.reason = "kept", f"it is {header.status} here"
        else:
            goes_on = header.status != "suspended"
            asked = replace(
                known, id=self.back_id, state="parking", url="", goes_on=goes_on, at=now, tell=[], owes=False, why="",
            )  # fmt: skip
            batch.ops += handoffs.write(self.run_id, asked)

    def _never(self, known: Handoff | None, header: RunHeader | None, batch: Batch, now: int) -> None:
        """It has not come here; a message that is still on its way must not bring it."""
        self.answer = "never"
        if known is None:
            state, moves = ("refused", self.moves) if header is None else ("owned", header.moves)
            known = Handoff(self.left_id, moves, state, at=now)  # type: ignore[arg-type]
        if self.left_id not in known.refused:
            known.refuse(self.left_id)
            batch.ops += handoffs.write(self.run_id, known)


def _arguments(body: bytes, kind: str, types: tuple[type, ...], limit: int = _HEAD) -> list[Any]:
    values = read_message(body, (kind,), limit)
    if [type(value) for value in values[1:]] != list(types):
        raise EnvelopeDamagedError(reason=f"{kind} has other arguments")
    return values
