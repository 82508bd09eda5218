"""Attempts that somebody watches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft_core.engine.attempts import Attempts
from weft_core.machine.effects import StartAttempt
from weft_core.workflow.attempt import ActivityInfo

Watcher = Callable[[ActivityInfo, tuple[Any, ...]], None]
"""Is told of every attempt and its arguments, before the activity is called."""


class WatchedAttempts(Attempts):
    """The engine's attempts, and one who is told when they begin."""

    watcher: Watcher | None = None

    def start(self, effect: StartAttempt) -> None:
        if self.watcher is not None and not effect.verifies:
            self.watcher(self.info(effect), effect.args)
        super().start(effect)
