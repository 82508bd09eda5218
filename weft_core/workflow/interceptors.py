"""Interceptors: code of yours around what an engine does. Subclass :class:`Interceptor`, override what you need."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from weft_core.model.operations import Operation
from weft_core.workflow.attempt import ActivityInfo

Next = Callable[..., Awaitable[Any]]


@dataclass(slots=True)
class StartCall:
    """``engine.start``. ``inputs`` and ``headers`` may be changed."""

    workflow: str
    inputs: tuple[Any, ...]
    id: str | None
    headers: dict[str, str]


@dataclass(slots=True)
class SignalCall:
    """A signal from outside, also one that was left in the inbox. ``payload`` may be changed."""

    run_id: str
    name: str
    payload: Any


@dataclass(slots=True)
class UpdateCall:
    """``engine.update``. ``payload`` may be changed."""

    run_id: str
    name: str
    payload: Any


@dataclass(slots=True)
class QueryCall:
    """``engine.query``. ``args`` may be changed."""

    run_id: str
    name: str
    args: tuple[Any, ...]


@dataclass(slots=True)
class CancelCall:
    """A request to cancel a run, from outside. ``reason`` may be changed."""

    run_id: str
    reason: str | None


@dataclass(slots=True)
class OperationCall:
    """An operation that a workflow begins: an activity, a sleep, a wait for a signal, a group, a child ..."""

    run_id: str
    workflow: str
    operation: Operation[Any]
    """What is begun, a copy: what is changed in it is what is stored."""
    run_headers: dict[str, str]
    """Those the run was started with, to read."""
    headers: dict[str, str] = field(default_factory=dict)
    """To be added for this operation. Activities and child runs carry them; the other kinds have none."""

    @property
    def kind(self) -> str:
        """ "activity", "sleep", "signal", "group", "attribute", "child" ..."""
        return self.operation.kind

    @property
    def name(self) -> str:
        """Of the activity, signal, workflow ...; the kind if it has none."""
        return self.operation.label

    @property
    def args(self) -> tuple[Any, ...]:
        """The arguments of an activity, the inputs of a child; empty for other kinds. May be set for these two."""
        args: tuple[Any, ...] = getattr(self.operation, self._args_field() or "", ())
        return args

    @args.setter
    def args(self, args: tuple[Any, ...]) -> None:
        name = self._args_field()
        if name is None:
            raise AttributeError(f"an operation of kind {self.kind!r} has no arguments")
        setattr(self.operation, name, tuple(args))

    def _args_field(self) -> str | None:
        return next((name for name in ("args", "inputs") if hasattr(self.operation, name)), None)


class Interceptor:
    """``Engine(interceptors=[Tracing(), Permissions()])``: the first one is the outermost.

    A hook that is not overridden costs nothing. One that raises refuses: the caller gets its error, and nothing is
    written. All but :meth:`activity` are plain functions: they must not wait.
    """

    async def activity(self, info: ActivityInfo, args: tuple[Any, ...], next: Next) -> Any:
        """Around every attempt of an activity: ``return await next(*args)``.

        What it returns, or raises, is the outcome of the attempt.
        """
        return await next(*args)

    def operation(self, call: OperationCall) -> None:
        """When a workflow begins an operation, once: there is no replay that would begin it again.

        After a crash before the checkpoint that holds it, the statements since the last suspension run again, and so
        does this. An error is raised at the line that awaits the operation.
        """

    def start(self, call: StartCall) -> None:
        """Before ``engine.start``. Children are begun by their parent, as an operation."""

    def signal(self, call: SignalCall) -> None:
        """Before a signal from outside is accepted. Signals between runs are operations of the sender."""

    def update(self, call: UpdateCall) -> None:
        """Before ``engine.update``, and so before its validator."""

    def query(self, call: QueryCall) -> None:
        """Before ``engine.query``."""

    def cancel(self, call: CancelCall) -> None:
        """Before a request to cancel is accepted."""
