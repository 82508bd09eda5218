"""Starting coroutines at once, on the caller's turn of the event loop.

Most activities never really wait, and then a task for each would cost more than the activity. So the first stretch of
a coroutine runs immediately, *as* a spare asyncio task: ``asyncio.current_task()``, ``asyncio.timeout()`` and the like
see that task. If the coroutine ends without waiting, the spare is kept for the next one; if it waits, the spare adopts
it and goes on like any task. (CPython 3.12 has eager tasks; this works on all versions, and in Pyodide.)
"""

from __future__ import annotations

import asyncio
import types
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, copy_context
from typing import Any

from weft_core.ports import Stretch, enters_authors_code

Done = Callable[[BaseException | None, Any], None]
Whose = tuple[str, str, str]
"""What a :class:`Stretch` is told."""


class _Spare:
    """A task that waits to be given a coroutine which has already begun."""

    def __init__(self, loop: asyncio.AbstractEventLoop, stretch: Stretch) -> None:
        self._loop, self._stretch = loop, stretch
        self._given = loop.create_future()
        self._job: tuple[Coroutine[Any, Any, Any], Any, Context, Done, Whose] | None = None
        self._begun = False
        self.task: asyncio.Task[None] = loop.create_task(self._main())
        self.task.add_done_callback(self._rescue)

    @property
    def usable(self) -> bool:
        """False once somebody has cancelled the task: an activity itself, or one who kept it from a former one."""
        return not (self.task.done() or self.task.cancelling())

    def adopt(
        self, coro: Coroutine[Any, Any, Any], yielded: Any, context: Context, done: Done, whose: Whose
    ) -> None:  # fmt: skip
        self._job = (coro, yielded, context, done, whose)
        if not self._given.done():
            self._given.set_result(None)

    def _rescue(self, _: asyncio.Task[None]) -> None:
        # A task cancelled before its first turn never enters its coroutine; the job must hear of it all the same.
        if self._job is not None and not self._begun:
            self.task = self._loop.create_task(self._main(asyncio.CancelledError()))

    async def _main(self, thrown: BaseException | None = None) -> None:
        self._begun = True
        await self._drive(thrown)

    @enters_authors_code
    @types.coroutine
    def _drive(self, thrown: BaseException | None) -> Generator[Any, Any, None]:
        value: Any = None
        try:
            if thrown is None:
                yield from self._given
        except asyncio.CancelledError as cancelled:
            if self._job is None:
                raise
            thrown = cancelled  # cancelled between its first wait and our first turn
        assert self._job is not None
        coro, yielded, context, done, whose = self._job
        first = True
        while True:
            if not (first and thrown is None):
                self._stretch.begins(*whose)
                try:
                    if thrown is not None:
                        error, thrown = thrown, None
                        yielded = context.run(coro.throw, error)
                    else:
                        yielded = context.run(coro.send, value)
                except StopIteration as stop:
                    return done(None, stop.value)
                except BaseException as failure:
                    return done(failure, None)
            first = False
            try:
                value = yield yielded
            except BaseException as failure:
                thrown = failure


class EagerStarter:
    """Starts coroutines; one per event loop and engine."""

    def __init__(self, loop: asyncio.AbstractEventLoop, stretch: Stretch) -> None:
        self._loop, self._stretch = loop, stretch
        self._spare: _Spare | None = None

    @enters_authors_code
    def start(
        self,
        coro: Coroutine[Any, Any, Any],
        done: Done,
        prepare: Callable[[], None] | None = None,
        whose: Whose = ("", "", ""),
    ) -> asyncio.Task[None] | None:
        """Run ``coro`` up to its first wait. ``done(error, value)`` is called once, perhaps before this returns.

        ``prepare`` runs first, in the coroutine's own context. Returns the task that goes on with it, or None if it has
        ended already.
        """
        spare = self._spare
        if spare is None or not spare.usable:
            spare = _Spare(self._loop, self._stretch)
        self._spare = None
        context = copy_context()
        if prepare is not None:
            context.run(prepare)
        current = asyncio.current_task(self._loop)
        if current is not None:
            _leave_task(self._loop, current)
        _enter_task(self._loop, spare.task)
        self._stretch.begins(*whose)
        try:
            yielded = context.run(coro.send, None)
        except StopIteration as stop:
            outcome: tuple[BaseException | None, Any] = (None, stop.value)
        except BaseException as failure:
            outcome = (failure, None)
        else:
            spare.adopt(coro, yielded, context, done, whose)
            return spare.task
        finally:
            _leave_task(self._loop, spare.task)
            if current is not None:
                _enter_task(self._loop, current)
        if spare.usable:
            self._spare = spare
        done(*outcome)
        return None

    def close(self) -> None:
        if self._spare is not None:
            self._spare.task.cancel()
            self._spare = None
