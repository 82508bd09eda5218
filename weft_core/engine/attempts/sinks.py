"""What an attempt writes to streams, on its way to the pump: in order, bounded, gathered during a commit."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Generator
from typing import Any

from weft_core.engine.attempts.tokens import on_loop
from weft_core.engine.batch import Envelope
from weft_core.engine.writing import store_streams
from weft_core.errors import LimitExceededError
from weft_core.machine.effects import StartAttempt
from weft_core.machine.operations.activity.note import RUNNING
from weft_core.machine.streams import Streams, chunk
from weft_core.model.limits import Limits
from weft_core.model.run import RunState
from weft_core.ports import Op

ROOM = 256 * 1024
"""Bytes on their way beyond which ``await sink.write(...)`` waits."""
MOST = 4 * 1024 * 1024
"""Bytes on their way beyond which a write that nobody awaits is refused."""


class Sink:
    """:class:`weft_core.workflow.attempt.StreamSink` of one attempt and stream. Its state is the event loop's."""

    def __init__(
        self, effect: StartAttempt, name: str, loop: asyncio.AbstractEventLoop, limits: Limits,
        submit: Callable[[Envelope], None], wanted: Callable[[], bool],
    ) -> None:  # fmt: skip
        self._effect, self._name, self._loop, self._limits = effect, name, loop, limits
        self._submit, self._wanted = submit, wanted
        self._waiting: list[bytes] = []
        self._size = 0
        """Bytes that are not durable yet."""
        self._flying = 0
        self._moved: asyncio.Future[None] | None = None
        self.error: BaseException | None = None
        """Why what was written could not be stored."""

    # -- for the activity, in whatever thread it runs

    def write(self, value: Any) -> Room:
        data = chunk(value, self._limits)
        if on_loop(self._loop):
            self._add(data)
            return Room(self)
        asyncio.run_coroutine_threadsafe(self._add_and_wait(data), self._loop).result()
        return Room(self, full=False)

    async def flush(self) -> None:
        while self._size:
            await self._next_move()
        self._check()

    def _add(self, data: bytes) -> None:
        if not self._wanted():
            return  # nobody reads what an attempt writes that is over
        self._check()
        if self._size + len(data) > MOST:
            what = f"what is written to stream {self._name!r} faster than it is stored; await its write(). In bytes it"
            raise LimitExceededError(what=what, actual=self._size + len(data), limit=MOST)
        self._waiting.append(data)
        self._size += len(data)
        if not self._flying:
            self.send()

    async def _add_and_wait(self, data: bytes) -> None:
        self._add(data)
        await self.room()

    def _check(self) -> None:
        if self.error is not None:
            raise self.error

    @property
    def full(self) -> bool:
        return self._size > ROOM

    async def room(self) -> None:
        """Wait until less is on its way."""
        while self.full:
            await self._next_move()
        self._check()

    async def _next_move(self) -> None:
        if self._moved is None:
            self._moved = self._loop.create_future()
        await asyncio.shield(self._moved)

    # -- for the engine

    def send(self) -> None:
        """Hand over what waits: whatever is submitted after it is decided after it."""
        if not self._waiting:
            return
        chunks, self._waiting = self._waiting, []
        size = sum(map(len, chunks))
        reply: asyncio.Future[Any] = self._loop.create_future()
        reply.add_done_callback(functools.partial(self._landed, size))
        write = functools.partial(append_to_stream, self._effect, self._name, chunks, self._limits)
        self._flying += 1
        self._submit(Envelope(self._effect.run_id, write=write, reply=reply))

    def _landed(self, size: int, reply: asyncio.Future[Any]) -> None:
        self._flying -= 1
        self._size -= size
        if not reply.cancelled() and (error := reply.exception()) is not None:
            self.error = error
        if not self._flying and self._wanted():
            self.send()
        self.wake()

    def wake(self) -> None:
        """Whoever waits looks again; if the attempt is over, nothing is on its way any more."""
        if not self._wanted():
            self._waiting, self._size = [], 0
        if self._moved is not None:
            self._moved.set_result(None)
            self._moved = None


class Room:
    """``await`` it to write no faster than is stored. Nothing happens if nobody does."""

    __slots__ = ("_full", "_sink")

    def __init__(self, sink: Sink, full: bool = True) -> None:
        self._sink, self._full = sink, full

    def __await__(self) -> Generator[Any, None, None]:
        if self._full and self._sink.full:
            return self._sink.room().__await__()
        return iter(())  # type: ignore[return-value]


def append_to_stream(
    effect: StartAttempt, name: str, chunks: list[bytes], limits: Limits, run: RunState, now: int
) -> list[Op]:
    """Records of what an attempt has written; none if the run does not wait for this attempt any more.

    ``OperationMisuseError``, ``LimitExceededError``: then nothing is written.
    """
    task = run.tasks.get(effect.task)
    if task is None or task.step != effect.step or task.wait[:2] != [RUNNING, effect.attempt]:
        return []
    if run.streams is None:
        run.streams = Streams()
    run.streams.check(name, len(chunks), limits)
    run.streams.write(name, [[effect.step, data] for data in chunks], effect.step)
    return store_streams(run, now)
