"""What ``weft run`` says while it drives a run: on standard error, so that standard output carries only the result."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from rich.text import Text

from weft_server.cli import events, screen


class RunLog:
    """What happens, on standard error: one line an event. Lines of other runs than ours carry their id."""

    def __init__(self, silent: bool) -> None:
        self._silent = silent
        self._ours: str | None = None
        self._held: list[dict[str, Any]] = []
        self._happened = asyncio.Event()
        self._last = 0.0

    def event(self, event: dict[str, Any]) -> None:
        """Show a committed event. Those of the recovery come before we know which run is ours."""
        self._last = time.monotonic()
        self._happened.set()
        if self._ours is None:
            self._held.append(event)
        elif not self._silent:
            screen.err().print(events.line(event, with_run=event["run_id"] != self._ours))

    def follow(self, run_id: str) -> None:
        """From now on lines are printed, and those of this run without its id."""
        self._ours = run_id
        self.flush()

    def flush(self) -> None:
        held, self._held = self._held, []
        for event in held:
            self.event(event)

    def say(self, words: str) -> None:
        if not self._silent:
            screen.err().print(words, style="dim", markup=False)

    def complain(self, title: str, words: str) -> None:
        """Shown also when quiet: it is the outcome."""
        screen.err().print(Text.assemble(("weft: ", "bold red"), f"{title}. {words}"))

    async def quiet_for(self, seconds: float) -> None:
        """Until nothing has happened for that long."""
        while (left := self._last + seconds - time.monotonic()) > 0:
            await asyncio.sleep(left)
        self._happened.clear()

    async def something_happens(self) -> None:
        await self._happened.wait()
