"""A bucket of tokens as one number: the instant at which it will be full again."""

from __future__ import annotations


class Bucket:
    """``count`` tokens, filled evenly in ``period_ms``. Times are in microseconds; rounding makes it slower, never
    faster than was asked for."""

    def __init__(self, count: int, period_ms: int, full_at: int = 0) -> None:
        self._every = -(-period_ms * 1000 // count)
        self._whole = self._every * count
        self.full_at = full_at

    @property
    def ready_at(self) -> int:
        """When there is a token."""
        return self.full_at - self._whole + self._every

    def take(self, now: int) -> None:
        """Use one up; there must be one."""
        self.full_at = max(self.full_at, now) + self._every

    def calm(self, now: int) -> None:
        """It cannot be emptier than empty: the clock may have jumped back, or the rate may have been another."""
        self.full_at = min(self.full_at, now + self._whole)
