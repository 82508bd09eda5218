"""Removing runs."""

from __future__ import annotations

from weft_core.engine.verbs.runs import RunVerbs


class PurgingVerbs(RunVerbs):
    """purge."""

    async def purge(self, run_id: str, *, force: bool = False) -> None:
        """Remove a finished run and every record of it, event log included.

        When this returns nothing of it is left but its spent idempotency key, which starts nothing any more
        (``IdempotencyKeyPurgedError``, G6). It is invisible from the first batch on, and a crash in the middle is made
        good at the next opening. ``force`` also removes a run that is held or dead, or whose record cannot be read.
        ``RunNotFoundError``, ``RunNotFinishedError``, ``CorruptRecordError``.
        """
        self._check_open()
        self._check_run_id(run_id)
        await self._purger.purge(run_id, force=force)
