"""The queues of an engine: steps join by effects of their turns and are told by a message when their turn comes.

Which attempts wait is durable in the notes of their runs, and recovery brings them back in the order of their tickets.
Who is next is decided in memory, when an attempt ends or the rate allows one more. What has to outlive the engine
beside them, that a queue is paused and how much of its rate is used up, is one small record for each queue.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from weft_core.engine.batch import Envelope
from weft_core.engine.patience import PatientReads, scan_all
from weft_core.engine.queues.line import Line
from weft_core.engine.queues.place import Place
from weft_core.errors import DuplicateDefinitionError, QueueNotDeclaredError
from weft_core.machine.effects import JoinQueue, LeaveQueue
from weft_core.machine.sealed import seal_plain, unseal_plain
from weft_core.model import keys
from weft_core.model.attempt_messages import SlotGiven
from weft_core.model.queues import Queue
from weft_core.ports import Clock, Op, TimerHandle


class Queues:
    """One per engine."""

    submit: Callable[[Envelope], None]

    def __init__(self, policies: Iterable[Queue], clock: Clock) -> None:
        self._clock = clock
        self._lines: dict[str, Line] = {}
        for policy in policies:
            if policy.name in self._lines:
                raise DuplicateDefinitionError(kind="queue", name=policy.name)
            self._lines[policy.name] = Line(policy)
        self.names = self._lines.keys()
        self.stale = False
        """Somebody may have a place, and it is given in this turn of the event loop."""
        self._begun = False
        self._last_ticket = 0
        self._timer: TimerHandle | None = None

    # -- its life

    async def open(self, storage: PatientReads) -> None:
        """Read what was stored. Nobody gets a place before :meth:`begin`."""
        if not self._lines:
            return
        now = self._now()
        for key, data in await scan_all(storage, keys.QUEUES):
            line = self._lines.get(key.removeprefix(keys.QUEUES))
            if line is not None:
                line.paused, full_at = unseal_plain(key, data)
                if line.bucket is not None:
                    line.bucket.full_at = full_at
                    line.bucket.calm(now)

    def begin(self) -> None:
        """Those who were recovered have all joined."""
        self._begun = True
        self._look()

    def close(self) -> None:
        """Nobody gets a place any more."""
        self._begun = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # -- who waits

    def ticket(self) -> int:
        """Time, made to differ: those who wait keep their order over restarts."""
        self._last_ticket = max(self._now(), self._last_ticket + 1)
        return self._last_ticket

    def act(self, effect: JoinQueue | LeaveQueue) -> None:
        line = self._lines.get(effect.queue)
        if line is None:
            return  # it is no longer declared, and who waited in it is on his way out
        if isinstance(effect, JoinQueue):
            line.join(effect)
            self._look()
        else:
            line.leave((effect.run_id, effect.step))

    # -- whose turn it is

    def _look(self) -> None:
        """Give places once everybody has joined who does so now."""
        if self._begun and not self.stale:
            self.stale = True
            asyncio.get_running_loop().call_soon(self._give_all)

    def _give_all(self) -> None:
        self.stale = False
        if not self._begun:
            return
        now = self._now()
        for line in self._lines.values():
            while (entry := line.take(now)) is not None:
                self._give(line, entry)
        self._set_timer()

    def _give(self, line: Line, entry: JoinQueue) -> None:
        place = Place(partial(self._give_back, line, entry.key))
        message = SlotGiven(entry.task, entry.step, place)
        # Durable together with the attempt: a crash makes the rate neither lose nor win one.
        extra = [self._row(line)] if line.bucket is not None else []
        envelope = Envelope(entry.run_id, message, extra=extra)
        envelope.reply = asyncio.get_running_loop().create_future()
        envelope.reply.add_done_callback(partial(_decided, place))
        self.submit(envelope)

    def _give_back(self, line: Line, key: str | None) -> None:
        line.give_back(key)
        self._look()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = [at for line in self._lines.values() if (at := line.wake_at()) is not None]
        if due:
            self._timer = self._clock.call_at(-(-min(due) // 1000), self._look)

    def _now(self) -> int:
        return self._clock.now_ms() * 1000

    # -- for operators

    def pause(self, name: str, paused: bool) -> Op:
        """Pause a queue or let it go on. What is to be written. ``QueueNotDeclaredError``."""
        line = self._lines.get(name)
        if line is None:
            raise QueueNotDeclaredError(queue=name, declared=sorted(self._lines))
        line.paused = paused
        self._look()
        return self._row(line)

    def report(self) -> dict[str, dict[str, Any]]:
        """By name; JSON-safe."""
        return {name: _report(line) for name, line in self._lines.items()}

    @staticmethod
    def _row(line: Line) -> Op:
        key = keys.queue(line.policy.name)
        return key, seal_plain(key, [line.paused, line.bucket.full_at if line.bucket is not None else 0])


def _decided(place: Place, reply: asyncio.Future[Any]) -> None:
    """The message has been decided and acted on; if no attempt has begun, nobody wants the place."""
    if not reply.cancelled():
        reply.exception()  # the run is stopped, or the engine is
    if not place.used:
        place.over()


def _report(line: Line) -> dict[str, Any]:
    policy = line.policy
    depth = Counter(entry.key for entry in line.waiting.values())
    named = sorted(key for key in {*depth, *line.running} if key is not None)
    return {
        "depth": len(line.waiting),
        "running": line.running.total(),
        "paused": line.paused,
        "concurrency": policy.concurrency,
        "key_concurrency": policy.key_concurrency,
        "rate": list(policy.rate) if policy.rate is not None else None,
        "keys": {key: {"depth": depth[key], "running": line.running[key]} for key in named},
    }
