"""Updates: messages that are answered."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from weft_core.model.operations.base import Operation
from weft_core.model.operations.waiting import WaitMessage

In = TypeVar("In")
Out = TypeVar("Out")


class AnswerUpdate(Operation[None]):
    """Record the answer to an update that was taken: a value, or an error."""

    __slots__ = ("ok", "update_id", "value")
    kind = "answer"

    def __init__(self, update_id: str, ok: bool, value: Any) -> None:
        self.update_id, self.ok, self.value = update_id, ok, value

    def state(self) -> list[Any]:
        return [self.update_id, self.ok, self.value]

    def load(self, state: list[Any]) -> None:
        self.update_id, self.ok, self.value = state

    @property
    def label(self) -> str:
        return self.update_id


class ReceivedUpdate(Generic[In, Out]):
    """An update that the workflow has taken and must answer: by ``await received.respond(value)``, or ``reject``."""

    __slots__ = ("id", "name", "payload")

    def __init__(self, id: str, name: str, payload: In) -> None:
        self.id, self.name, self.payload = id, name, payload

    def respond(self, value: Out) -> Operation[None]:
        """Record the result: whoever asks gets it from now on. A second answer: ``OperationMisuseError``."""
        return AnswerUpdate(self.id, True, value)

    def reject(self, error: BaseException | str) -> Operation[None]:
        """Record that it was refused: whoever asks gets ``UpdateRejectedError``, with ``error`` as its cause."""
        return AnswerUpdate(self.id, False, ValueError(error) if isinstance(error, str) else error)

    def __repr__(self) -> str:
        return f"<update {self.name} {self.id}>"


class WaitUpdate(WaitMessage[ReceivedUpdate[In, Out]]):
    """For an update."""

    __slots__ = ()
    kind = "update"
