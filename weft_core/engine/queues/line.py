"""Whose turn it is in one queue. Pure: it is told what time it is, and the same calls give the same order.

Higher priority first; among equal priority the keys take turns; within a key the older ticket first.
"""

from __future__ import annotations

import heapq
from collections import Counter, OrderedDict

from weft_core.engine.queues.bucket import Bucket
from weft_core.machine.effects import JoinQueue
from weft_core.model.queues import Queue

Name = tuple[str, int]
"""(run id, step) of who waits."""
Rotation = OrderedDict[str | None, None]
_Heap = list[tuple[int, Name]]


class Line:
    """Those who wait in a queue, and how many run. Times are in microseconds."""

    def __init__(self, policy: Queue, paused: bool = False, full_at: int = 0) -> None:
        self.policy, self.paused = policy, paused
        self.bucket = Bucket(*policy.rate, full_at) if policy.rate is not None else None
        self.waiting: dict[Name, JoinQueue] = {}
        self.running: Counter[str | None] = Counter()
        """By key; None is the key of those who have none, for whom there is no limit of a key."""
        self._heaps: dict[str | None, dict[int, _Heap]] = {}
        """By key and priority. Who has left stays in a heap until his turn comes."""
        self._rotations: dict[int, Rotation] = {}
        """By priority: the keys that may be given a place, in the order of their turns."""

    # -- who waits

    def join(self, entry: JoinQueue) -> None:
        """Wait. Who waits already does so in his new place."""
        name = entry.run_id, entry.step
        self.waiting[name] = entry
        heaps = self._heaps.setdefault(entry.key, {})
        heapq.heappush(heaps.setdefault(entry.priority, []), (entry.ticket, name))
        self._admit(entry.key)

    def leave(self, name: Name) -> None:
        self.waiting.pop(name, None)

    # -- who runs

    def take(self, now: int) -> JoinQueue | None:
        """Give the next one a place. None: nobody can have one now."""
        if self.paused or self._full() or self._ready_at() > now:
            return None
        while self._rotations:
            priority = max(self._rotations)
            key = next(iter(self._rotations[priority]))
            entry = self._pop(key, priority)
            self._remove(key, priority)
            if entry is None:
                continue
            self.running[key] += 1
            if self.bucket is not None:
                self.bucket.take(now)
            if self._busy(key):
                for other in list(self._heaps.get(key, ())):
                    self._remove(key, other)
            else:
                self._admit(key)
            return entry
        return None

    def give_back(self, key: str | None) -> None:
        """One of that key runs no more."""
        self.running[key] -= 1
        if not self.running[key]:
            del self.running[key]
        self._admit(key)

    def wake_at(self) -> int | None:
        """When somebody could have a place whom only the rate keeps from it."""
        if self.paused or self._full() or not self._rotations or self.bucket is None:
            return None
        return self.bucket.ready_at

    # -- inside

    def _full(self) -> bool:
        limit = self.policy.concurrency
        return limit is not None and self.running.total() >= limit

    def _busy(self, key: str | None) -> bool:
        limit = self.policy.key_concurrency
        return key is not None and limit is not None and self.running[key] >= limit

    def _ready_at(self) -> int:
        return self.bucket.ready_at if self.bucket is not None else 0

    def _pop(self, key: str | None, priority: int) -> JoinQueue | None:
        """The oldest of them that is still here."""
        heaps = self._heaps[key]
        heap = heaps[priority]
        found = None
        while heap and found is None:
            ticket, name = heapq.heappop(heap)
            entry = self.waiting.get(name)
            if entry is not None and entry.ticket == ticket:
                found = self.waiting.pop(name)
        if not heap:
            del heaps[priority]
            if not heaps:
                del self._heaps[key]
        return found

    def _admit(self, key: str | None) -> None:
        """Its turn comes after those of the keys that may be given a place already."""
        if not self._busy(key):
            for priority in self._heaps.get(key, ()):
                self._rotations.setdefault(priority, OrderedDict()).setdefault(key, None)

    def _remove(self, key: str | None, priority: int) -> None:
        rotation = self._rotations.get(priority)
        if rotation is not None:
            rotation.pop(key, None)
            if not rotation:
                del self._rotations[priority]
