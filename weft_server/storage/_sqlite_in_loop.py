"""Calls to the database in the event loop's own thread: sometimes, while that is cheap, or always."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from typing import Protocol, TypeVar

from weft_core.errors import StorageClosedError
from weft_server.storage._sqlite_lanes import Call, Job, Lane, Work, fail
from weft_server.storage._sqlite_pace import MOST_PAGES, Pace
from weft_server.storage._wakeups import Outlet

T = TypeVar("T")

STRETCH_S = 0.004
"""How long calls may keep the loop to themselves in one turn of it."""


class EagerWork(Work, Protocol):
    """Work that can also be tried without ever waiting for others."""

    pace: Pace

    def at_once(self, connection: sqlite3.Connection, jobs: list[Job]) -> bool:
        """Run them and fill in result or error of each. False: not now; nothing has happened."""


class EagerLane(Lane):
    """A lane that does a small job in the event loop itself while it has been quick lately and nobody is before it.

    In the first milliseconds of a turn of the loop each is done where it is asked for. Later ones are held until what
    else is ready has run, so that many who come in one turn are served together, and so that the loop turns however
    fast the disk is.
    A job goes to the thread after all if the thread has work by then, if there are too many with it, or if ``at_once``
    finds another process in its way.
    """

    def __init__(self, name: str, connect: Callable[[], sqlite3.Connection], work: EagerWork, path: str) -> None:
        super().__init__(name, connect, work, path)
        self._eager = work
        self._held: dict[Outlet, list[Job]] = {}
        self._turn_began: dict[Outlet, float] = {}

    def _place(self, job: Job, outlet: Outlet) -> None:
        held = self._held.get(outlet)
        if held is not None:
            held.append(job)  # behind those of this turn, whatever its size
        elif not self._eager.pace.quick or job.pages > MOST_PAGES or self._in_use.locked():
            self._queue([job])
        elif self._turn_is_long(outlet):
            self._held[outlet] = [job]
            outlet.loop.call_soon(self._decide, outlet)
        elif not self._try([job]):
            self._queue([job])

    def _turn_is_long(self, outlet: Outlet) -> bool:
        now = outlet.loop.time()
        began = self._turn_began.get(outlet)
        if began is None:
            self._turn_began[outlet] = now
            outlet.loop.call_soon(self._turn_began.pop, outlet, None)
            return False
        return now - began > STRETCH_S

    def _decide(self, outlet: Outlet) -> None:
        jobs = self._held.pop(outlet, None)
        if jobs and not self._try(jobs):
            self._queue(jobs)

    def _try(self, jobs: list[Job]) -> bool:
        if not self._eager.pace.quick or sum(job.pages for job in jobs) > MOST_PAGES:
            return False
        # Held by the thread from taking jobs to their end: without it there is nothing running, only waiting.
        if not self._in_use.acquire(blocking=False):
            return False
        try:
            if self._jobs or self._connection is None:
                return False
            done = self._eager.at_once(self._connection, jobs)
        except BaseException as error:  # Ctrl-C, for example
            fail(jobs, error, self._path, commit_unknown=True)
            for job in jobs:
                job.resolve()
            raise
        finally:
            self._in_use.release()
        if done:
            for job in jobs:
                job.resolve()
            if self._eager.has_chores:
                self._queue([])
        return done

    async def close(self) -> None:
        # Those of other event loops are told by their own turn that it is closed.
        here = self._outlets.get(asyncio.get_running_loop())
        if here is not None and (jobs := self._held.pop(here, None)):
            self._queue(jobs)
        await super().close()


class LoopLane:
    """Has no thread: each call is made where it is asked for, and its caller waits for the disk and for others."""

    def __init__(self, connect: Callable[[], sqlite3.Connection], work: Work, path: str) -> None:
        self._connect = connect
        self._work = work
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._in_use = threading.Lock()
        self._closed = False

    def submit(self, call: Call[T], pages: int = 0) -> asyncio.Future[T]:
        """Make the call; the future is done."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        job = Job(call, pages, future)
        with self._in_use:
            if self._closed:
                raise StorageClosedError(store="SQLite")
            try:
                if self._connection is None:
                    self._connection = self._connect()
                self._work(self._connection, [job])
                if self._work.has_chores:
                    self._work.tidy(self._connection)
            except Exception as error:
                fail([job], error, self._path)
        job.resolve()
        return future

    async def close(self) -> None:
        with self._in_use:
            self._closed = True
            if self._connection is not None:
                self._connection.close()
                self._connection = None
