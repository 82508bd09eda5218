"""Operations are data: what a workflow asks the engine for when it awaits.

``ctx.run(...)`` and its siblings only build one of these. Awaiting it hands it to whoever drives the frame; passing it
to ``all`` or ``race`` does not start it. Both an operation and a :class:`Pending` one can be part of a checkpoint.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, ClassVar, Generic, TypeVar

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
