"""Locks that runs share."""

from __future__ import annotations

from weft_core.model.operations import SharedLock
from weft_core.workflow.context.facts import Facts


class Locks(Facts):
    """Mutexes and semaphores of the whole store, by name."""

    def mutex(self, name: str) -> SharedLock:
        """``async with ctx.mutex("printer") as token:`` one run at a time, in order of arrival.

        ``token`` is a fencing token: it only grows, so a receiver can refuse what comes from an earlier holder. The
        lock is held over crashes, and let go when the run ends, however it ends. It is not re-entrant.
        """
        return SharedLock(name)

    def semaphore(self, name: str, permits: int) -> SharedLock:
        """``async with ctx.semaphore("gpu", 4):`` at most ``permits`` at a time; all users must agree on it."""
        return SharedLock(name, permits)
