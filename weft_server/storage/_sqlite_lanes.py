"""Where calls to the database run: a lane is one thread with one connection, and the queue before it.

An inline lane has the same shape and runs them where they are made.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from weft_core.errors import StorageClosedError
from weft_server.storage._sqlite_file import translate
from weft_server.storage._wakeups import Bell, Outlet

T = TypeVar("T")
Call = Callable[[sqlite3.Connection], Any]

MOST_TOGETHER = 256
"""Calls taken from the queue at once: bounds how long the first of them waits for the last."""


@dataclass(slots=True, eq=False)
class Job:
    """A call and the future of who waits for it."""

    call: Call
    future: asyncio.Future[Any]
    outlet: Outlet | None = None
    result: Any = None
    error: BaseException | None = None

    def resolve(self) -> None:
        """In the caller's event loop: let it go on."""
        if self.future.done():
            return  # it was cancelled
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


Work = Callable[[sqlite3.Connection, list[Job]], None]
"""Runs jobs on the connection and fills in result or error of each."""


class Lane:
    """Runs calls in the order they came, in a thread that starts with the first one.

    The connection is opened in that thread. If that fails, the calls that wait get the error and the next one tries
    again.
    """

    def __init__(self, name: str, connect: Callable[[], sqlite3.Connection], work: Work, path: str) -> None:
        self._name = name
        self._connect = connect
        self._work = work
        self._path = path
        self._jobs: deque[Job] = deque()
        self._bell: Bell | None = None
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._outlets: dict[asyncio.AbstractEventLoop, Outlet] = {}
        self._closed = False

    def submit(self, call: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Ask for a call; the future of the running loop brings its result. Never blocks."""
        if self._closed:
            raise StorageClosedError(store="SQLite")
        bell = self._bell or self._start()
        loop = asyncio.get_running_loop()
        outlet = self._outlets.get(loop) or self._add_outlet(loop)
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.append(Job(call, future, outlet))
        bell.ring()
        return future

    def _start(self) -> Bell:
        with self._starting:  # event loops of two threads may share a store
            if self._bell is None:
                bell = Bell()
                # A daemon: a program that forgets close() must still end. What was acknowledged is on disk anyway.
                name = f"weft-sqlite-{self._name}"
                self._thread = threading.Thread(target=self._run, args=(bell,), name=name, daemon=True)
                self._thread.start()
                self._bell = bell
        return self._bell

    def _add_outlet(self, loop: asyncio.AbstractEventLoop) -> Outlet:
        with self._starting:
            for old in [known for known in self._outlets if known.is_closed()]:
                self._outlets.pop(old).close()
            return self._outlets.setdefault(loop, Outlet(loop))

    async def close(self) -> None:
        """Let the thread finish what was asked, close its connection and end."""
        if not self._closed:
            self._closed = True
            if self._bell is not None:
                self._bell.ring()
        if self._thread is not None and self._thread.is_alive():
            await asyncio.to_thread(self._thread.join)
        outlets, self._outlets = self._outlets, {}
        here = asyncio.get_running_loop()
        for loop, outlet in outlets.items():
            if loop is here or loop.is_closed():
                outlet.close()
            else:
                loop.call_soon_threadsafe(outlet.close)

    def _run(self, bell: Bell) -> None:
        connection: sqlite3.Connection | None = None
        closing = False
        while not closing:
            bell.wait()
            # Looked at before the queue is emptied: nothing comes in after it.
            closing = self._closed
            while jobs := self._waiting():
                connection = self._serve(connection, jobs)
        if connection is not None:
            connection.close()
        bell.close()

    def _waiting(self) -> list[Job]:
        return [self._jobs.popleft() for _ in range(min(len(self._jobs), MOST_TOGETHER))]

    def _serve(self, connection: sqlite3.Connection | None, jobs: list[Job]) -> sqlite3.Connection | None:
        try:
            if connection is None:
                connection = self._connect()
            self._work(connection, jobs)
        except BaseException as error:
            fail(jobs, error, self._path)
        deliver(jobs)
        return connection


class InlineLane:
    """Runs each call at once, in the thread of the event loop, which waits for the disk meanwhile."""

    def __init__(self, connect: Callable[[], sqlite3.Connection], work: Work, path: str) -> None:
        self._connect = connect
        self._work = work
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._one_at_a_time = threading.Lock()
        self._closed = False

    def submit(self, call: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Make the call; the future is done."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        job = Job(call, future)
        with self._one_at_a_time:
            if self._closed:
                raise StorageClosedError(store="SQLite")
            try:
                if self._connection is None:
                    self._connection = self._connect()
                self._work(self._connection, [job])
            except Exception as error:
                fail([job], error, self._path)
        job.resolve()
        return future

    async def close(self) -> None:
        with self._one_at_a_time:
            self._closed = True
            if self._connection is not None:
                self._connection.close()
                self._connection = None


def fail(jobs: Iterable[Job], error: BaseException, path: str, *, commit_unknown: bool = False) -> None:
    """Give all of them our error for this one."""
    found = translate(error, path, commit_unknown=commit_unknown)
    for job in jobs:
        job.result, job.error = None, found


def deliver(jobs: list[Job]) -> None:
    """Wake the callers, once for each event loop."""
    for outlet in {job.outlet for job in jobs}:
        if outlet is not None:
            outlet.bring([job for job in jobs if job.outlet is outlet])
