"""The window of a run's event log: as a turn writes events, those that fall out of the window are deleted.

The log itself is the watermark: all below its first record is gone. Nothing is folded into a record that grows, and
nothing is read: a log record is named by the number of its first event, so the keys that fall out can be told from the
number of the newest event alone. A key that no record has (a turn writes several events into one) is deleted in vain,
which costs a few bytes. So a commit writes O(1) bytes for it, however long the run is.
"""

from __future__ import annotations

from collections import deque

from weft_core.model import keys
from weft_core.ports import Op

_MOST = 64
"""Keys deleted in one turn beyond those of its own events: a log that was kept whole before is caught up with so."""
_SAMPLES = 16
"""How finely an age is told: events go at most this part of the age late."""


class EventWindow:
    """Of one live run: how much of its log is kept, and from where on it is there."""

    __slots__ = ("_age_ms", "_last", "_samples", "first")

    def __init__(self, first: int, last: int | None, age_ms: int | None) -> None:
        self.first = first
        """Below this number nothing is stored."""
        self._last, self._age_ms = last, age_ms
        self._samples: deque[tuple[int, int]] = deque()
        """(time, number of the next event then), oldest first."""

    def old(self, before: int, at: int) -> None:
        """Events below ``before`` were written by ``at``: what is known of a run that has been loaded."""
        self._samples.append((at, before))

    def trim(self, run_id: str, next_seq: int, now: int, new: int) -> list[Op]:
        """What a turn deletes that writes ``new`` events from ``next_seq`` on."""
        until = min(self._until(next_seq, next_seq + new, now), next_seq, self.first + new + _MOST)
        gone: list[Op] = [(keys.log(run_id, seq), None) for seq in range(self.first, until)]
        self.first = max(self.first, until)
        return gone

    def _until(self, own: int, after: int, now: int) -> int:
        """The first number that is to be kept."""
        if self._last is not None:
            return after - self._last
        if self._age_ms is None:
            return self.first
        samples = self._samples
        if not samples or now - samples[-1][0] >= self._age_ms // _SAMPLES:
            samples.append((now, own))
        until = self.first
        while samples and now - samples[0][0] > self._age_ms:
            until = max(until, samples[0][1])
            if until > self.first + _MOST:
                break  # not all of it can go in this turn
            samples.popleft()
        return until
