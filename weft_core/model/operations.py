"""Operations are data: what a workflow asks the engine for when it awaits.

``ctx.run(...)`` and its siblings only build one of these. Awaiting it hands it to whoever drives the frame; passing it
to ``all`` or ``race`` does not start it. Both an operation and a :class:`Pending` one can be part of a checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, ClassVar, Generic, TypeVar

from weft_core.model.retry import RetryPolicy

T = TypeVar("T")


class Operation(Generic[T]):
    """Base of all operations. ``state`` and ``load`` give its durable form, a flat list."""

    __slots__: tuple[str, ...] = ()
    kind: ClassVar[str] = ""

    def __await__(self) -> Generator[Any, Any, T]:
        return Pending(self)

    def __iter__(self) -> Generator[Any, Any, T]:
        """For the generator form: ``x = yield from ctx.run(...)``."""
        return Pending(self)

    def state(self) -> list[Any]:
        """The fields, in slot order."""
        return [getattr(self, name) for name in self.__slots__]

    def load(self, state: list[Any]) -> None:
        """Fill a blank operation; fields added since the state was written keep their default."""
        for name, value in zip(self.__slots__, state, strict=False):
            object.__setattr__(self, name, value)

    @property
    def label(self) -> str:
        """Short text for people: what this operation is about."""
        return self.kind


class Pending:
    """What a frame is suspended in: the innermost awaitable of its stack.

    The first resume yields the operation to the driver; the next one is its outcome, sent or thrown.
    """

    __slots__ = ("asked", "op")

    def __init__(self, op: Operation[Any] | None) -> None:
        self.op = op
        self.asked = False

    def __iter__(self) -> Pending:
        return self

    __await__ = __iter__

    def __next__(self) -> Operation[Any] | None:
        if self.asked:
            self.op = None
            raise StopIteration(None)
        self.asked = True
        return self.op

    def send(self, value: Any) -> Operation[Any] | None:
        if not self.asked:
            self.asked = True
            return self.op
        self.op = None
        raise StopIteration(value)

    def throw(self, typ: Any, val: Any = None, tb: Any = None) -> Any:
        self.op = None
        error = typ if val is None else val
        try:
            raise error
        finally:
            del error, typ, val  # the error's traceback refers to this frame: together they would be a cycle

    def close(self) -> None:
        self.op = None


class RunActivity(Operation[Any]):
    """Run an activity by name, or (``ctx.step``, ``ctx.memo``) a function that the workflow's own code holds."""

    __slots__ = ("activity", "args", "fn", "idempotency_key", "retry", "timeout_ms")
    kind = "activity"

    def __init__(
        self,
        activity: str,
        args: tuple[Any, ...],
        fn: Callable[..., Any] | None = None,
        idempotency_key: str | None = None,
        retry: RetryPolicy | None = None,
        timeout_ms: int | None = None,
    ) -> None:
        self.activity, self.args, self.fn = activity, args, fn
        self.idempotency_key, self.retry, self.timeout_ms = idempotency_key, retry, timeout_ms

    def state(self) -> list[Any]:
        full = [self.activity, self.args, self.fn, self.idempotency_key, self.retry, self.timeout_ms]
        while full[-1] is None:
            full.pop()
        return full

    def load(self, state: list[Any]) -> None:
        self.__init__(*state)  # type: ignore[misc]

    @property
    def label(self) -> str:
        return self.activity


class Sleep(Operation[None]):
    """Wait for a length of time, or until an instant; exactly one of the two is set."""

    __slots__ = ("deadline_ms", "delay_ms")
    kind = "sleep"

    def __init__(self, delay_ms: int | None = None, deadline_ms: int | None = None) -> None:
        self.delay_ms, self.deadline_ms = delay_ms, deadline_ms

    def state(self) -> list[Any]:
        return [self.delay_ms, self.deadline_ms]

    def load(self, state: list[Any]) -> None:
        self.delay_ms, self.deadline_ms = state


class WaitSignal(Operation[Any]):
    """Take the oldest buffered signal of a name, or wait for the next."""

    __slots__ = ("name", "timeout_ms")
    kind = "signal"

    def __init__(self, name: str, timeout_ms: int | None = None) -> None:
        self.name, self.timeout_ms = name, timeout_ms

    def state(self) -> list[Any]:
        return [self.name, self.timeout_ms]

    def load(self, state: list[Any]) -> None:
        self.name, self.timeout_ms = state

    @property
    def label(self) -> str:
        return self.name


class Group(Operation[Any]):
    """Branches that run side by side: operations or durable coroutines. ``mode`` is "all" or "race"."""

    __slots__ = ("branches", "keys", "mode")
    kind = "group"

    def __init__(self, mode: str, branches: list[Any], keys: list[Any] | None = None) -> None:
        self.mode, self.branches, self.keys = mode, branches, keys

    def state(self) -> list[Any]:
        return [self.mode, self.branches, self.keys]

    def load(self, state: list[Any]) -> None:
        self.mode, self.branches, self.keys = state

    @property
    def label(self) -> str:
        return self.mode


class SetAttributes(Operation[None]):
    """Merge search attributes into the run's record; answered in the same turn."""

    __slots__ = ("attributes",)
    kind = "attribute"

    def __init__(self, attributes: dict[str, Any]) -> None:
        self.attributes = attributes

    def state(self) -> list[Any]:
        return [self.attributes]

    def load(self, state: list[Any]) -> None:
        (self.attributes,) = state


OPERATIONS: tuple[type[Operation[Any]], ...] = (RunActivity, Sleep, WaitSignal, Group, SetAttributes)
