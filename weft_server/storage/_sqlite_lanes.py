"""Where calls to the database run: a lane is one thread with one connection, and the queue before it."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from weft_core.errors import StorageClosedError
from weft_server.storage._sqlite_file import translate
from weft_server.storage._wakeups import Bell, Outlet

T = TypeVar("T")
Call = Callable[[sqlite3.Connection], T]

MOST_TOGETHER = 256
"""Calls taken from the queue at once: bounds how long the first of them waits for the last."""


@dataclass(slots=True, eq=False)
class Job:
    """A call and the future of who waits for it."""

    call: Call[Any]
    pages: int
    """About how many pages of the file it changes."""
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


class Work(Protocol):
    """What is done with jobs on a connection."""

    def __call__(self, connection: sqlite3.Connection, jobs: list[Job]) -> None:
        """Run them and fill in result or error of each."""

    @property
    def has_chores(self) -> bool:
        """Whether :meth:`tidy` is due: nobody waits for it, but it should not be put off for long."""

    def tidy(self, connection: sqlite3.Connection) -> None: ...


class Lane:
    """Runs calls in the order they came, in a thread that starts with the first one.

    The connection is opened in that thread. If that fails, the calls that wait get the error and the next one tries
    again. Whoever uses the connection holds ``_in_use``.
    """

    def __init__(self, name: str, connect: Callable[[], sqlite3.Connection], work: Work, path: str) -> None:
        self._name = name
        self._connect = connect
        self._work = work
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._in_use = threading.Lock()
        self._jobs: deque[Job] = deque()
        self._bell: Bell | None = None
        self._thread: threading.Thread | None = None
        self._guard = threading.Lock()
        self._outlets: dict[asyncio.AbstractEventLoop, Outlet] = {}
        self._closed = False
        self._ended = False

    def submit(self, call: Call[T], pages: int = 0) -> asyncio.Future[T]:
        """Ask for a call; the future of the running loop brings its result."""
        if self._closed:
            raise StorageClosedError(store="SQLite")
        loop = asyncio.get_running_loop()
        outlet = self._outlets.get(loop) or self._add_outlet(loop)
        future: asyncio.Future[T] = loop.create_future()
        self._place(Job(call, pages, future, outlet), outlet)
        return future

    def _place(self, job: Job, outlet: Outlet) -> None:
        self._queue([job])

    def _queue(self, jobs: Sequence[Job]) -> None:
        """To the thread, behind what is there."""
        with self._guard:  # event loops of two threads may share a store
            if not self._ended:
                self._jobs.extend(jobs)
                (self._bell or self._start()).ring()
                return
        fail(jobs, StorageClosedError(store="SQLite"), self._path)
        for job in jobs:
            job.resolve()

    def _start(self) -> Bell:
        self._bell = Bell()
        # A daemon: a program that forgets close() must still end. What was acknowledged is on disk anyway.
        name = f"weft-sqlite-{self._name}"
        self._thread = threading.Thread(target=self._run, args=(self._bell,), name=name, daemon=True)
        self._thread.start()
        return self._bell

    def _add_outlet(self, loop: asyncio.AbstractEventLoop) -> Outlet:
        with self._guard:
            for old in [known for known in self._outlets if known.is_closed()]:
                self._outlets.pop(old).close()
            return self._outlets.setdefault(loop, Outlet(loop))

    async def close(self) -> None:
        """Let the thread finish what was asked, close its connection and end."""
        with self._guard:
            self._closed = True
            if self._bell is None:
                self._ended = True
            else:
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

    # -------------------------------------------------------------- in the thread

    def _run(self, bell: Bell) -> None:
        closing = False
        while not closing:
            bell.wait()
            closing = self._closed
            while self._round():
                pass
        with self._guard:
            self._ended = True
        # What came in before that, from the event loop of another thread.
        while self._round():
            pass
        with self._in_use:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
        bell.close()

    def _round(self) -> bool:
        """Serve some of those who wait. False: nobody did."""
        with self._in_use:
            jobs = [self._jobs.popleft() for _ in range(min(len(self._jobs), MOST_TOGETHER))]
            if jobs:
                self._serve(jobs)
            outlets = put_out(jobs)
        for outlet in outlets:
            outlet.ring()
        if self._work.has_chores:
            with self._in_use:
                if self._connection is not None:
                    self._work.tidy(self._connection)
        return bool(jobs)

    def _serve(self, jobs: list[Job]) -> None:
        try:
            if self._connection is None:
                self._connection = self._connect()
            self._work(self._connection, jobs)
        except BaseException as error:
            fail(jobs, error, self._path)


def fail(jobs: Iterable[Job], error: BaseException, path: str, *, commit_unknown: bool = False) -> None:
    """Give all of them our error for this one."""
    found = translate(error, path, commit_unknown=commit_unknown)
    for job in jobs:
        job.result, job.error = None, found


def put_out(jobs: list[Job]) -> set[Outlet]:
    """Put finished jobs where their callers get them, and say which outlets are to be rung."""
    outlets = {job.outlet for job in jobs if job.outlet is not None}
    for outlet in outlets:
        outlet.put([job for job in jobs if job.outlet is outlet])
    return outlets
