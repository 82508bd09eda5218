"""Waking a thread, and waking an event loop, as fast as the system allows.

Both use pipes: the system wakes the reader of a pipe much sooner than the waiter of a lock, and asyncio's own way back
from a thread costs two more system calls. On a small machine this is half of what handing a commit to a thread costs.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import Sequence
from typing import Protocol


class Bell:
    """Wakes one reader. Rung several times before it is heard, it is heard once."""

    def __init__(self) -> None:
        self.read_end, self._write_end = os.pipe()
        self._rung = False
        self._lock = threading.Lock()

    def ring(self) -> None:
        """End the present or next :meth:`wait`. What was done before it is seen after the wait."""
        with self._lock:
            if not self._rung:
                self._rung = True
                os.write(self._write_end, b"!")

    def wait(self) -> None:
        """Block until it rings."""
        os.read(self.read_end, 1)
        # Before the reader looks for work: whoever brings some from now on rings again.
        self._rung = False

    def close(self) -> None:
        """Ringing is harmless from now on. Not while somebody waits."""
        with self._lock:
            # The numbers of closed files are used again; nothing may be written to them.
            if self._write_end >= 0:
                self._rung = True
                os.close(self.read_end)
                os.close(self._write_end)
                self._write_end = -1


class Finished(Protocol):
    def resolve(self) -> None: ...


class Outlet:
    """Brings finished jobs from other threads to one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._finished: deque[Finished] = deque()
        self._bell: Bell | None = Bell()
        try:
            loop.add_reader(self._bell.read_end, self._heard)
        except NotImplementedError:  # the default loop of Windows
            self._bell.close()
            self._bell = None

    def put(self, jobs: Sequence[Finished]) -> None:
        """Have these resolved in the loop, after the ones before them, when it next rings. From any thread."""
        self._finished.extend(jobs)

    def ring(self) -> None:
        """Wake the loop; nothing happens if it has been closed. From any thread."""
        if self._bell is not None:
            self._bell.ring()
            return
        try:
            self.loop.call_soon_threadsafe(self._resolve)
        except RuntimeError:
            pass  # closed: nobody waits any more

    def _heard(self) -> None:
        if self._bell is not None:
            self._bell.wait()
        self._resolve()

    def _resolve(self) -> None:
        while self._finished:
            self._finished.popleft().resolve()

    def close(self) -> None:
        """Resolve what is left and let go of the loop. Once; in this loop or after its end."""
        if not self.loop.is_closed():
            self._resolve()
            if self._bell is not None:
                self.loop.remove_reader(self._bell.read_end)
        if self._bell is not None:
            self._bell.close()
