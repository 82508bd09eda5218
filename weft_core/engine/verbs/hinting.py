"""What the host of an engine tells it: that it may be time to look, and that the process is about to end."""

from __future__ import annotations

from weft_core.engine.batch import Envelope
from weft_core.engine.core import EngineCore
from weft_core.model.durations import Duration, duration_ms
from weft_core.model.messages import Hurry

_HURRY_AGAIN_MS = 1_000


class HintVerbs(EngineCore):
    """wake, drain."""

    _hurried_at = 0

    async def wake(self, *, retry: bool = False) -> int:
        """A hint that something may have happened while nobody looked: a machine slept, a message was left, a network
        is back. Harmless at any time.

        Reads the stored timers and fires those whose deadline has come (none early, G10), takes what lies in the inbox,
        and asks other engines again about runs that are handed off. With ``retry``, attempts that wait because the one
        before them failed are made now, but those whose ``RetryLater`` named the wait; not more than once in a second,
        as each is counted. Returns how many runs were hurried so.
        """
        self._check_open()
        self._parts.pump.timers.look()
        self._parts.mover.wake()
        self._parts.placer.wake()
        await self._parts.inbox.take()
        now = self._clock.now_ms()
        if not retry or 0 <= now - self._hurried_at < _HURRY_AGAIN_MS:
            return 0
        self._hurried_at = now
        runs = await self._parts.pump.timers.retries()
        for run_id in runs:
            self._parts.pump.submit(Envelope(run_id, Hurry()))
        return len(runs)

    async def drain(self, patience: Duration = 10) -> int:
        """Close at a good moment: no further attempt begins, those in flight have ``patience`` to end and be recorded,
        and then the engine closes. Calls are answered meanwhile. Returns how many attempts were cut off.

        An attempt that did not begin is made, uncounted, by the next engine that opens the store.
        """
        self._check_open()
        self._parts.pump.draining = True
        await self._parts.pump.attempts.settled(duration_ms(patience, "patience") / 1000)
        cut_off = len(self._parts.pump.attempts)
        await self.close()
        return cut_off
