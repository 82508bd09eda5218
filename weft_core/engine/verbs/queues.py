"""Looking at queues, and stopping them for a while."""

from __future__ import annotations

from typing import Any

from weft_core.engine.core import EngineCore


class QueueVerbs(EngineCore):
    """queues, pause_queue, resume_queue."""

    def queues(self) -> dict[str, dict[str, Any]]:
        """The declared queues by name, from memory; JSON-safe.

        Each has ``depth`` (who waits), ``running``, ``paused``, its limits, and ``keys``: depth and running of every
        key that waits or runs. ``rate`` is ``[count, milliseconds]``.
        """
        self._check_open()
        return self._parts.queues.report()

    async def pause_queue(self, name: str) -> None:
        """Let no further attempt of the queue begin, until :meth:`resume_queue`, also after a restart; those that run
        go on. Durable when this returns. ``QueueNotDeclaredError``."""
        self._check_open()
        await self.discard([self._parts.queues.pause(name, True)])

    async def resume_queue(self, name: str) -> None:
        """Let attempts of the queue begin again. Durable when this returns. ``QueueNotDeclaredError``."""
        self._check_open()
        await self.discard([self._parts.queues.pause(name, False)])
