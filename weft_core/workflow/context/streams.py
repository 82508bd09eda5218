"""Streams: tokens, progress, log lines; for readers outside of the run."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, overload

from weft_core import codec
from weft_core.errors import OperationMisuseError
from weft_core.machine.naming import check_name
from weft_core.machine.streams import Streams, chunk
from weft_core.model.operations import Operation, RunActivity
from weft_core.model.retry import RetryPolicy
from weft_core.model.streams import StreamRef
from weft_core.workflow.activity import Activity
from weft_core.workflow.attempt import StreamSink, activity_info
from weft_core.workflow.context.facts import Facts


class Streaming(Facts):
    """``ctx.stream``."""

    @overload
    def stream(self, name: str, /) -> WorkflowStream: ...
    @overload
    def stream(
        self, name: str, fn: Callable[..., Any], /, *args: Any, retry: RetryPolicy | None = None
    ) -> Operation[StreamRef]: ...
    def stream(
        self, name: str, fn: Callable[..., Any] | None = None, /, *args: Any, retry: RetryPolicy | None = None
    ) -> Any:
        """A durable stream of this run, which ``engine.tail_stream(run_id, name)`` follows.

        ``ctx.stream("progress").write(value)`` acts at once: the value is stored with the next checkpoint. With ``fn``,
        a function of the workflow's own, ``await ctx.stream("tokens", fn, *args)`` is one step that runs ``fn(sink,
        *args)`` as ``ctx.step`` does, with ``sink.write(chunk)``; its value is a :class:`StreamRef`.
        """
        check_name(name, "the name of a stream", self._limits)
        if fn is None:
            return WorkflowStream(self, name)
        if isinstance(fn, Activity) or not callable(fn):
            reason = (
                f"{fn!r} is an activity: run it with ctx.run, and have it write to activity_info().stream({name!r})"
                if isinstance(fn, Activity)
                else f"{fn!r} cannot be called"
            )
            raise OperationMisuseError(operation="ctx.stream", reason=reason)
        return RunActivity(name, args, functools.partial(write_into, name, fn), None, retry)


class WorkflowStream:
    """A stream as the workflow itself writes it."""

    __slots__ = ("_ctx", "name")

    def __init__(self, ctx: Streaming, name: str) -> None:
        self._ctx, self.name = ctx, name

    @property
    def ref(self) -> StreamRef:
        return StreamRef(self._ctx.id, self.name)

    def write(self, value: Any) -> None:
        """Append a value; it is stored with the next checkpoint, and visible then (G1).

        ``PayloadTooLargeError``, ``LimitExceededError``, ``OperationMisuseError`` (the stream is closed).
        """
        data = chunk(value, self._ctx._limits)
        self._streams(1).write(self.name, [[0, data]])

    def close(self) -> None:
        """Nothing more will be written: who follows it comes to an end. What activities still write is refused."""
        self._streams(1).close(self.name)

    def _streams(self, count: int) -> Streams:
        run = self._ctx._run
        if run.streams is None:
            run.streams = Streams()
        run.streams.check(self.name, count, self._ctx._limits)
        return run.streams  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"<stream {self.name}>"


def write_into(name: str, fn: Callable[..., Any], /, *args: Any) -> Any:
    """What the attempt of a streaming step does: in a thread, as ``fn`` may block. What it returns is awaited on the
    event loop, if it can be."""
    info = activity_info()
    sink = info.stream(name)
    return _all_written(info.run_id, name, sink, fn(sink, *args))


async def _all_written(run_id: str, name: str, sink: StreamSink, value: Any) -> StreamRef:
    if inspect.isawaitable(value):
        await value
    await sink.flush()
    return StreamRef(run_id, name)


codec.allow_module(__name__)  # where checkpoints find it
